"""A night that is killed with SIGKILL between any two steps of its journal comes to the end of one that is not."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE, environment
from .nights import GIT, MORTAL, Night, make

if TYPE_CHECKING:
    from pathlib import Path

# A cheat, something useless, half of the work, and the other half; and each time a child that hides.
AGENT = """
subprocess.Popen(["sleep", "87655"], start_new_session=True)
tell(usage={"cost": 0.25, "tokens_in": 10})
match tried:
    case 0: edit("cases/two.out", "2", "?")
    case 1: edit("port/port.py", "zero", "nil")
    case 2: learn("two", 2)
    case _: learn("three", 3)
"""
SKIPS = 'format = 1\n\n[todo]\n# one of them\n"pairs/three.in" = "not yet"\n'

# Each night dies at its points one after the other; between them they are every boundary between two steps.
NIGHTS = {
    "when an attempt begins": ["began after", *["started before", "wait"] * 4],
    "when it has begun": ["measured before", *["started after", "wait"] * 4],
    "when it is paid": ["measured after", *["used before", "wait"] * 4],
    "when it has been paid": ["used after", "wait"] * 4,
    "when its work is taken": ["worked before", "wait"] * 4,
    "when its work has been taken": ["worked after", "wait"] * 4,
    "when it is good": ["judged before", "wait", "judged before", "stopped before"],
    "when it was good": ["judged after", "wait", "judged after", "stopped after"],
    "when it is over": ["closed before", "wait"] * 4,
    "when it has been over": ["closed after", "closed after", "closed after", "closed after"],
    "when it was killed before": ["started after", "resumed before", "resumed after", "closed before", "closed after"],
}


@pytest.mark.parametrize("points", NIGHTS.values(), ids=NIGHTS)
def test_a_night_that_is_killed_comes_to_the_same_end(points: list[str], tmp_path: Path) -> None:
    night = make(tmp_path)
    night.workspace.write("skiplist.toml", SKIPS)
    night.agent(AGENT)
    plan = tmp_path / "plan"
    plan.write_text("\n".join(points) + "\n")
    deaths = 0
    words = ["loop", "run"]
    while (ran := night.run(*words, program=MORTAL, env={"PLAN": str(plan)})).code == -signal.SIGKILL:
        night.see_nothing_is_left()
        words = ["loop", "resume"] if night.steps("began") else words
        deaths += 1
    assert deaths == len(points) - points.count("wait"), ran.err
    assert ran.code == 0, ran.out + ran.err
    see_the_same_end(night)


def see_the_same_end(night: Night) -> None:
    """What the night leaves does not tell that it was killed, but for what it cost."""
    assert night.git("status", "--porcelain") == ""
    port = (night.folder / "port" / "port.py").read_text()
    assert ("two" in port, "three" in port, "nil" in port) == (True, True, False)
    assert "pairs/" not in (night.folder / "skiplist.toml").read_text()
    assert night.git("rev-list", "--count", "--grep=Harness-Attempt:", "HEAD") == "2", "no work lands twice"
    broken = subprocess.run([*GIT, "fsck", "--full"], cwd=night.folder, capture_output=True, text=True, check=True)
    assert "error" not in broken.stderr + broken.stdout
    assert "missing" not in broken.stdout
    with sqlite3.connect(night.folder / ".harness" / "loop.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    night.see_nothing_is_left()
    assert not [*night.temporary.iterdir()], "no clone is left"
    report = night.report()
    assert report["stopped"]["reason"] == "done"
    assert [report["start"]["passed"], report["end"]["passed"]] == [2, 4]
    assert [one["gained"] for one in report["kept"]] == [["pairs/two.in"], ["pairs/three.in"]]
    assert report["figures"]["attempts"] == len(night.steps("started")), (
        "an attempt that is lost is counted all the same"
    )
    assert report["figures"]["cost"] == 0.25 * len(night.steps("used"))
    assert night.run("check").code == 0


def test_budgets_are_not_reset_by_a_restart(tmp_path: Path) -> None:
    night = make(tmp_path)
    night.agent("tell(usage={'cost': 0.25})\nedit('port/port.py', 'zero', 'nil')")
    plan = tmp_path / "plan"
    plan.write_text("started after\nworked before\n")
    for words in (["run", "--max-attempts", "3"], ["resume"]):
        assert night.run("loop", *words, program=MORTAL, env={"PLAN": str(plan)}).code == -signal.SIGKILL
    ran = night.run("loop", "resume")
    assert ran.code == 1
    assert ran.first.startswith("BUDGET (3 of 3 attempts)")
    assert len(night.steps("started")) == 3


def test_an_agent_and_its_hidden_children_die_with_a_loop_that_is_killed(tmp_path: Path) -> None:
    night = make(tmp_path)
    night.agent("subprocess.Popen(['sleep', '87656'], start_new_session=True, env={})\ntime.sleep(3600)")
    night.temporary.mkdir()
    loop = subprocess.Popen(
        [sys.executable, "-m", "harness", "loop", "run"],
        cwd=night.folder,
        env=environment({"TMPDIR": str(night.temporary)}),
    )
    until = time.monotonic() + PATIENCE
    while not any("87656" in one for one in night.processes()) and time.monotonic() < until:
        time.sleep(0.02)
    assert any("87656" in one for one in night.processes())
    os.kill(loop.pid, signal.SIGKILL)
    loop.wait()
    night.see_nothing_is_left()
    assert "killed" in night.run("loop", "status").out
    assert night.run("loop", "stop").out == "no loop runs here\n"
    assert not [*night.temporary.iterdir()]
