"""`harness source bump`: what moved with the source project, and how the skip list follows."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from harness.bump import compare

if TYPE_CHECKING:
    from .conftest import Workspace

SKIPS = """\
format = 1
[todo]
# about old
"pairs/old.in" = { reason = "was hard", run = false }
"pairs/gone.in" = "never mind"
"pairs/stays.in" = "stays"
[todo.glob]
"pairs/macro_*" = "macros"
"pairs/go[n]e_*" = "all of them go"
[flaky]
"pairs/same_out.in" = "dice"
"""


@pytest.fixture
def port(workspace: Workspace) -> Workspace:
    """A port that has failed what its list excuses, in a whole run at revision 1."""
    for name in ("old", "gone", "stays", "macro_1", "gone_1", "same_out", "right", "wrong"):
        workspace.pair(name, f"in of {name}", f"out of {name}")
    workspace.pair("right", "x", "x")
    workspace.config(workspace.worker("def render(case): return case.input"), top='[source]\nroot = "."\nrev = "1"')
    workspace.write("skiplist.toml", SKIPS)
    assert workspace.run("check").code == 1
    return workspace


def move(port: Workspace, old: str, new: str) -> None:
    for end in ("in", "out"):
        os.rename(port.folder / f"cases/{old}.{end}", port.folder / f"cases/{new}.{end}")


def listed(port: Workspace) -> dict[str, Any]:
    return tomllib.loads((port.folder / "skiplist.toml").read_text())


def test_all_that_moved_is_in_one_list_and_the_skip_list_follows_once_it_is_confirmed(port: Workspace) -> None:
    move(port, "old", "renamed")
    move(port, "macro_1", "makro_1")
    move(port, "same_out", "other_in")
    port.write("cases/other_in.in", "another input")
    for name in ("gone", "gone_1"):
        os.remove(port.folder / f"cases/{name}.in")
        os.remove(port.folder / f"cases/{name}.out")
    port.pair("fresh", "f", "g")
    port.pair("stays", "in of stays", "another reference")
    port.pair("wrong", "another input", "another reference")
    port.write("harness.toml", (port.folder / "harness.toml").read_text().replace('rev = "1"', 'rev = "2"'))
    assert port.run("check").code == 2, "entries match no case any more"
    ran = port.run("source", "bump")
    assert ran.code == 0
    told = [
        "renamed  pairs/macro_1.in -> pairs/makro_1.in",
        "renamed  pairs/old.in -> pairs/renamed.in",
        "renamed  pairs/same_out.in -> pairs/other_in.in  (input differ)",
        "changed  pairs/stays.in  (references)",
        "changed  pairs/wrong.in  (input and references)",
        "new      pairs/fresh.in",
        "gone     pairs/gone.in",
        "gone     pairs/gone_1.in",
        "skiplist.toml: -todo pairs/old.in",
        "skiplist.toml: -todo pairs/gone.in",
        "skiplist.toml: -flaky pairs/same_out.in",
        "skiplist.toml: -todo pairs/macro_*",
        "skiplist.toml: -todo pairs/go[n]e_*",
        "skiplist.toml: +todo pairs/renamed.in",
        "skiplist.toml: +flaky pairs/other_in.in",
        "skiplist.toml: +todo pairs/makro_1.in",
    ]
    lines = ran.out.splitlines()
    assert lines[: len(told)] == told
    assert lines[len(told)].startswith("3 renamed, 2 changed, 1 new, 2 gone since run ")
    assert lines[len(told) + 1 :] == ["next: harness source bump --confirm"]
    assert (port.folder / "skiplist.toml").read_text() == SKIPS
    assert port.run("source", "bump", "--confirm").out.splitlines()[: len(told)] == told
    assert listed(port) == {
        "format": 1,
        "todo": {
            "pairs/stays.in": "stays",
            "pairs/renamed.in": {"reason": "was hard", "run": False},
            "pairs/makro_1.in": "macros",
            "glob": {},
        },
        "flaky": {"pairs/other_in.in": "dice"},
    }
    assert port.run("check").first.startswith("FAIL 1/7 pass")
    assert port.run("source", "bump").out.startswith("nothing has moved since run ")


def test_while_the_revision_is_the_same_what_is_gone_will_be_missed_and_that_is_said(port: Workspace) -> None:
    move(port, "wrong", "still_wrong")
    note = "note: harness.toml:4: [source] rev is the same, so `check` will miss what is gone; change it\n"
    assert note in port.run("source", "bump").out
    assert "gone      pairs/wrong.in" in port.run("check").out


def test_confirming_what_the_list_does_not_name_says_that_nothing_was_written(port: Workspace) -> None:
    move(port, "wrong", "still_wrong")
    ran = port.run("source", "bump", "--confirm")
    says = "nothing to confirm: skiplist.toml names none of them; it is all that this command writes"
    assert ran.out.splitlines()[-2].startswith("note: harness.toml:4: [source] rev is the same")
    assert ran.out.splitlines()[-1] == says
    assert "nothing to confirm" not in port.run("source", "bump").out
    assert (port.folder / "skiplist.toml").read_text() == SKIPS


def test_what_went_with_the_old_revision_is_no_regression(port: Workspace) -> None:
    port.pair("new", "x", "x")
    os.remove(port.folder / "cases/right.in")
    os.remove(port.folder / "cases/right.out")
    port.write("harness.toml", (port.folder / "harness.toml").read_text().replace('rev = "1"', 'rev = "2"'))
    ran = port.run("check")
    assert ran.first.startswith("FAIL 1/8 pass")
    assert "REGRESSED" not in ran.out
    assert "right.in" not in ran.out


def test_an_accepted_case_whose_reference_changed_is_to_be_accepted_again(port: Workspace) -> None:
    port.run("skip", "add", "wrong.in", "--status", "accepted", "--reason", "so be it")
    port.pair("wrong", "in of wrong", "another reference")
    line = "changed  pairs/wrong.in  (references; accepted: look, and accept it again)"
    assert line in port.run("source", "bump").out.splitlines()


def test_an_accepted_case_keeps_its_record_through_a_rename_and_loses_it_with_the_case(port: Workspace) -> None:
    port.run("skip", "add", "wrong.in", "--status", "accepted", "--reason", "so be it")
    port.run("check")
    move(port, "wrong", "still_wrong")
    port.write("harness.toml", (port.folder / "harness.toml").read_text().replace('rev = "1"', 'rev = "2"'))
    port.run("source", "bump", "--confirm")
    assert listed(port)["accepted"]["pairs/still_wrong.in"]["reference"] == "accepted/pairs/wrong.in"
    assert port.run("check").first.startswith("PASS")
    os.remove(port.folder / "cases/still_wrong.in")
    os.remove(port.folder / "cases/still_wrong.out")
    port.run("source", "bump", "--confirm")
    assert listed(port)["accepted"] == {}


def test_without_a_whole_run_there_is_nothing_to_compare_with(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.config(workspace.worker("def render(case): return case.input"))
    assert workspace.run("source", "bump").err == "ERROR there is no whole run of 'port'; harness check makes one\n"


@pytest.mark.parametrize(
    ("gone", "new", "renamed"),
    [
        ({"s/a": ("1", "1")}, {"s/b": ("1", "1")}, {"s/a": "s/b"}),
        ({"s/a": ("1", "1")}, {"t/b": ("1", "2")}, {"s/a": "t/b"}),
        ({"s/a": ("1", "1")}, {"s/b": ("2", "1")}, {"s/a": "s/b"}),
        ({"s/a": ("1", "1")}, {"t/b": ("2", "1")}, {}),
        ({"s/a": ("1", "1")}, {"s/b": ("1", "2"), "s/c": ("2", "1")}, {"s/a": "s/b"}),
        ({"s/a": ("1", "1")}, {"s/b": ("1", "1"), "s/c": ("1", "2")}, {"s/a": "s/b"}),
        ({"s/a": ("1", "1")}, {"s/b": ("1", "1"), "s/c": ("1", "1")}, {}),
        ({"s/a": ("1", "1"), "s/b": ("1", "1")}, {"s/c": ("1", "1")}, {}),
        ({"s/a": ("1", "1"), "s/b": ("1", "2")}, {"s/c": ("1", "2"), "s/d": ("1", "1")}, {"s/a": "s/d", "s/b": "s/c"}),
    ],
)
def test_a_case_is_known_again_by_input_or_references_where_only_one_has_them(
    gone: dict[str, tuple[str, str]], new: dict[str, tuple[str, str]], renamed: dict[str, str]
) -> None:
    stays = {"s/stays": ("9", "9")}
    moved = compare(gone | stays, new | stays)
    assert moved.renamed == renamed
    assert set(moved.gone) == gone.keys() - renamed.keys()
    assert set(moved.new) == new.keys() - {*renamed.values()}
