"""A run as a whole: what it compares itself with, what it notes, in which order things happen."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace

ECHO = "def render(case): return case.input"
PARTLY = """
import pathlib, os
def render(case):
    wrong = pathlib.Path(os.environ["WRONG"]).read_text().split()
    return "wrong" if case.name.removesuffix(".in") in wrong else case.input
"""


@pytest.fixture
def steered(workspace: Workspace) -> Workspace:
    """A workspace of three cases whose port fails the ones that the file `wrong` names."""
    for name in ("a", "b", "c"):
        workspace.pair(name, f"{name}\n", f"{name}\n")
    target = workspace.worker(PARTLY).replace("env = {", 'env = { WRONG = "{workspace}/wrong",')
    workspace.config(target)
    workspace.write("wrong", "")
    return workspace


def runs(folder: Path) -> list[tuple[str, int, str]]:
    with sqlite3.connect(folder / ".harness" / "store.db") as db:
        return db.execute("SELECT state, whole, selection FROM runs ORDER BY number").fetchall()


def test_a_digest_says_what_was_fixed_and_what_regressed_since_the_last_whole_run(steered: Workspace) -> None:
    steered.write("wrong", "a b")
    assert steered.run("check").first.startswith("FAIL 1/3 pass · 2 failed")
    steered.write("wrong", "b c")
    ran = steered.run("check")
    assert ran.first.startswith("FAIL 1/3 pass · +1 fixed · 1 REGRESSED · 2 failed")
    assert "REGRESSED pairs/c.in" in ran.out


def test_a_partial_run_is_no_baseline(steered: Workspace) -> None:
    assert steered.run("check").first.startswith("PASS 3/3")
    steered.write("wrong", "a")
    assert "REGRESSED" not in steered.run("check", "a.in").first
    assert "1 REGRESSED" in steered.run("check").first, "the baseline is the whole run before, not the partial one"


def test_a_run_with_the_skip_list_put_aside_is_no_baseline(steered: Workspace) -> None:
    steered.run("check", "--no-skips")
    steered.write("wrong", "a")
    assert "REGRESSED" not in steered.run("check").first
    assert [whole for _, whole, _ in runs(steered.folder)] == [0, 1]


def test_a_case_that_leaves_the_count_is_shown(steered: Workspace) -> None:
    steered.run("check")
    for name in ("b.in", "b.out"):
        (steered.folder / "cases" / name).unlink()
    ran = steered.run("check")
    assert "1 REGRESSED" in ran.first
    assert "gone      pairs/b.in" in ran.out


def test_each_target_has_its_own_baseline(steered: Workspace) -> None:
    config = (steered.folder / "harness.toml").read_text()
    head, rest = config.split("[[suite]]", 1)
    other = head.split("[target.port]", 1)[1]
    steered.write("harness.toml", f"{head}default = true\n[target.other]{other}[[suite]]{rest}")
    steered.run("check")
    steered.write("wrong", "a")
    assert "REGRESSED" not in steered.run("check", "--target", "other").first
    assert "1 REGRESSED" in steered.run("check").first


def test_a_rule_that_judges_nothing_and_a_normalisation_that_no_pass_needs_are_noted(workspace: Workspace) -> None:
    workspace.pair("a", "x \n", "x\n")
    rules = """
    [[suite.rule]]
    cases = "nothing-like-it"
    matcher = "exact"
    [[suite.rule]]
    matcher = "text"
    normalize = ["trailing-whitespace", "ansi"]
    """
    workspace.config(workspace.worker(ECHO), rules=rules)
    ran = workspace.run("check")
    assert ran.first.startswith("PASS 1/1 pass (1 normalized)")
    assert "harness.toml:" in ran.out
    assert "pairs rule 1 (exact) judges no case" in ran.out
    assert "pairs rule 2 (text): no pass needs 'ansi'" in ran.out
    assert "'trailing-whitespace'" not in ran.out


def test_stages_are_counted_and_told_in_the_order_of_the_port(workspace: Workspace) -> None:
    workspace.write("one/a.in", "a")
    workspace.write("one/a.out", "not a")
    workspace.write("two/b.in", "b")
    workspace.write("two/b.out", "not b")
    workspace.write("two/c.in", "c")
    workspace.write("two/c.out", "not c")
    suite = '[[suite]]\nname = "{0}"\nreader = "pairs"\ninputs = "{0}/*.in"\noutputs = "{0}/{{stem}}.out"\n'
    target = workspace.worker(ECHO)
    # The suites stand in the other order: it is `stages` that says what comes first.
    text = f'format = 1\nstages = ["one", "two"]\n[target.port]\n{target}\n' + suite.format("two") + suite.format("one")
    workspace.write("harness.toml", text)
    lines = workspace.run("check").out.splitlines()
    assert lines[1] == "one 0/1 · two 0/2"
    assert [line.partition("· ")[2] for line in lines if line.startswith("[")] == ["one/a.in"]
    assert re.search(r"^two: 2 failed in 1 cluster \(harness digest \w+ --stage two\)$", "\n".join(lines), re.MULTILINE)
    shown = workspace.run("digest", "--stage", "two").out.splitlines()
    assert [line.partition("· ")[2] for line in shown if line.startswith("[")] == ["two/b.in"]
    assert lines[-1] == "next: harness show one/a.in"


STATEFUL = """
from harness.model import Case, Reference
from harness.errors import Place
OPTIONS = {}
def canonical(text): return text
def read(suite, root, options):
    for group in ("x", "y"):
        for number, text in enumerate(["1", "2", "3"]):
            place = Place(str(root / "steps"))
            yield Case(suite, f"{group}{number}", "next", (Reference("output", (text,), place),), place, group=group)
"""


def test_a_group_runs_in_order_in_a_fresh_worker(workspace: Workspace) -> None:
    workspace.write("own/steps.py", STATEFUL)
    target = workspace.worker("count = [0]\ndef render(case):\n    count[0] += 1\n    return str(count[0])")
    suite = '[[suite]]\nname = "steps"\nreader = "own.steps"\n'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{target}\nworkers = 3\n{suite}")
    assert workspace.run("check").first.startswith("PASS 6/6 pass")


def test_a_case_of_a_group_that_dies_takes_the_rest_of_its_group_with_it_and_no_other(workspace: Workspace) -> None:
    workspace.write("own/steps.py", STATEFUL)
    body = """
    import os
    count = [0]
    def render(case):
        count[0] += 1
        if case.name == "x1": os._exit(7)
        return str(count[0])
    """
    suite = '[[suite]]\nname = "steps"\nreader = "own.steps"\n'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{workspace.worker(body)}\n{suite}")
    _, export = workspace.export()
    outcomes = {result["id"]: result["outcome"] for result in export["results"]}
    assert outcomes == {f"steps/{name}": "passed" for name in ("x0", "y0", "y1", "y2")} | {
        "steps/x1": "crashed",
        "steps/x2": "crashed",
    }


def test_a_fault_far_behind_the_read_ahead_leaves_no_run_behind(workspace: Workspace) -> None:
    for number in range(600):
        workspace.pair(f"{number:04}", "x", "x")
    workspace.write("cases/9999.in", "no reference beside it")
    workspace.config(workspace.worker(ECHO))
    ran = workspace.run("check")
    assert ran.code == 2
    assert "9999.in" in ran.err
    assert runs(workspace.folder) == []


def test_an_error_in_the_files_is_told_before_anything_is_built(workspace: Workspace) -> None:
    workspace.write("cases/a.in", "no reference beside it")
    workspace.config('build = [["touch", "built"]]\n' + workspace.worker(ECHO))
    assert workspace.run("check").code == 2
    assert not (workspace.folder / "built").exists()


def test_out_of_scope_and_not_attempted_are_counted_and_not_run(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    target = workspace.worker(ECHO) + '\nsuites = ["pairs"]'
    more = '[[suite]]\nname = "{0}"\nreader = "pairs"\ninputs = "cases/*.in"\noutputs = "cases/{{stem}}.out"\n{1}\n'
    rules = more.format("later", "") + more.format("never", 'out_of_scope = "no part of the port"')
    workspace.config(target, rules=rules)
    ran, export = workspace.export()
    assert ran.first.startswith("PASS 1/1 pass · 1 not attempted · 1 out of scope")
    assert {result["id"]: result["standing"] for result in export["results"]} == {
        "pairs/a.in": "passed",
        "later/a.in": "not_attempted",
        "never/a.in": "out_of_scope",
    }
    assert export["results"][2]["why"] == "no part of the port"
