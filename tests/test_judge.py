"""What an observation means for a case: pure, so every combination is asked directly."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import Place
from harness.judge import accepted, judge
from harness.matchers import error, exact, text
from harness.model import (
    Case,
    Crashed,
    Died,
    ErrorReply,
    Excuse,
    Failed,
    Garbage,
    Garbled,
    Hung,
    Matcher,
    Missing,
    NoError,
    Outputs,
    Oversize,
    Panic,
    Passed,
    Raised,
    Reference,
    Rule,
    Strength,
    Structured,
    TimedOut,
    TooLarge,
    Unsupported,
)
from harness.plan import plan
from harness.readers import insta, pairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model import Canonical, Content, Observation, Output, Plan, Ran

    from .conftest import Workspace

EXACT = exact.make({})
MUST_FAIL = error.make({"pattern": r"kind: (?P<kind>\w+)", "fields": {"kind": "exact"}})
ANY_ERROR = error.make({"pattern": r"kind: (?P<kind>\w+)", "fields": {"kind": "ignored"}})
BLANKS = text.make({"normalize": ["trailing-whitespace"]})
NOTHING_HAPPENED: list[Observation] = [
    Unsupported("later"),
    Panic("boom", ("parse",)),
    Died(-11, ""),
    Hung(2.0),
    Garbage("not JSON", "oops"),
    Oversize(2000, 1000, "head", "tail"),
]


def is_for(name: str, _case: str, reference: Reference) -> bool:
    return reference.name == name


def planned(
    *references: tuple[str, tuple[Content, ...], Matcher],
    canonical: Canonical = pairs.canonical,
    known: Outputs | ErrorReply | None = None,
) -> Plan:
    place = Place("x")
    excuse = None if known is None else Excuse("accepted", "why", run=True, key="s/a", place=place, reply=known)
    rules = [Rule(matcher, f"rule of {name}", name, partial(is_for, name)) for name, _, matcher in references]
    found = tuple(Reference(name, contents, place) for name, contents, _ in references)
    return plan(Case("s", "a", "in", found, place), rules, excuse, canonical, b"")


def one(
    reference: Content,
    got: Output,
    matcher: Matcher = EXACT,
    *others: Content,
    canonical: Canonical = pairs.canonical,
) -> Ran:
    return judge(planned(("output", (reference, *others), matcher), canonical=canonical), Outputs({"output": got}))


@pytest.mark.parametrize(
    ("reference", "got", "equal"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a", False),
        ("caf\u00e9", "cafe\u0301", False),
        ("caf\u00e9", "caf\u00e9".encode(), True),
        ("caf\u00e9", "cafe\u0301".encode(), False),
        (b"\xff\x00", b"\xff\x00", True),
        (b"\xff\x00", b"\xff", False),
        (b"\xff\x00", "\xff\x00", False),
        ("\xff", b"\xff", False),
        (b"text after all", "text after all", True),
        (b"text after all", b"text after all", True),
        ("", b"", True),
        ("0\n", 0, True),
        ("-11", -11, True),
        ("0\n", 1, False),
        ("00", 0, False),
        ("0.0", 0, False),
        ("zero", 0, False),
        (b"0", 0, False),
        ('{"a": 1}', Structured({"a": 1}), False),
        ("\ud800", "\ud800", True),
        ("\ud800", "\udc00", False),
    ],
)
def test_text_bytes_and_numbers_are_equal_to_what_spells_them(reference: Content, got: Output, *, equal: bool) -> None:
    assert isinstance(one(reference, got), Passed) is equal


@settings(deadline=None)
@given(st.text(), st.text())
def test_an_output_in_base64_is_judged_as_the_text_that_it_spells(reference: str, got: str) -> None:
    for canonical in (pairs.canonical, insta.canonical):
        for matcher in (EXACT, BLANKS):
            as_text = one(reference, got, matcher, canonical=canonical)
            assert one(reference, got.encode(), matcher, canonical=canonical) == as_text


def test_a_formats_own_rule_of_equality_holds_for_its_texts_and_not_for_its_bytes() -> None:
    assert one("a\n\n", "a", canonical=insta.canonical) == Passed(Strength.EXACT, Strength.EXACT)
    assert one("a\n\n", b"a", canonical=insta.canonical) == Passed(Strength.EXACT, Strength.EXACT)
    assert one(b"a\n\n", "a", canonical=insta.canonical) == Failed("output differs")


def test_a_structured_value_is_no_text_and_the_reason_says_so() -> None:
    for matcher in (EXACT, BLANKS):
        assert one("1", Structured(1), matcher) == Failed("a value where text is due")


def test_any_of_the_allowed_alternatives_will_do_and_the_strongest_counts() -> None:
    assert one("x", "b", EXACT, "a", "b") == Passed(Strength.EXACT, Strength.EXACT)
    assert one("x", "c", EXACT, "a", "b") == Failed("output differs")
    assert one("b ", "b", BLANKS, "b") == Passed(Strength.EXACT, Strength.NORMALIZED)
    used = (("rule of output", "trailing-whitespace"),)
    assert one("b ", "b", BLANKS, "a") == Passed(Strength.NORMALIZED, Strength.NORMALIZED, used)


def test_an_error_may_meet_any_of_the_alternatives() -> None:
    judged = planned(("output", ("kind: A", "kind: B"), MUST_FAIL))
    assert isinstance(judge(judged, ErrorReply({"kind": "B"})), Passed)
    assert judge(judged, ErrorReply({"kind": "C"})) == Failed("wrong error: kind 'C' (want 'A')")


# --- several outputs -----------------------------------------------------------------------------------------------

SEVERAL = planned(("stdout", ("hello ",), BLANKS), ("exit", ("0",), EXACT))


def test_every_reference_must_be_met_and_what_has_none_is_not_compared() -> None:
    assert judge(SEVERAL, Outputs({"stdout": "hello ", "exit": 0, "stderr": "noise"})) == Passed(
        Strength.EXACT, Strength.NORMALIZED
    )


def test_a_pass_is_worth_its_weakest_output() -> None:
    used = (("rule of stdout", "trailing-whitespace"),)
    got = judge(SEVERAL, Outputs({"stdout": "hello", "exit": 0}))
    assert got == Passed(Strength.NORMALIZED, Strength.NORMALIZED, used)


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({"stdout": "bye", "exit": 0}, "stdout: output differs"),
        ({"stdout": "hello ", "exit": 1}, "exit: output differs"),
        ({"stdout": "hello "}, "no output named 'exit'; the reply has stdout"),
        ({}, "no output named 'stdout'; the reply has none"),
        ({"output": "hello ", "x": ""}, "no output named 'stdout'; the reply has output, x"),
    ],
)
def test_the_reason_names_the_output_that_is_wrong_or_missing(outputs: dict[str, Output], why: str) -> None:
    assert judge(SEVERAL, Outputs(outputs)) == Failed(why)


# --- errors --------------------------------------------------------------------------------------------------------


def test_an_output_where_an_error_is_due_is_no_error_whatever_it_says() -> None:
    judged = planned(("output", ("kind: A",), MUST_FAIL))
    for got in ("kind: A", "", b"\xff", 0, Structured({"kind": "A"})):
        assert judge(judged, Outputs({"output": got})) == NoError("an output where an error is due")


def test_an_error_where_an_output_is_due_is_raised_and_says_which() -> None:
    judged = planned(("output", ("kind: A",), EXACT))
    assert judge(judged, ErrorReply({"kind": "A"})) == Raised("raises A")
    assert judge(judged, ErrorReply({"kind": "A", "detail": "b", "message": "c"})) == Raised("raises A: b")
    assert judge(judged, ErrorReply({"kind": "A", "message": "c"})) == Raised("raises A: c")
    assert judge(judged, ErrorReply({"kind": "A", "text": "kind: A"})) == Raised("raises A")


@pytest.mark.parametrize("observation", NOTHING_HAPPENED, ids=lambda one: type(one).__name__)
def test_only_an_answer_ever_passes(observation: Observation) -> None:
    for judged in (planned(("output", ("kind: A",), ANY_ERROR)), planned(("output", ("",), EXACT)), planned()):
        assert not isinstance(judge(judged, observation), Passed)


def test_each_ending_is_its_own_outcome_in_words() -> None:
    judged = planned(("output", ("",), EXACT))
    assert [judge(judged, observation) for observation in NOTHING_HAPPENED] == [
        Missing("later"),
        Crashed("panic: boom in parse"),
        Crashed("was killed by SIGSEGV before it answered"),
        TimedOut("no answer within 2 s"),
        Garbled("not JSON: 'oops'"),
        TooLarge("a reply of at least 2000 bytes; the limit is 1000"),
    ]


# --- what an `accepted` entry excuses ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "observation", "excused"),
    [
        (Outputs({"output": "known"}), Outputs({"output": "known"}), True),
        (Outputs({"output": "known"}), Outputs({"output": b"known"}), True),
        (Outputs({"output": "known\n"}), Outputs({"output": "known"}), False),
        (Outputs({"output": "known"}), Outputs({"output": "other"}), False),
        (Outputs({"output": "known"}), Outputs({"other": "known"}), False),
        (Outputs({"output": b"\xff"}), Outputs({"output": b"\xff"}), True),
        (Outputs({"output": b"\xff"}), Outputs({"output": b"\xfe"}), False),
        (Outputs({"output": 3}), Outputs({"output": 3}), True),
        (Outputs({"output": 3}), Outputs({"output": 4}), False),
        (Outputs({"output": Structured([1])}), Outputs({"output": Structured([1])}), True),
        (Outputs({"output": Structured([1])}), Outputs({"output": Structured([2])}), False),
        (ErrorReply({"kind": "E", "line": 1}), ErrorReply({"kind": "E", "line": 1}, ("in f",)), True),
        (ErrorReply({"kind": "E", "line": 1}), ErrorReply({"kind": "E", "line": 2}), False),
        (ErrorReply({"kind": "E"}), ErrorReply({"kind": "E", "text": "whole"}), False),
        (ErrorReply({"kind": "E", "text": "whole"}), ErrorReply({"kind": "F", "text": "whole"}), False),
        (Outputs({"output": "whole"}), ErrorReply({"kind": "E", "text": "whole"}), False),
        (ErrorReply({"kind": "known"}), Outputs({"output": "known"}), False),
        (Outputs({"output": "known"}), Unsupported("known"), False),
        (Outputs({"output": "known"}), Panic("known"), False),
        (Outputs({"output": "known"}), Died(1, "known"), False),
        (Outputs({"output": "known"}), Garbage("known", "known"), False),
        (Outputs({"output": "known"}), Oversize(9, 5, "known", "known"), False),
    ],
)
def test_an_accepted_case_is_known_by_the_very_reply_that_was_recorded(
    known: Outputs | ErrorReply, observation: Observation, *, excused: bool
) -> None:
    for matcher in (EXACT, MUST_FAIL):
        assert accepted(planned(("output", ("kind: A",), matcher), known=known), observation) is excused


def test_of_several_outputs_each_is_the_recorded_one_or_meets_its_reference() -> None:
    known = Outputs({"stdout": "bye", "files/log": "seen"})
    judged = planned(("stdout", ("hello",), EXACT), ("exit", ("0",), EXACT), known=known)
    assert accepted(judged, Outputs({"stdout": "bye", "exit": 0, "files/log": "seen"}))
    assert accepted(judged, Outputs({"stdout": "hello", "exit": 0, "files/log": "seen"}))
    assert not accepted(judged, Outputs({"stdout": "bye", "exit": 1, "files/log": "seen"}))
    assert not accepted(judged, Outputs({"stdout": "bye", "files/log": "seen"}))
    assert not accepted(judged, Outputs({"stdout": "bye", "exit": 0, "files/log": "other"}))
    assert not accepted(judged, Outputs({"stdout": "bye", "exit": 0}))
    assert not accepted(judged, Outputs({"stdout": "seen", "exit": 0, "files/log": "bye"}))


def test_without_an_entry_nothing_is_accepted() -> None:
    assert not accepted(planned(("output", ("a",), EXACT)), Outputs({"output": "a"}))


# --- the plan ------------------------------------------------------------------------------------------------------


def test_the_first_rule_that_fits_judges_and_exact_judges_the_rest(workspace: Workspace) -> None:
    for name in ("a", "b", "c"):
        workspace.pair(name, f"{name} ", name)
    rules = """
    [[suite.rule]]
    cases = ["a.in", "x*"]
    matcher = "text"
    normalize = ["trailing-whitespace"]
    [[suite.rule]]
    cases = "[ab].in"
    reference = '\\A[ac]'
    matcher = "exact"
    [[suite.rule]]
    reference = "b"
    output = "output"
    matcher = "text"
    normalize = ["trailing-whitespace"]
    [[suite.rule]]
    output = "stdout"
    matcher = "text"
    normalize = ["trailing-whitespace"]
    """
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rules)
    ran, export = workspace.export()
    assert {row["id"]: (row["outcome"], row["allowed"]) for row in export["results"]} == {
        "pairs/a.in": ("passed", "normalized"),
        "pairs/b.in": ("passed", "normalized"),
        "pairs/c.in": ("failed", None),
    }
    assert "pairs rule 2 (exact) judges no case" in ran.out
    assert "pairs rule 4 (text) judges no case" in ran.out


def test_a_rules_pattern_for_references_never_fits_one_that_is_no_text(workspace: Workspace) -> None:
    workspace.pair("a", b"\xff", b"\xff")
    rules = '[[suite.rule]]\nreference = ""\nmatcher = "text"\nnormalize = ["ansi"]\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rules)
    ran, export = workspace.export()
    assert [row["allowed"] for row in export["results"]] == ["exact"]
    assert "pairs rule 1 (text) judges no case" in ran.out


def hashes(workspace: Workspace) -> dict[str, str]:
    _, export = workspace.export()
    return {row["id"]: row["plan"] for row in export["results"]}


def test_the_hash_of_a_plan_changes_with_whatever_judges_the_case_and_with_nothing_else(workspace: Workspace) -> None:
    worker = workspace.worker("def render(case): return case.input")
    rule = '[[suite.rule]]\ncases = "{0}.in"\nmatcher = "text"\nnormalize = ["ansi"]\n'
    workspace.pair("a", "x", "x")
    workspace.pair("b", "x", "x")
    workspace.config(worker)
    first = hashes(workspace)
    assert len(set(first.values())) == 2
    workspace.config("# a remark\n" + worker, rules=rule.format("b"))
    second = hashes(workspace)
    assert second["pairs/a.in"] == first["pairs/a.in"], "the rule of another case does not concern it"
    assert second["pairs/b.in"] != first["pairs/b.in"]
    changes: dict[str, Callable[[], object]] = {
        "reference": lambda: workspace.pair("a", "x", "y"),
        "input": lambda: workspace.pair("a", "z", "y"),
        "limit": lambda: workspace.config(worker, suite="timeout = 5"),
        "environment": lambda: workspace.config(worker.replace("{ PY", '{ NEW = "1", PY')),
        "command": lambda: workspace.config(worker.replace('.py"]', '.py", "new"]')),
        "excuse": lambda: workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "x"\n'),
        "status": lambda: workspace.write("skiplist.toml", 'format = 1\n[flaky]\n"pairs/a.in" = "x"\n'),
    }
    seen = {first["pairs/a.in"]}
    for what, change in changes.items():
        change()
        now = hashes(workspace)["pairs/a.in"]
        assert now not in seen, what
        seen.add(now)
    workspace.write("skiplist.toml", 'format = 1\n[flaky]\n"pairs/a.in" = "for another reason"\n')
    assert hashes(workspace)["pairs/a.in"] in seen, "a reason is for people"


def test_a_reader_that_gives_a_case_without_a_reference_is_told(workspace: Workspace) -> None:
    workspace.write(
        "own/bare.py",
        """
        from harness.errors import Place
        from harness.model import Case
        OPTIONS = {}
        def canonical(text): return text
        def read(suite, root, options): yield Case(suite, "a", "in", (), Place(str(root / "file"), 7))
        """,
    )
    suite = '[[suite]]\nname = "bare"\nreader = "own.bare"\n'
    target = f"command = {json.dumps(['cat'])}"
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{target}\n{suite}")
    ran = workspace.run("check")
    assert ran.code == 2
    assert ran.err.startswith("ERROR file:7: has no reference, and nothing can be judged without one;")
