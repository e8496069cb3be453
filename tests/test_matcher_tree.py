"""`tree`: printed structures that are the same, and those that only look so. `test_trees.py` has the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.matchers import tree
from harness.model import Match, Mismatch, ReferenceFault, Strength, Structured

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace

PRETTY = """\
BinOp {
    left: Const {
        value: 1,
    } @ 1:0-1:1,
    right: [
        Var {
            id: "x",
        },
        Ptr(0xc000012345),
    ],
} @ 1:0-1:5
"""
COMPACT = 'BinOp { left: Const { value: 1 } @ 1:0-1:1, right: [Var { id: "x" }, Ptr(0xc000012345)] } @ 1:0-1:5'


def compared(reference: str, got: str, **options: object) -> Match | Mismatch:
    return tree.make(options).match(reference, got, str)


def test_the_same_tree_printed_otherwise_is_structural_and_the_same_text_exact() -> None:
    assert compared(PRETTY, COMPACT) == Match(Strength.STRUCTURAL)
    assert compared(PRETTY, PRETTY) == Match(Strength.EXACT)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("value: 1", "value: 2", "at left/value: 1, got 2"),
        ("value: 1", "value: '1'", "at left/value: 1, got '1'"),
        ("value: 1", "", "at left/value: 1, got nothing"),
        ("Const", "Number", "at left: Const{..}, got Number{..}"),
        ("1:0-1:1", "1:0-1:2", "at left/@: @ 1:0-1:1, got @ 1:0-1:2"),
        (" @ 1:0-1:1", "", "at left/@: @ 1:0-1:1, got nothing"),
        ('Var { id: "x" }, ', "", "at right/0: Var{..}, got Ptr(..)"),
        ("0xc000012345", "0xc000054321", "at right/1/0: 0xc000012345, got 0xc000054321"),
        ("right", "rights", "at right: [..], got nothing"),
    ],
)
def test_another_tree_does_not_pass_and_is_told_by_its_path(old: str, new: str, why: str) -> None:
    assert compared(PRETTY, COMPACT.replace(old, new)) == Mismatch(why)


@pytest.mark.parametrize(
    ("options", "old", "new", "passes"),
    [
        ({"ignore": ["**/@"]}, " @ 1:0-1:1", "", True),
        ({"ignore": ["**/@"]}, "1:0-1:1", "99", True),
        ({"ignore": ["@"]}, "1:0-1:1", "99", False),
        ({"ignore": ["**/@"]}, "value: 1", "value: 2", False),
        ({"redact": ["**/@"]}, "1:0-1:1", "99", True),
        ({"redact": ["**/@"]}, " @ 1:0-1:1", "", False),
        ({"redact": ["right/1/0"]}, "0xc000012345", "0xc000054321", True),
        ({"redact": ["right/1/0"]}, "0xc000012345", "nil", False),
        ({"redact": ["right/1/0"]}, "0xc000012345", '"0xc000054321"', False),
        (
            {"unordered": ["right"]},
            '[Var { id: "x" }, Ptr(0xc000012345)]',
            '[Ptr(0xc000012345), Var { id: "x" }]',
            True,
        ),
        (
            {"unordered": ["left"]},
            '[Var { id: "x" }, Ptr(0xc000012345)]',
            '[Ptr(0xc000012345), Var { id: "x" }]',
            False,
        ),
    ],
)
def test_what_a_path_forgives(options: dict[str, list[str]], old: str, new: str, *, passes: bool) -> None:
    got = compared(PRETTY, COMPACT.replace(old, new), **options)
    assert isinstance(got, Match) is passes
    if passes:
        ((kind, (glob,)),) = options.items()
        worth = Strength.STRUCTURAL if kind == "unordered" else Strength.FIELDS
        assert got == Match(worth, (f"{kind} {glob}",))
        assert tree.make(options).allowed is worth


def test_a_path_that_was_not_needed_is_not_counted() -> None:
    assert compared(PRETTY, COMPACT, ignore=["**/@"]) == Match(Strength.STRUCTURAL)


def test_a_reference_that_is_no_tree_is_a_fault_and_a_reply_that_is_none_a_mismatch() -> None:
    with pytest.raises(ReferenceFault, match=r"is no tree: a '\[' that is not closed \(line 1\)"):
        compared("[1", "[1]")
    assert compared("[1]", "[1") == Mismatch("no tree: a '[' that is not closed (line 1)")
    assert isinstance(tree.make({}).match("[1]", b"\xff", str), Mismatch)
    assert isinstance(tree.make({}).match("[1]", Structured([1]), str), Mismatch)


@pytest.mark.parametrize("options", [{"ignore": ["{0,1}"]}, {"redact": ["[01]"]}])
def test_nothing_to_compare_is_no_comparison(options: dict[str, list[str]]) -> None:
    with pytest.raises(ReferenceFault, match="leave nothing of it to compare"):
        compared("[1, 2]", "anything at all", **options)
    with pytest.raises(ValueError, match="fits everything"):
        tree.make({"ignore": ["**"]})


def test_the_audit_finds_every_mutation_but_those_of_white_space(workspace: Workspace) -> None:
    workspace.pair("a", COMPACT, PRETTY)
    workspace.config(
        workspace.worker("def render(case): return case.input"), rules='[[suite.rule]]\nmatcher = "tree"\n'
    )
    assert workspace.run("check").code == 0
    out = workspace.run("audit", "--full").out
    survivors = [line.split("  ")[1].split(":")[0] for line in out.splitlines() if line.startswith("survives")]
    assert survivors in ([], ["strip a blank"], ["add a blank"])


def test_every_tree_of_minijinjas_parser_is_read_and_equals_itself_on_one_line(suites: Path) -> None:
    files = sorted((suites / "minijinja" / "snapshots").glob("test_parser__*.snap"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8").partition("\n---\n")[2]
        line = " ".join(part.strip() for part in text.split("\n")) + " "
        assert compared(text, line) == Match(Strength.STRUCTURAL)
        changed = text.replace("children", "kids") if "children" in text else text + " x"
        assert isinstance(compared(text, changed), Mismatch)
