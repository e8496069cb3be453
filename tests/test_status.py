"""`harness status`: the port at a glance."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.reports.status import spark

from .conftest import environment

if TYPE_CHECKING:
    from .conftest import Workspace

CONFIG = """\
format = 1
stages = ["first", "second"]
[target.port]
default = true
command = {command}
env = {env}
[target.js]
command = ["true"]
[[suite]]
name = "second"
reader = "pairs"
inputs = "second/*.in"
outputs = "second/{{stem}}.out"
[[suite]]
name = "first"
reader = "pairs"
inputs = "first/*.in"
outputs = "first/{{stem}}.out"
[[suite.rule]]
matcher = "text"
normalize = ["trailing-whitespace"]
"""


@pytest.fixture
def staged(workspace: Workspace) -> Workspace:
    """Two stages: the port passes `first` but for one, and none of `second`."""
    target = workspace.worker("def render(case): return case.input")
    command, env = (line.partition(" = ")[2] for line in target.splitlines())
    workspace.write("harness.toml", CONFIG.format(command=command, env=env))
    for name, given, wanted in (("a", "a", "a"), ("b", "b ", "b"), ("x", "x", "other"), ("y", "y", "other")):
        workspace.write(f"first/{name}.in", given)
        workspace.write(f"first/{name}.out", wanted)
    workspace.write("second/c.in", "c")
    workspace.write("second/c.out", "other")
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"first/x.in" = "not yet"\n[flaky]\n"second/c.in" = "dice"\n')
    return workspace


def steady(text: str) -> str:
    text = re.sub(r"run [0-9a-f]{4,}, just now", "run ####, just now", text)
    return re.sub(r"since \d{4}-\d\d-\d\d", "since (when)", text)


def test_stages_strengths_list_and_runs_are_shown(staged: Workspace) -> None:
    assert staged.run("status").out == "port: no whole run yet; harness check makes one\nskip list  1 todo, 1 flaky\n"
    staged.run("check")
    staged.run("check", "first/a.in")
    staged.write("first/y.out", "y")
    staged.run("check")
    assert steady(staged.run("status").out) == (
        "port: PASS 3/5 pass · run ####, just now\n"
        "  first   3/4  2 exact, 1 normalized, 1 todo\n"
        "  second  0/1  1 flaky\n"
        "skip list  1 todo, 1 flaky\n"
        "runs       ▁█ 2 → 3 pass in 2 whole runs since (when)\n"
    )
    assert staged.run("status", "--target", "js").out == (
        "js: no whole run yet; harness check makes one\nskip list  empty\n"
    )


def test_the_current_stage_is_the_first_with_a_failure_that_nothing_excuses(staged: Workspace) -> None:
    staged.write("skiplist.toml", 'format = 1\n[todo]\n"first/x.in" = "not yet"\n"first/y.in" = "not yet"\n')
    staged.run("check")
    lines = staged.run("status").out.splitlines()
    assert lines[1:3] == ["  first   2/4  1 exact, 1 normalized, 2 todo", "> second  0/1  1 failed"]


def test_the_oldest_entries_are_named_with_their_age(staged: Workspace) -> None:
    when = {"GIT_AUTHOR_DATE": "2001-02-03T04:05:06Z", "GIT_COMMITTER_DATE": "2001-02-03T04:05:06Z"}
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "all"]):
        subprocess.run(["/usr/bin/env", "git", *words], cwd=staged.folder, check=True, env=environment(when))
    text = (staged.folder / "skiplist.toml").read_text()
    staged.write("skiplist.toml", text + '"first/y.in" = "new"\n')
    line = staged.run("status").out.splitlines()[1]
    assert re.fullmatch(r"skip list  1 todo, 2 flaky · oldest 9\d{3} d first/x.in, 9\d{3} d second/c.in", line)


@pytest.mark.parametrize(
    ("values", "bars"),
    [([3], "▁"), ([5, 5], "▁▁"), ([0, 7], "▁█"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"), ([10, 0], "█▁")],
)
def test_bars_reach_from_the_least_to_the_greatest(values: list[int], bars: str) -> None:
    assert spark(values) == bars
