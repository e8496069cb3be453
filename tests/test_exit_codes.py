"""Each verdict and its exit code, got as a user would get it; and which one decides when several apply."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from .conftest import Ran, Workspace

if TYPE_CHECKING:
    from pathlib import Path

CAT = 'protocol = "command"\ncommand = ["cat"]'


@pytest.fixture
def mirror(workspace: Workspace) -> Workspace:
    """Three cases, and a port that gives back its input: two of them pass."""
    workspace.config(CAT)
    workspace.pair("good", "a", "a")
    workspace.pair("fine", "b", "b")
    workspace.pair("wrong", "c", "C")
    return workspace


def skip(workspace: Workspace, *lines: str) -> None:
    workspace.write("skiplist.toml", "format = 1\n[todo]\n" + "".join(f"{line}\n" for line in lines))


def ended(ran: Ran) -> tuple[int, str]:
    """Exit code, and the verdicts that the first line tells."""
    words = []
    for word in ran.first.split(" "):
        if not word.isupper():
            break
        words.append(word)
    return ran.code, " ".join(words)


# --- 0 PASS --------------------------------------------------------------------------------------------------------


def test_all_cases_pass(mirror: Workspace) -> None:
    mirror.pair("wrong", "c", "c")
    assert ended(mirror.run("check")) == (0, "PASS")


def test_a_failing_case_that_is_listed_with_a_reason_does_not_spoil_a_pass(mirror: Workspace) -> None:
    skip(mirror, '"pairs/wrong.in" = "upper case is not ported"')
    ran = mirror.run("check")
    assert ended(ran) == (0, "PASS")
    assert "1 todo" in ran.first


def test_a_green_selection_says_how_little_it_is(mirror: Workspace) -> None:
    ran = mirror.run("check", "good.in", "fine.in")
    assert ran.code == 0
    assert ran.first.startswith("PASS 2 of 3 selected")


def test_a_green_selection_is_no_baseline(mirror: Workspace) -> None:
    assert ended(mirror.run("check")) == (1, "FAIL")
    mirror.pair("wrong", "c", "c")
    assert ended(mirror.run("check", "wrong.in")) == (0, "PASS")
    assert "+1 fixed" in mirror.run("check").first


# --- 1 FAIL --------------------------------------------------------------------------------------------------------


def test_a_failing_case(mirror: Workspace) -> None:
    assert ended(mirror.run("check")) == (1, "FAIL")


def test_a_failing_linter_while_every_case_passes(mirror: Workspace) -> None:
    mirror.pair("wrong", "c", "c")
    mirror.config(CAT + '\ncheck = [["true"], ["sh", "-c", "echo port.c:3: unused x; exit 1"]]')
    ran = mirror.run("check")
    assert ended(ran) == (1, "FAIL")
    assert ran.first.startswith("FAIL 3/3 pass")
    assert "  port.c:3: unused x" in ran.out.splitlines()


# --- 2 ERROR -------------------------------------------------------------------------------------------------------


def test_a_config_with_a_mistake(mirror: Workspace) -> None:
    mirror.config(CAT + "\nbild = []")
    ran = mirror.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("ERROR harness.toml:")
    assert "did you mean 'build'?" in ran.err


def test_an_input_without_its_reference(mirror: Workspace) -> None:
    mirror.write("cases/lonely.in", "x")
    ran = mirror.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "lonely.out is missing" in ran.err


@pytest.mark.parametrize(
    "words",
    [("check", "nonsense.in"), ("check", "--nonsense"), ("nonsense",), ("check", "--max-fail", "0"), ()],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_usage(mirror: Workspace, words: tuple[str, ...]) -> None:
    ran = mirror.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("ERROR " if words else "Usage: harness ")
    assert "Traceback" not in ran.err


def test_a_folder_that_is_no_workspace(tmp_path: Path) -> None:
    ran = Workspace(tmp_path).run("check")
    assert ran.code == 2
    assert ran.err.startswith("ERROR no harness.toml in ")


def test_a_fault_inside_the_harness_is_not_taken_for_a_failing_port(mirror: Workspace) -> None:
    mirror.write("broken.py", "def make(options): raise ZeroDivisionError\nOPTIONS = {}\n")
    mirror.config(CAT, rules='[[suite.rule]]\nmatcher = "broken:"')
    ran = mirror.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "ZeroDivisionError" in ran.err
    assert ran.err.splitlines()[-1].startswith("ERROR this is a fault of the harness")


def test_an_export_that_can_not_be_written_outweighs_a_green_run(mirror: Workspace) -> None:
    ran = mirror.run("check", "good.in", "--json", "no/such/folder/run.json")
    assert ended(ran) == (2, "PASS")
    assert (
        ran.err
        == "ERROR --json no/such/folder/run.json: can not be written (No such file or directory); name another file\n"
    )


# --- 3 GATE --------------------------------------------------------------------------------------------------------


def test_a_stale_entry_of_the_skip_list(mirror: Workspace) -> None:
    skip(mirror, '"pairs/wrong.in" = "not ported"', '"pairs/good.in" = "was fixed yesterday"')
    ran = mirror.run("check")
    assert ended(ran) == (3, "GATE")
    assert "pairs/good.in" in ran.out
    assert "was fixed yesterday" in ran.out


# --- 4 NOTHING -----------------------------------------------------------------------------------------------------


def test_no_case_ran(mirror: Workspace) -> None:
    mirror.write("skiplist.toml", 'format = 1\n[todo.glob]\n"pairs/*" = { reason = "hangs", run = false }\n')
    assert ended(mirror.run("check")) == (4, "NOTHING")


def test_no_case_passed_though_each_failure_is_excused(mirror: Workspace) -> None:
    skip(mirror, '"pairs/wrong.in" = "not ported"')
    assert ended(mirror.run("check", "wrong.in")) == (4, "NOTHING")


def test_a_run_cut_short_by_max_fail(workspace: Workspace) -> None:
    workspace.config(CAT + "\nworkers = 1")
    for number in range(20):
        workspace.pair(f"{number:02}", "a", "a" if number == 0 else "b")
    ran, export = workspace.export("--max-fail", "3")
    assert ended(ran) == (4, "NOTHING FAIL")
    assert "incomplete: stopped after 3 failed" in ran.first
    assert export["run"]["state"] == "incomplete"
    assert export["run"]["summary"]["standings"]["failed"] in range(3, 6)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_stored_and_marked_incomplete(workspace: Workspace, sent: signal.Signals) -> None:
    workspace.config(
        workspace.worker("""
            import pathlib, time
            def render(case):
                if case.name == "slow.in":
                    pathlib.Path(__file__).with_name("started").touch()
                    time.sleep(60)
                return case.input
        """)
        + "\nworkers = 1",
        suite="timeout = 100",
    )
    workspace.pair("good", "a", "a")
    workspace.pair("slow", "a", "a")
    ran = workspace.interrupt("check", sent=sent)
    assert ended(ran) == (4, "NOTHING")
    assert ran.first.startswith("NOTHING 1/2 pass · 1 not run · incomplete: interrupted")
    assert "incomplete" in workspace.run("runs").first


def test_an_interrupted_build_is_no_broken_build_and_leaves_no_process_behind(mirror: Workspace) -> None:
    script = "sleep 60 & echo $! > child; touch started; wait"
    mirror.config(CAT + f'\nbuild = [["sh", "-c", "{script}"]]')
    ran = mirror.interrupt("check")
    assert ended(ran) == (4, "NOTHING")
    assert "incomplete: interrupted" in ran.first
    assert not alive(int((mirror.folder / "child").read_text()))


def test_a_second_ctrl_c_waits_for_nothing_and_leaves_no_process_behind(mirror: Workspace) -> None:
    script = "trap 'touch heard' TERM; echo $$ > child; touch started; while true; do sleep 0.1; done"
    mirror.config(CAT + f'\nbuild = [["sh", "-c", "{script}"]]')
    ran = mirror.interrupt("check", again=True)
    assert (ran.code, ran.out, ran.err) == (130, "", "")
    assert not alive(int((mirror.folder / "child").read_text()))
    assert "incomplete" in mirror.run("runs").first


# --- 5 TARGET ------------------------------------------------------------------------------------------------------


def test_a_build_that_fails(mirror: Workspace) -> None:
    steps = '[["true"], ["sh", "-c", "echo src/port.c:7:3: error: no x; exit 2"], ["touch", "never"]]'
    mirror.config(CAT + f"\nbuild = {steps}")
    ran = mirror.run("check")
    assert ended(ran) == (5, "TARGET NOTHING")
    assert "the build failed: `sh -c echo src/port.c:7:3: error: no x; exit 2` exited with 2" in ran.out
    assert "  src/port.c:7:3: error: no x" in ran.out.splitlines()
    assert not (mirror.folder / "never").exists()


def test_a_build_command_that_does_not_exist(mirror: Workspace) -> None:
    mirror.config(CAT + '\nbuild = [["no-such-compiler"]]')
    ran = mirror.run("check")
    assert ended(ran) == (5, "TARGET NOTHING")
    assert "`no-such-compiler` can not be started (No such file or directory)" in ran.out


def test_no_worker_comes_up(mirror: Workspace) -> None:
    mirror.config(mirror.program("raise SystemExit('the licence has expired')"))
    ran = mirror.run("check")
    assert ended(ran) == (5, "TARGET NOTHING")
    assert "the licence has expired" in ran.out


def test_a_program_that_does_not_exist(mirror: Workspace) -> None:
    mirror.config('command = ["bin/port"]')
    ran = mirror.run("check")
    assert ended(ran) == (5, "TARGET NOTHING")
    assert f"{mirror.folder}/bin/port can not be started" in ran.out


# --- which one decides ---------------------------------------------------------------------------------------------


def test_fail_outweighs_gate(mirror: Workspace) -> None:
    skip(mirror, '"pairs/good.in" = "was fixed"')
    assert ended(mirror.run("check")) == (1, "FAIL GATE")


def test_nothing_outweighs_fail_and_gate(workspace: Workspace) -> None:
    workspace.config(CAT + "\nworkers = 1")
    for number in range(9):
        workspace.pair(f"{number}", "a", "a" if number == 0 else "b")
    skip(workspace, '"pairs/0.in" = "was fixed"')
    assert ended(workspace.run("check", "--max-fail", "2")) == (4, "NOTHING FAIL GATE")


def test_a_worker_that_is_gone_halfway_outweighs_what_it_did_before(workspace: Workspace) -> None:
    """Each worker serves one case and removes its own program: the second does not come up."""
    body = """
        import json, os, sys
        print('{"ready": 1, "name": "port", "version": "1"}', flush=True)
        sys.stdin.readline()
        for line in sys.stdin:
            case = json.loads(line)
            if "id" in case:
                os.remove(__file__)
                print(json.dumps({"id": case["id"], "output": case["input"]}), flush=True)
                raise SystemExit
    """
    workspace.config(workspace.program(body.replace("\n        ", "\n")) + "\nworkers = 1")
    skip(workspace, '"pairs/1.in" = "was fixed"')
    for name in "123":
        workspace.pair(name, "a", "a")
    assert ended(workspace.run("check")) == (5, "TARGET NOTHING GATE")
