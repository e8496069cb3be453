"""What each matcher forgives, and what it must not."""
# ruff: noqa: S108 - paths of temporary files are what a normalisation is about

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.matchers import error, exact, text
from harness.model import ErrorReply, Match, Mismatch, ReferenceFault, Strength
from harness.readers import insta, pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .conftest import Workspace

LONG = 200_000


def normalized(*steps: object) -> Callable[[str, str], Match | Mismatch]:
    matcher = text.make({"normalize": list(steps)})
    return lambda reference, got: matcher.match(reference, got, pairs.canonical)


# --- exact ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["a\n", " a", "A", "a\x00", "a\u200b", "", "a\r"])
def test_exact_forgives_nothing(other: str) -> None:
    assert exact.make({}).match("a", other, pairs.canonical) == Mismatch("output differs")
    assert exact.make({}).match(other, other, pairs.canonical) == Match(Strength.EXACT)


# What Rust's `char::is_whitespace` holds for white space (Unicode's White_Space), written out.
RUST_SPACE = "\u0009\u000a\u000b\u000c\u000d\u0020\u0085\u00a0\u1680"
RUST_SPACE += "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"


def trim_end(value: str) -> str:
    """Rust's, letter by letter."""
    while value and value[-1] in RUST_SPACE:
        value = value[:-1]
    return value


def equal_for_insta(one: str, two: str) -> bool:
    """`matches_latest` or `matches_legacy` of insta's snapshot.rs, for snapshots in files."""

    def latest(value: str) -> str:
        return trim_end(value).replace("\r\n", "\n")

    def legacy(value: str) -> str:
        out = latest(value)
        while out[:1] in {"\r", "\n"}:
            out = out[1:]
        return out.removeprefix("---\n")

    return latest(one) == latest(two) or legacy(one) == legacy(two)


# Python's `str.rstrip` takes these four as well; Rust's `trim_end` does not.
SNAPSHOTS = st.text(alphabet=st.sampled_from("-ab \t\r\n\x1c\x1d\x1e\x1f\x85\xa0\u2028\u3000\ufeff"), max_size=10)
SNAPSHOTS |= st.builds("---\n{}".format, SNAPSHOTS) | st.builds("\r\n{}".format, SNAPSHOTS)


@settings(deadline=None, max_examples=500)
@given(SNAPSHOTS, SNAPSHOTS)
def test_exact_is_instas_own_rule_for_insta_references_the_legacy_form_included(one: str, two: str) -> None:
    got = exact.make({}).match(one, two, insta.canonical)
    assert isinstance(got, Match) is equal_for_insta(one, two)


@settings(deadline=None)
@given(SNAPSHOTS)
def test_insta_forgives_the_white_space_that_rust_trims_at_the_end_and_no_other(value: str) -> None:
    match = exact.make({}).match
    assert match(value, value + RUST_SPACE, insta.canonical) == Match(Strength.EXACT)
    for mark in "\x1c\x1d\x1e\x1f\u200b\ufeff":
        assert match(value, value + mark, insta.canonical) == Mismatch("output differs")


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        ("a\r\nb", "a\nb", True),
        ("a\rb", "a\nb", False),
        ("\n\na", "a", True),
        (" \na", "a", False),
        ("---\na", "a", True),
        ("---\n---\na", "---\na", False),
        ("---\n\na", "a", False),
        ("a\n---\n", "a", False),
        ("--- \na", "a", False),
    ],
)
def test_instas_rule_by_example(one: str, two: str, *, equal: bool) -> None:
    assert isinstance(exact.make({}).match(one, two, insta.canonical), Match) is equal
    assert equal_for_insta(one, two) is equal


# --- text: each normalisation, with what it must not forgive -------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "reference", "got"),
    [
        ("trailing-newlines", "a\n", "a"),
        ("trailing-newlines", "a", "a\n\n\n"),
        ("trailing-newlines", "\n", ""),
        ("trailing-whitespace", "a \nb\t\t\nc", "a\nb\nc  "),
        ("trailing-whitespace", "a \r\nb", "a\r\nb"),
        ("trailing-whitespace", "  ", ""),
        ("trailing-whitespace", "a\n \nb", "a\n\nb"),
        ("crlf", "a\r\nb\r\n", "a\nb\n"),
        ("ansi", "\x1b[1;31mred\x1b[0m", "red"),
        ("ansi", "\x1b[38:5:1mred\x1b[m\x1b[2K\x1b[?25l", "red"),
        ("ansi", "\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x07", "link"),
        ("ansi", "\x1b(Bplain", "plain"),
        ("addresses", "<object at 0x7f3a2c001d90>", "<object at 0x55d0c8e1a2b0>"),
        ("addresses", "at 0xDEADBEEF.", "at 0x00400000."),
        ("temporary-paths", "/tmp/tmpab12/x.txt: bad", "/tmp/rustc-9.Zz/x.txt: bad"),
        ("temporary-paths", "in /var/folders/zz/abc/T/tmp9/x", "in /private/var/folders/q1/r2/T/tmp3/x"),
        ("temporary-paths", "file:///tmp/a", "file:///private/tmp/b"),
    ],
)
def test_a_normalisation_forgives_what_its_name_says(step: str, reference: str, got: str) -> None:
    assert normalized(step)(reference, got) == Match(Strength.NORMALIZED, (step,))
    assert normalized(step)(got, reference) == Match(Strength.NORMALIZED, (step,))


@pytest.mark.parametrize(
    ("step", "reference", "got"),
    [
        ("trailing-newlines", "a\n", "a "),
        ("trailing-newlines", "a\n", "a\r\n"),
        ("trailing-newlines", "a\nb", "ab"),
        ("trailing-newlines", "\na", "a"),
        ("trailing-newlines", "a\n\nb", "a\nb"),
        ("trailing-whitespace", " a", "a"),
        ("trailing-whitespace", "a  b", "a b"),
        ("trailing-whitespace", "a\n", "a"),
        ("trailing-whitespace", "a\r\n", "a\n"),
        ("trailing-whitespace", "a\u00a0", "a"),
        ("trailing-whitespace", "a\x0c", "a"),
        ("trailing-whitespace", "a\n\n", "a\n"),
        ("crlf", "a\rb", "a\nb"),
        ("crlf", "a\r\r\nb", "a\nb"),
        ("crlf", "a\n\rb", "a\nb"),
        ("ansi", "\x1b[1mred\x1b[0m", "\x1b[1mblue\x1b[0m"),
        ("ansi", "[1mred", "red"),
        ("ansi", "\x1b[1", ""),
        ("ansi", "\x1b]8;;no end", ""),
        ("ansi", "\x1b", ""),
        ("addresses", "0x12345", "0x54321"),
        ("addresses", "0x7f3a2c001d90", "7f3a2c001d90"),
        ("addresses", "0x7f3a2c001d90", ""),
        ("addresses", "0x7f3a2c001d90x", "0x55d0c8e1a2b0x"),
        ("addresses", "0x123456789abcdef01", "0x023456789abcdef01"),
        ("addresses", "123456789", "987654321"),
        ("temporary-paths", "/tmp/a/x.txt", "/tmp/a/y.txt"),
        ("temporary-paths", "/tmp/a", "/var/a"),
        ("temporary-paths", "/home/me/tmp/a", "/home/me/tmp/b"),
        ("temporary-paths", "~/tmp/a", "~/tmp/b"),
        ("temporary-paths", "/tmp/", "/tmp/a"),
        ("temporary-paths", "/tmpx/a", "/tmpx/b"),
        ("temporary-paths", "/var/log/a", "/var/log/b"),
        ("temporary-paths", "/tmp/a: one", "/tmp/a: two"),
    ],
)
def test_a_normalisation_forgives_nothing_else(step: str, reference: str, got: str) -> None:
    assert normalized(step)(reference, got) == Mismatch("output differs")
    assert normalized(step)(got, reference) == Mismatch("output differs")


@pytest.mark.parametrize(
    "step", ["trailing-newlines", "trailing-whitespace", "crlf", "ansi", "addresses", "temporary-paths"]
)
@pytest.mark.parametrize("run", [" ", "\n", "\t", "\r", "\r\n", "\x1b[", "\x1b]", "0x", "/tmp/"])
def test_long_runs_of_what_it_looks_for_are_no_trouble(step: str, run: str) -> None:
    # Quadratic, each of these takes minutes.
    assert normalized(step)(run * LONG + "\x01", run * LONG + "\x02") == Mismatch("output differs")


def test_a_pass_that_needed_nothing_is_exact_and_one_that_did_names_what_was_applied() -> None:
    match = normalized("ansi", "crlf", "trailing-newlines")
    assert match("a\n", "a\n") == Match(Strength.EXACT)
    assert match("a\r\n", "a") == Match(Strength.NORMALIZED, ("crlf", "trailing-newlines"))
    assert match("a", "b") == Mismatch("output differs")


def test_the_order_of_the_normalisations_matters() -> None:
    assert normalized("crlf", "trailing-newlines")("a\r\n", "a") == Match(
        Strength.NORMALIZED, ("crlf", "trailing-newlines")
    )
    assert normalized("trailing-newlines", "crlf")("a\r\n", "a") == Mismatch("output differs")
    shout = {"name": "shout", "replace": "a", "with": "b"}
    hush = {"name": "hush", "replace": "b", "with": ""}
    assert normalized(shout, hush)("a", "") == Match(Strength.NORMALIZED, ("shout", "hush"))
    assert normalized(hush, shout)("a", "") == Mismatch("output differs")


def test_a_replacement_of_ones_own_has_groups_and_lines() -> None:
    version = {"name": "version", "replace": r"^(version) \d+\.\d+$", "with": r"\1 N"}
    match = normalized(version)
    assert match("x\nversion 1.2\n", "x\nversion 10.0\n") == Match(Strength.NORMALIZED, ("version",))
    assert match("x version 1.2\n", "x version 10.0\n") == Mismatch("output differs")
    assert match("version 1.2", "version x") == Mismatch("output differs")
    assert normalized({"name": "drop", "replace": "[0-9]"})("a1", "a") == Match(Strength.NORMALIZED, ("drop",))


def test_bytes_are_not_normalized() -> None:
    matcher = text.make({"normalize": ["trailing-newlines"]})
    assert matcher.match(b"\xff", b"\xff\n", pairs.canonical) == Mismatch("output differs")
    assert matcher.match(b"\xff", b"\xff", pairs.canonical) == Match(Strength.EXACT)
    assert matcher.match("1\n", 1, pairs.canonical) == Match(Strength.EXACT)


def test_the_formats_own_rule_holds_before_and_after() -> None:
    matcher = text.make({"normalize": ["ansi"]})
    assert matcher.match("a", "a\n\n", insta.canonical) == Match(Strength.EXACT)
    assert matcher.match("a", "\x1b[1ma\x1b[0m\n\n", insta.canonical) == Match(Strength.NORMALIZED, ("ansi",))


# --- error ---------------------------------------------------------------------------------------------------------

RUST = """\
!!!ERROR!!!

Error {
    kind: SyntaxError,
    detail: "expected `\\"x\\"`, found \\u{e9}\\n",
    name: "a.txt",
    line: 7,
}
"""
PATTERN = (
    r'kind: (?P<kind>\w+),\s*(?:detail: "(?P<detail>(?:[^"\\]|\\.)*)",\s*)?'
    r'name: "(?P<name>[^"]*)",\s*line: (?P<line>\d+)'
)
STRICT = {"kind": "exact", "detail": {"quoted": True}, "name": "exact", "line": "exact"}
DETAIL = 'expected `"x"`, found \u00e9\n'
RIGHT: dict[str, str | int] = {"kind": "SyntaxError", "detail": DETAIL, "name": "a.txt", "line": 7}


def compared(reply: Mapping[str, Any], reference: str = RUST, **fields: object) -> Match | Mismatch:
    matcher = error.make({"pattern": PATTERN, "fields": {**STRICT, **fields}})
    return matcher.match(reference, ErrorReply(reply), pairs.canonical)


PASSES = Match(Strength.FIELDS)


def wrong(*why: str) -> Mismatch:
    return Mismatch("wrong error: " + ", ".join(why))


def test_an_error_whose_every_field_is_right_passes_by_its_fields() -> None:
    assert compared(RIGHT) == PASSES
    assert compared({**RIGHT, "line": "7", "message": "and whatever else it says"}) == PASSES


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("kind", "syntaxerror", "kind 'syntaxerror' (want 'SyntaxError')"),
        ("line", 8, "line 8 (want '7')"),
        ("line", 7.5, "line '7.5' (want '7')"),
        ("line", True, "line 'true' (want '7')"),
        ("name", "", "name '' (want 'a.txt')"),
        ("name", None, "no name (want 'a.txt')"),
        ("detail", DETAIL + ".", f"detail {DETAIL + '.'!r} (want {DETAIL!r})"),
        ("detail", DETAIL.replace('"', '\\"'), None),
    ],
)
def test_each_exact_field_must_be_the_very_same(field: str, value: object, why: str | None) -> None:
    reply = {key: one for key, one in {**RIGHT, field: value}.items() if one is not None}
    got = compared(reply)
    assert isinstance(got, Mismatch)
    if why is not None:
        assert got == wrong(why.replace("line 8", "line '8'"))


def test_every_wrong_field_is_told() -> None:
    got = compared({"kind": "X", "detail": DETAIL, "line": 9})
    assert got == wrong("kind 'X' (want 'SyntaxError')", "no name (want 'a.txt')", "line '9' (want '7')")


def test_a_field_that_the_reference_leaves_out_is_not_compared() -> None:
    short = 'Error { kind: SyntaxError, name: "a.txt", line: 7 }'
    assert compared(RIGHT, short) == PASSES
    assert compared({**RIGHT, "detail": "anything"}, short) == PASSES
    assert compared({**RIGHT, "line": 8}, short) == wrong("line '8' (want '7')")


def test_an_ignored_field_may_be_anything_and_may_be_missing() -> None:
    assert compared({**RIGHT, "name": "b.txt"}, name="ignored") == PASSES
    assert compared({key: one for key, one in RIGHT.items() if key != "name"}, name="ignored") == PASSES


def test_a_mapped_field_may_be_one_of_the_ports_own_words() -> None:
    words = {"map": {"SyntaxError": ["ParseError", "LexError"], "Other": ["E"]}}
    for kind in ("SyntaxError", "ParseError", "LexError"):
        assert compared({**RIGHT, "kind": kind}, kind=words) == PASSES
    for kind in ("E", "Other", "parseerror"):
        assert isinstance(compared({**RIGHT, "kind": kind}, kind=words), Mismatch)


@pytest.mark.parametrize("tenths", range(1, 11))
def test_a_similar_field_passes_at_its_threshold_and_fails_just_below(tenths: int) -> None:
    # Ten letters against as many, of which `tenths` are the same: alike to exactly that many tenths.
    want, have = "a" * 10, "a" * tenths + "b" * (10 - tenths)
    matcher = error.make({"pattern": "(?P<detail>a+)", "fields": {"detail": {"similar": tenths / 10}}})
    assert matcher.match(want, ErrorReply({"kind": "", "detail": have}), pairs.canonical) == PASSES
    worse = "a" * (tenths - 1) + "b" * (11 - tenths)
    got = matcher.match(want, ErrorReply({"kind": "", "detail": worse}), pairs.canonical)
    assert got == wrong(f"detail {worse!r} (want {want!r}; similar {(tenths - 1) / 10:.3f} < {tenths / 10})")


def test_similar_needs_the_field_to_be_there() -> None:
    reply = {key: one for key, one in RIGHT.items() if key != "detail"}
    assert compared(reply, detail={"similar": 0.01}) == wrong(f"no detail (want {RUST_DETAIL!r})")


RUST_DETAIL = 'expected `\\"x\\"`, found \\u{e9}\\n'


def test_quoted_undoes_the_escapes_and_without_it_they_are_text() -> None:
    assert compared(RIGHT, detail="exact") == wrong(f"detail {DETAIL!r} (want {RUST_DETAIL!r})")
    assert compared({**RIGHT, "detail": RUST_DETAIL}, detail="exact") == PASSES
    assert compared({**RIGHT, "detail": RUST_DETAIL}) == wrong(f"detail {RUST_DETAIL!r} (want {DETAIL!r})")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"a\"b", 'a"b'),
        (r"\\n", r"\n"),
        (r"\n\r\t\0", "\n\r\t\0"),
        (r"\u{1f600}\u00e9\x41", "\U0001f600\u00e9A"),
        (r"\'", "'"),
        (r"\u{110000}", r"\u{110000}"),
        (r"\u{}", "u{}"),
        ("plain", "plain"),
    ],
)
def test_the_escapes_of_rust_json_and_c_are_known(written: str, meant: str) -> None:
    matcher = error.make({"pattern": "<(?P<detail>.*)>", "fields": {"detail": {"quoted": True}}})
    reply = ErrorReply({"kind": "", "detail": meant})
    assert matcher.match(f"<{written}>", reply, pairs.canonical) == PASSES


def test_an_error_whose_whole_text_equals_the_reference_is_exact_by_the_formats_own_rule() -> None:
    matcher = error.make({"pattern": PATTERN, "fields": STRICT})
    reply = ErrorReply({"kind": RIGHT["kind"], "text": RUST + "\n\n"})
    assert matcher.match(RUST, reply, insta.canonical) == Match(Strength.EXACT)
    assert isinstance(matcher.match(RUST, reply, pairs.canonical), Mismatch)


@pytest.mark.parametrize("field", ["kind", "line", "name"])
def test_the_right_text_does_not_cover_for_a_field_that_says_otherwise(field: str) -> None:
    matcher = error.make({"pattern": PATTERN, "fields": STRICT})
    reply = ErrorReply({**RIGHT, "text": RUST, field: "other"})
    assert isinstance(matcher.match(RUST, reply, insta.canonical), Mismatch)


def test_a_pattern_that_takes_nothing_out_of_a_reference_is_a_fault_of_the_reference() -> None:
    matcher = error.make({"pattern": r"(?:kind: (?P<kind>\w+))?", "fields": {"kind": "exact"}})
    with pytest.raises(ReferenceFault, match="takes no field"):
        matcher.match("no such thing in here", ErrorReply({"kind": "Nope"}), pairs.canonical)


def test_when_every_field_is_ignored_any_error_will_do_and_the_strength_says_so() -> None:
    matcher = error.make({"pattern": r"kind: (?P<kind>\w+)", "fields": {"kind": "ignored"}})
    assert matcher.allowed is Strength.ANY_ERROR
    assert matcher.match(RUST, ErrorReply({"kind": "X"}), pairs.canonical) == Match(Strength.ANY_ERROR)


@pytest.mark.parametrize(
    ("reference", "says"), [("all is well", "`pattern` finds nothing"), (b"\xff", "is not text, and `pattern` reads")]
)
def test_a_reference_that_the_pattern_can_not_read_is_a_fault_of_the_reference(
    reference: str | bytes, says: str
) -> None:
    matcher = error.make({"pattern": PATTERN, "fields": STRICT})
    with pytest.raises(ReferenceFault, match=says):
        matcher.match(reference, ErrorReply(RIGHT), pairs.canonical)


# --- as a user sees it ---------------------------------------------------------------------------------------------

PORT = """
def render(case):
    match case.input:
        case "right": raise Refused("Bad", line=3)
        case "late": raise Refused("Bad", line=4)
        case "output": return "Bad at 3"
        case "panic": raise RuntimeError("Bad at 3")
        case "unsupported": raise Unsupported("Bad at 3")
"""
RULE = """
[[suite.rule]]
matcher = "error"
pattern = '^(?P<kind>\\w+) at (?P<line>\\d+)$'
fields = { kind = "exact", line = "exact" }
"""


def test_a_case_that_must_fail_passes_with_the_right_error_and_with_nothing_else(workspace: Workspace) -> None:
    inputs = ["right", "late", "output", "panic", "unsupported"]
    for given_ in inputs:
        workspace.pair(given_, given_, "Bad at 3")
    workspace.config(workspace.worker(PORT), rules=RULE)
    ran, export = workspace.export()
    assert ran.code == 1
    got = {row["id"]: (row["outcome"], row["why"], row["achieved"]) for row in export["results"]}
    assert got["pairs/right.in"] == ("passed", None, "fields")
    assert got["pairs/late.in"] == ("failed", "wrong error: line '4' (want '3')", None)
    assert got["pairs/output.in"] == ("no_error", "an output where an error is due", None)
    assert got["pairs/panic.in"][0] == "crashed"
    assert got["pairs/unsupported.in"] == ("unsupported", "Bad at 3", None)


def test_references_that_no_rule_can_read_are_told_all_at_once_before_anything_is_built(workspace: Workspace) -> None:
    workspace.pair("a", "right", "Bad at 3")
    workspace.pair("b", "right", "all is well")
    workspace.pair("c", "right", b"\xff")
    workspace.pair("d", "right", "Bad at home")
    built = f"build = [['touch', '{workspace.folder}/built']]\n"
    workspace.config(built + workspace.worker(PORT), rules=RULE)
    ran = workspace.run("check")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "ERROR",
        "cases/b.out:1: pairs rule 1 (error): `pattern` finds nothing in this reference; widen it, or narrow the rule",
        "cases/c.out:1: pairs rule 1 (error): is not text, and `pattern` reads text; restore it, or narrow the rule",
        "cases/d.out:1: pairs rule 1 (error): `pattern` finds nothing in this reference; widen it, or narrow the rule",
    ]
    assert not (workspace.folder / "built").exists()
