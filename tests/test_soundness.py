"""Ways in which a port could come to a green check without deserving it, each tried for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Workspace

ECHO = "def render(case): return case.input"


def test_a_worker_that_plants_a_trigger_in_the_store_gains_nothing(workspace: Workspace) -> None:
    workspace.pair("a", "a", "something else")
    body = f"""
    import sqlite3
    db = sqlite3.connect({str(workspace.folder / ".harness" / "store.db")!r}, timeout=30)
    db.execute('''CREATE TRIGGER IF NOT EXISTS forged AFTER UPDATE OF verdicts ON runs BEGIN
        UPDATE runs SET verdicts = '["PASS"]' WHERE id = NEW.id; END''')
    db.commit()
    def render(case): return case.input
    """  # noqa: S608 - the forger is not careful
    workspace.config(workspace.worker(body))
    ran = workspace.run("check")
    assert ran.code == 2
    assert "was changed by something else while the run went on" in ran.err
    assert "PASS" not in ran.out


def test_a_reference_that_the_port_rewrites_before_it_is_read_is_found(workspace: Workspace) -> None:
    for number in range(700):
        workspace.pair(f"{number:04}", "x", "x" if number < 512 else "the truth")
    body = f"""
    import pathlib
    for number in range(690, 700):
        pathlib.Path({str(workspace.folder)!r}, "cases", f"{{number:04}}.out").write_text("lie")
    def render(case): return "x" if case.name < "0512" else "lie"
    """
    workspace.config(workspace.worker(body))
    ran = workspace.run("check")
    assert ran.code == 2
    assert "0699.out: was changed while the run went on" in ran.err


def test_a_reference_is_not_lent_to_the_port_as_a_shared_file(workspace: Workspace) -> None:
    workspace.pair("a", "a", "the answer")
    workspace.config(workspace.worker(ECHO), suite='shared = ["cases/*.out"]')
    ran = workspace.run("check")
    assert ran.code == 2
    assert "cases/a.out:1: is a reference, and `shared` would send it to the port" in ran.err


def test_cases_that_are_deleted_turn_the_check_red_until_the_source_moves(workspace: Workspace) -> None:
    for name in ("a", "b"):
        workspace.pair(name, name, name)
    workspace.config(workspace.worker(ECHO), top='[source]\nroot = "."\nrev = "1"')
    assert workspace.run("check").code == 0
    for name in ("b.in", "b.out"):
        (workspace.folder / "cases" / name).unlink()
    for _ in range(2):
        ran = workspace.run("check")
        assert (ran.code, ran.first.split()[0]) == (3, "GATE"), "and it stays red: such a run is no baseline"
        assert "gone      pairs/b.in" in ran.out
    config = (workspace.folder / "harness.toml").read_text()
    workspace.write("harness.toml", config.replace('rev = "1"', 'rev = "2"'))
    assert workspace.run("check").code == 0


def test_failed_does_not_forget_a_case_that_is_no_more(workspace: Workspace) -> None:
    workspace.pair("a", "a", "other")
    workspace.pair("b", "b", "b")
    workspace.config(workspace.worker(ECHO))
    workspace.run("check")
    for name in ("a.in", "a.out"):
        (workspace.folder / "cases" / name).unlink()
    ran = workspace.run("check", "--failed")
    assert ran.code == 2
    assert "pairs/a.in failed in the last run and is no more" in ran.err


def test_a_worker_that_dies_now_and_then_is_noted_even_when_every_case_passes_alone(workspace: Workspace) -> None:
    for number in range(30):
        workspace.pair(f"{number:02}", "x", "x")
    body = """
    import os
    count = [0]
    def render(case):
        count[0] += 1
        if count[0] == 5: os._exit(11)
        return case.input
    """
    workspace.config(workspace.worker(body) + "\nworkers = 1")
    ran = workspace.run("check")
    assert ran.first.startswith("PASS 30/30")
    assert "note: a worker exited with 11" in ran.out
    assert "alone, the one in question answered" in ran.out


def test_a_module_that_the_port_leaves_in_the_workspace_replaces_none_of_ours(workspace: Workspace) -> None:
    workspace.pair("a", "a", "other")
    for name in ("rapidfuzz", "jsonschema", "sitecustomize", "conftest"):
        workspace.write(f"{name}.py", "import os; print('PASS 1/1 pass'); os._exit(0)")
    workspace.config(workspace.worker(ECHO))
    ran = workspace.run("check")
    assert (ran.code, ran.first.split()[0]) == (4, "NOTHING")
    assert "PASS" not in ran.out


def test_nothing_of_a_build_runs_on_in_the_background(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    pid = workspace.folder / "pid"
    build = json.dumps([["sh", "-c", f"sleep 300 & echo $! > {pid}"]])
    workspace.config(f"build = {build}\n" + workspace.worker(ECHO))
    assert workspace.run("check").code == 0
    state = f"/proc/{pid.read_text().strip()}/stat"
    if sys.platform == "linux":
        try:
            with open(state, encoding="utf-8") as file:
                assert file.read().split(") ")[1][0] == "Z", "dead, at most not yet collected by init"
        except FileNotFoundError:
            pass


def test_two_replies_that_pose_as_one_and_a_verdict_in_an_output_stay_what_they_are(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.pair("b", "b", "b")
    body = "def render(case): return 'b\\nPASS 2/2 pass' if case.name == 'b.in' else case.input"
    workspace.config(workspace.worker(body))
    ran = workspace.run("check")
    assert ran.first.startswith("FAIL 1/2")
    assert not any(line.startswith("PASS") for line in (ran.out + workspace.run("show", "b.in").out).splitlines())


WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.skipif(
    bool(WITHOUT_PTRACE) and shutil.which("setpriv") is None, reason="root needs setpriv to be an ordinary user"
)
def test_a_port_can_not_reach_into_the_harness(workspace: Workspace) -> None:
    """Its terminal, where a verdict could be forged, and its memory, where the references are."""
    workspace.pair("a", "a", "a")
    body = """
    import os
    def render(case):
        reached = []
        for name in ("fd/1", "mem"):
            try:
                os.close(os.open(f"/proc/{os.getppid()}/{name}", os.O_RDWR))
                reached.append(name)
            except OSError:
                pass
        return f"reached {reached}"
    """
    workspace.config(workspace.worker(body))
    ran = subprocess.run(
        [*WITHOUT_PTRACE, sys.executable, "-m", "harness", "check"],
        cwd=workspace.folder, env=environment({}), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "+reached []" in ran.stdout


def test_nothing_that_a_build_starts_outlives_it(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.write("build.py", "import subprocess; subprocess.Popen(['sleep', '87654'], start_new_session=True)")
    target = f"build = {json.dumps([[sys.executable, '{workspace}/build.py']])}\n"
    workspace.config(target + workspace.worker(ECHO))
    assert workspace.run("check").code == 0
    running = [Path("/proc", pid, "cmdline") for pid in os.listdir("/proc") if pid.isdigit()]
    assert not [one for one in running if one.exists() and b"87654" in one.read_bytes()]


def test_a_reference_that_is_edited_between_two_runs_is_told_though_nothing_is_locked(workspace: Workspace) -> None:
    for name in "abcde":
        workspace.pair(name, name, "the truth")
    workspace.config(workspace.worker("def render(case): return 'lie'"))
    workspace.run("check")
    for name in "abcde":
        workspace.pair(name, name, "lie")
    ran = workspace.run("check")
    note = "note: the input or reference of 5 is another than in run ####: pairs/a.in, pairs/b.in, pairs/c.in +2"
    assert note in re.sub(r"run [0-9a-f]{4}", "run ####", ran.out)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_a_worker_that_reads_nothing_dies_with_a_harness_that_is_killed(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    temporary = workspace.folder / "tmp"
    temporary.mkdir()
    workspace.config(
        workspace.program(
            "import time; open({!r}, 'w').close(); time.sleep(3600)".format(str(workspace.folder / "started"))
        )
    )
    harness = subprocess.Popen(
        [sys.executable, "-m", "harness", "check"], cwd=workspace.folder, env=environment({"TMPDIR": str(temporary)})
    )
    wait_for((workspace.folder / "started").exists)
    assert [*temporary.iterdir()]
    harness.kill()
    harness.wait()
    program = str(workspace.folder / "program.py").encode()
    wait_for(lambda: not any(program in command for command in commands()))
    wait_for(lambda: not [*temporary.iterdir()])


def commands() -> Iterator[bytes]:
    """The command lines of all processes."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            yield Path("/proc", pid, "cmdline").read_bytes()


def wait_for(true: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it has not come"
        time.sleep(0.02)
