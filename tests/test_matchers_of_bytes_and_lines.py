"""`binary`, `lines` and `similar`: what each takes, and what it must refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.matchers import binary, lines, similar
from harness.model import ErrorReply, Match, Mismatch, ReferenceFault, Strength, Structured
from harness.readers import insta

if TYPE_CHECKING:
    from harness.model import Content, Output

    from .conftest import Workspace


# --- binary --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "a\n", b"\xff\x00", b"\x89PNG" * 100_000])
def test_the_same_bytes_are_exact(content: Content) -> None:
    assert binary.make({}).match(content, content, str) == Match(Strength.EXACT)


@pytest.mark.parametrize(
    ("reference", "got", "why"),
    [
        (b"\x89PNG\r\n", b"\x89PNG\n", "first differs at 0x4: 0d 0a, got 0a"),
        (b"\xff" * 100_000, b"\xff" * 99_999 + b"\xfe", "first differs at 0x1869f: ff, got fe"),
        (b"\xff\x00", b"\xff", "first differs at 0x1: 00, got the end"),
        ("a", "a\n", "first differs at 0x1: the end, got 0a"),
        ("\ufeffa", "a", "first differs at 0x0: ef bb bf 61, got 61"),
        ("", b"\xff", "first differs at 0x0: the end, got ff"),
    ],
)
def test_other_bytes_are_told_by_size_hash_and_first_offset(reference: Content, got: Output, why: str) -> None:
    matched = binary.make({}).match(reference, got, insta.canonical)
    assert isinstance(matched, Mismatch)
    assert matched.why.endswith(why)
    assert "bytes" in matched.why


@pytest.mark.parametrize("got", [1, Structured("1"), ErrorReply({"kind": "1"})])
def test_what_is_no_bytes_is_not_compared_as_such(got: Output | ErrorReply) -> None:
    assert binary.make({}).match("1", got, str) == Mismatch("bytes are due")


def test_a_bit_is_seen_by_the_audit(workspace: Workspace) -> None:
    workspace.pair("a", b"\xff\x00\x01", b"\xff\x00\x01")
    rule = '[[suite.rule]]\nmatcher = "binary"\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rule)
    assert workspace.run("check").code == 0
    assert "survives" not in workspace.run("audit").out


# --- lines ---------------------------------------------------------------------------------------------------------


def of_lines(reference: str, got: str, *options: str) -> Match | Mismatch:
    return lines.make(dict.fromkeys(options, True)).match(reference, got, str)


@pytest.mark.parametrize(
    ("reference", "got", "options", "worth"),
    [
        ("a\nb\n", "a\nb\n", ["unordered"], Strength.EXACT),
        ("a\nb\nb\n", "b\na\nb\n", ["unordered"], Strength.STRUCTURAL),
        ("a\nb\n", "b\na\n", ["unordered", "subset"], Strength.STRUCTURAL),
        ("a\nb\n", "x\na\ny\nb\n", ["subset"], Strength.FIELDS),
        ("a\nb\n", "x\nb\na", ["unordered", "subset"], Strength.FIELDS),
    ],
)
def test_lines_in_another_order_and_lines_among_others(
    reference: str, got: str, options: list[str], worth: Strength
) -> None:
    matched = of_lines(reference, got, *options)
    assert isinstance(matched, Match)
    assert matched.achieved is worth
    assert matched.achieved.rank >= lines.make(dict.fromkeys(options, True)).allowed.rank


@pytest.mark.parametrize(
    ("reference", "got", "options", "why"),
    [
        ("a\nb\n", "a\nc\n", ["unordered"], "1 lines missing, first 'b'; 1 too many, first 'c'"),
        ("a\nb\n", "b\na", ["unordered"], "1 lines missing, first ''"),
        ("a\na\n", "a\n", ["unordered"], "1 lines missing, first 'a'"),
        ("a\n", "a\na\n", ["unordered"], "1 too many, first 'a'"),
        ("a \nb\n", "b\na\n", ["unordered"], "1 lines missing, first 'a '; 1 too many, first 'a'"),
        ("a\rb\n", "b\ra\n", ["unordered"], "1 lines missing, first 'a\\rb'; 1 too many, first 'b\\ra'"),
        ("a\nb\n", "b\na\n", ["subset"], "the lines are in another order"),
        ("a\na\n", "x\na\n", ["subset", "unordered"], "1 lines missing, first 'a'"),
        ("ab\n", "a\nb\n", ["subset"], "1 lines missing, first 'ab'"),
        ("a\n", "xa\n", ["subset"], "1 lines missing, first 'a'"),
        ("a\n", "", ["subset"], "1 lines missing, first 'a'"),
    ],
)
def test_lines_that_are_missing_changed_or_too_many_do_not_pass(
    reference: str, got: str, options: list[str], why: str
) -> None:
    assert of_lines(reference, got, *options) == Mismatch(why)


@pytest.mark.parametrize("reference", ["", "\n", " \n\n"])
def test_a_subset_of_nothing_is_a_fault(reference: str) -> None:
    with pytest.raises(ReferenceFault, match="would pass everything"):
        of_lines(reference, "anything", "subset")


def test_lines_that_ask_for_nothing_are_refused_and_so_is_what_is_no_text() -> None:
    with pytest.raises(ValueError, match="says nothing"):
        lines.make({})
    with pytest.raises(ReferenceFault):
        lines.make({"unordered": True}).match(b"\xff", "", str)
    assert isinstance(lines.make({"unordered": True}).match("a", b"\xff", str), Mismatch)


def test_a_long_text_of_lines_is_no_trouble() -> None:
    many = "".join(f"{number}\n" for number in range(200_000))
    assert isinstance(of_lines(many, many[::-1], "unordered", "subset"), Mismatch)


def test_the_audit_shows_that_a_subset_lets_more_through(workspace: Workspace) -> None:
    workspace.pair("a", "one 1\ntwo 2\nthree 3\n", "two 2\none 1\nthree 3\n")
    workspace.config(
        workspace.worker("def render(case): return case.input"),
        rules='[[suite.rule]]\nmatcher = "lines"\nunordered = true\n',
    )
    assert workspace.run("check").first.startswith("PASS 1/1 pass (1 structural)")
    out = workspace.run("audit", "--full").out
    assert "swap two lines: pairs/a.in" in out
    assert out.count("survives") == 1
    config = workspace.folder / "harness.toml"
    config.write_text(config.read_text() + "subset = true\n")
    workspace.run("check")
    out = workspace.run("audit", "--full").out
    assert "repeat a line: pairs/a.in" in out
    assert "digit: pairs" not in out


# --- similar -------------------------------------------------------------------------------------------------------


def alike(reference: str, got: str, floor: float) -> Match | Mismatch:
    return similar.make({"floor": floor}).match(reference, got, str)


def test_texts_at_the_floor_pass_and_below_it_do_not() -> None:
    assert alike("a" * 10, "a" * 9 + "b", 0.9) == Match(Strength.SIMILAR, ("similar",))
    assert alike("a" * 10, "a" * 8 + "bb", 0.9) == Mismatch("similar 0.800 < 0.9")
    assert alike("a", "a", 0.9) == Match(Strength.EXACT)
    assert alike("", "a", 0.5) == Mismatch("similar 0.000 < 0.5")
    assert alike("The quick brown fox", "Lorem ipsum dolor s", 0.5) != Match(Strength.SIMILAR, ("similar",))


@pytest.mark.parametrize("floor", ["0", "0.49", "1", "1.5", "inf", "-1"])
def test_a_floor_that_lets_anything_through_or_is_none_is_refused(workspace: Workspace, floor: str) -> None:
    workspace.pair("a", "1", "1")
    rules = f'[[suite.rule]]\nmatcher = "similar"\nfloor = {floor}\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rules)
    ran = workspace.run("check")
    assert ran.code == 2
    assert "floor" in ran.err


def test_what_is_no_text_is_similar_to_nothing() -> None:
    with pytest.raises(ReferenceFault):
        similar.make({"floor": 0.5}).match(b"\xff", "", str)
    for got in (b"\xff", Structured("a"), 1):
        assert isinstance(similar.make({"floor": 0.5}).match("a", got, str), Mismatch)


def test_long_texts_are_compared_by_lines_and_the_longest_not_at_all() -> None:
    # By characters, each of these takes minutes.
    many = [f"line {number} of a long text\n" for number in range(60_000)]
    assert alike("".join(many), "".join([*many[:-1], "another\n"]), 0.9) == Match(Strength.SIMILAR, ("similar",))
    assert isinstance(alike("".join(many), "".join(reversed(many)), 0.9), Mismatch)
    assert isinstance(alike("ab" * 2_000_000, "ba" * 2_000_000 + "c", 0.9), Mismatch)
    assert isinstance(alike("a\n" * 2_000_000, "b\n" * 2_000_000, 0.9), Mismatch)


def test_the_audit_shows_what_similar_lets_through(workspace: Workspace) -> None:
    workspace.pair("a", "some words, and the number 12\n", "some words and the number 12\n")
    workspace.config(
        workspace.worker("def render(case): return case.input"),
        rules='[[suite.rule]]\nmatcher = "similar"\nfloor = 0.9\n',
    )
    assert workspace.run("check").first.startswith("PASS 1/1 pass (1 similar)")
    out = workspace.run("audit", "--full").out
    assert "digit: pairs/a.in" in out
    assert "drop a line: pairs" not in out
    assert "error for output: pairs" not in out
