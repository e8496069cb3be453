"""`accepts`: only whether the input was accepted or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.matchers import accepts, exact
from harness.model import ErrorReply, Match, ReferenceFault, Strength

if TYPE_CHECKING:
    from .conftest import Workspace

READER = """\
from harness.errors import Place
from harness.model import Case, Reference
OPTIONS = {}
def canonical(text): return text
def read(suite, root, options):
    for line in (root / "cases.txt").read_text().splitlines():
        name, due, given, told = line.split("|")
        place = Place(str(root / "cases.txt"), 1)
        yield Case(suite, name, given, (Reference(due, (told,), place),), place)
"""
PORT = """
def render(case):
    match case.input:
        case "refuse": raise Refused("AnyKind", detail="any detail")
        case "break": raise ValueError("broken")
        case "later": raise Unsupported("not yet")
        case "nothing": return Outputs({})
        case "several": return Outputs({"stdout": "x", "exit": 3})
    return case.input
"""
ROWS = """\
refused|error||refuse
refused_with_words|error|what the source says|refuse
taken|accepted||a b
taken_in_parts|accepted||several
taken_silently|accepted||nothing
"""


def suite(workspace: Workspace, rows: str) -> None:
    workspace.write("own/reader.py", READER)
    lines = (line.split("|") for line in rows.splitlines())
    workspace.write("cases.txt", "".join(f"{name}|{due}|{given}|{told}\n" for name, due, told, given in lines))
    port = workspace.worker(PORT)
    rule = '[[suite.rule]]\nmatcher = "accepts"\n'
    text = f'format = 1\n[target.port]\n{port}\n[[suite]]\nname = "s"\nreader = "own.reader"\n{rule}'
    workspace.write("harness.toml", text)


def test_any_refusal_and_any_output_pass_where_they_are_due_and_are_told_as_what_they_are(workspace: Workspace) -> None:
    suite(workspace, ROWS)
    ran = workspace.run("check")
    assert ran.first.startswith("PASS 5/5 pass (2 any-error, 3 any-output) ")


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("x|error||an output", "no_error"),
        ("x|error||", "no_error"),
        ("x|accepted||refuse", "raised"),
        ("x|error||break", "crashed"),
        ("x|accepted||break", "crashed"),
        ("x|error||later", "unsupported"),
        ("x|accepted||later", "unsupported"),
    ],
)
def test_the_other_of_the_two_does_not_pass_and_neither_does_what_is_none(
    workspace: Workspace, row: str, outcome: str
) -> None:
    suite(workspace, row)
    _, export = workspace.export()
    assert [one["outcome"] for one in export["results"]] == [outcome]


def test_a_reference_that_says_what_must_come_out_is_not_thrown_away(workspace: Workspace) -> None:
    suite(workspace, ROWS + "a|output|the text|the text\n")
    ran = workspace.run("check")
    assert ran.code == 2
    assert "s rule 1 (accepts): says what must come out, and `accepts` would not look at it" in ran.err
    with pytest.raises(ReferenceFault):
        accepts.make({}).match("the text", "the text", str)


def test_the_audit_finds_the_one_mutation_that_it_sees_and_names_what_survives(workspace: Workspace) -> None:
    suite(workspace, ROWS)
    assert workspace.run("check").code == 0
    out = workspace.run("audit").out
    assert "survives" in out
    assert "hollow: a target that answers 'error' to everything passes 2" in out
    assert "hollow: a target that answers 'null' to everything passes 3" in out
    assert "error for output: s/" not in out
    assert "output for error: s/" not in out


def test_it_is_the_weakest_matcher() -> None:
    assert accepts.make({}).allowed.rank == min(strength.rank for strength in Strength)
    assert accepts.make({}).match("", ErrorReply({"kind": "X"}), str) == Match(Strength.ANY_ERROR)
    assert exact.make({}).allowed.rank == max(strength.rank for strength in Strength)
