"""What a port can do to the harness: each is one clear outcome, the other cases go on, and no process survives.

Every test runs the real command line on a real program. Its cases are `c00`, `c01` and so on, with their own name as
input; a port that does well answers in upper case.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil
import pytest

from .conftest import PATIENCE, Ran, Workspace, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TIMEOUT = "timeout = 0.7"
MEMORY = 300_000_000  # bytes: what the harness may take at most, whatever a port does

SPEAK = """
import json, os, signal, subprocess, sys, time

def line(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

def say(**message):
    line(json.dumps(message))

def greet():
    json.loads(sys.stdin.readline())["harness"]
    say(ready=1, name="port", version="1")

def requests():
    greet()
    for text in sys.stdin:
        message = json.loads(text)
        if "id" in message:
            yield message

def well(request):
    return {"id": request["id"], "output": request["input"].upper()}

def note(name, text="x"):
    '''Append a line to a file of the test; says whether it is the first.'''
    with open(os.path.join(os.environ["NOTES"], name), "a") as file:
        file.write(f"{text}\\n")
        return file.tell() == len(f"{text}\\n")
"""


@dataclass(frozen=True)
class Checked:
    """A run, and its export."""

    ran: Ran
    export: Any

    @property
    def outcomes(self) -> dict[str, str]:
        return {name(result): result["outcome"] for result in self.export["results"]}

    def result(self, case: str) -> Any:  # noqa: ANN401 - JSON
        return next(result for result in self.export["results"] if name(result) == case)

    def why(self, case: str) -> str:
        return str(self.result(case)["why"])

    @property
    def notices(self) -> str:
        return "\n".join(self.export["run"]["notices"])


@dataclass(frozen=True)
class Port:
    """A workspace whose port misbehaves, and the means to see who is still alive."""

    workspace: Workspace
    mark: str = field(default_factory=lambda: uuid4().hex)

    def program(self, body: str, *, cases: int = 12, more: str = "", suite: str = TIMEOUT) -> None:
        """Write the whole program, after what it needs to speak the protocol, and its cases."""
        command = self.workspace.program(SPEAK + dedent(body))
        self.config(command, cases=cases, more=more, suite=suite)

    def trouble(self, at: Mapping[str, str], *, cases: int = 12, suite: str = TIMEOUT) -> None:
        """Write a program that does well, but for some cases: what it does before, or instead of, its reply."""
        arms = "".join(f"        case {case!r}:\n{indent(dedent(body), ' ' * 12)}\n" for case, body in at.items())
        loop = f"for request in requests():\n    match request['input']:\n{arms}    say(**well(request))"
        self.program(loop, cases=cases, suite=suite)

    def config(self, command: str, *, cases: int = 12, more: str = "", suite: str = TIMEOUT) -> None:
        notes = self.workspace.folder / "notes"
        notes.mkdir()
        self.workspace.config(f'{command}\nenv = {{ MARK = "{self.mark}", NOTES = "{notes}" }}\n{more}', suite=suite)
        for number in range(cases):
            self.workspace.pair(f"c{number:02}", f"c{number:02}", f"C{number:02}")

    def check(self, *words: str) -> Checked:
        """Run `harness check`; no process of the port may survive it."""
        ran, export = self.workspace.export(*words)
        assert self.survivors() == []
        return Checked(ran, export)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Begin a `harness check` that something will happen to."""
        return subprocess.Popen(
            [sys.executable, "-m", "harness", "check", *words],
            cwd=self.workspace.folder,
            env=environment({"TMPDIR": str(self.workspace.folder)}),  # one that is killed leaves its folder
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def notes(self, file: str) -> list[str]:
        """Read what the port's processes have noted."""
        path = self.workspace.folder / "notes" / file
        return path.read_text().splitlines() if path.exists() else []

    def survivors(self) -> list[int]:
        """Find the port's processes: by a mark in their environment, or because they noted who they are."""
        return [process.pid for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            marked = process.environ().get("MARK") == self.mark or str(process.pid) in self.notes("pids")
            return marked and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def stored(self) -> list[tuple[str, dict[str, str]]]:
        """Read every stored run, the oldest first: its state, and the outcome of each case."""
        database = sqlite3.connect(self.workspace.folder / ".harness" / "store.db")
        runs = database.execute("SELECT id, state FROM runs ORDER BY number").fetchall()
        query = "SELECT id, outcome FROM results WHERE run = ?"
        found = [
            (state, {name({"id": case}): word for case, word in database.execute(query, (run,))}) for run, state in runs
        ]
        database.close()
        return found


@pytest.fixture
def port(workspace: Workspace) -> Port:
    return Port(workspace)


def name(result: Mapping[str, Any]) -> str:
    return str(result["id"]).removeprefix("pairs/").removesuffix(".in")


def passed(cases: int = 12, /, **but: str) -> dict[str, str]:
    """Every case passes, but for these."""
    return {f"c{number:02}": "passed" for number in range(cases)} | but


def within_patience(come: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)


@pytest.fixture(scope="module", autouse=True)
def never_ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Port, subprocess.Popen[str]]]:
    """A run whose worker says nothing at its start; it takes 30 seconds, and so begins before all other tests."""
    port = Port(Workspace(tmp_path_factory.mktemp("never_ready")))
    port.program("""
        note("starts")
        print("waiting for the licence server", file=sys.stderr, flush=True)
        sys.stdin.read()
    """)
    process = port.begin()
    yield port, process
    process.kill()
    process.communicate()


# --- deaths --------------------------------------------------------------------------------------------------------


def test_a_death_before_the_reply_is_a_crash_of_its_case(port: Port) -> None:
    ends = {
        "c01": ("os._exit(3)", "exited with 3 before it answered"),
        "c03": ("sys.exit(0)", "exited with 0 before it answered"),
        "c04": ("os.abort()", "was killed by SIGABRT before it answered"),
        "c05": (
            "os.kill(os.getpid(), signal.SIGRTMIN + 2)",
            f"was killed by signal {signal.SIGRTMIN + 2} before it answered",
        ),
        "c11": ("sys.stdout.write('{\"id\": ')", "exited with 0 in the middle of '{\"id\": '"),
    }
    port.trouble(
        {case: f"{end}\nsys.stderr.write('last words of {case}')\nsys.exit(0)" for case, (end, _) in ends.items()}
    )
    run = port.check()
    assert run.outcomes == passed(**dict.fromkeys(ends, "crashed"))
    assert {case: run.why(case) for case in ends} == {case: why for case, (_, why) in ends.items()}
    assert run.result("c11")["stderr"] == "last words of c11"
    assert run.ran.code == 1


def test_a_death_after_a_reply_is_the_fault_of_no_case(port: Port) -> None:
    port.trouble(dict.fromkeys(["c02", "c05", "c11"], "say(**well(request)); os._exit(3)"))
    assert port.check().outcomes == passed()


def test_a_worker_may_leave_between_two_cases(port: Port) -> None:
    port.program("""
        note("starts")
        for request in requests():
            say(**well(request))
            sys.exit(0)
    """)
    run = port.check()
    assert run.outcomes == passed()
    assert len(port.notes("starts")) >= 12


def test_a_last_line_without_its_newline_counts_when_it_is_whole(port: Port) -> None:
    port.trouble({"c05": "sys.stdout.write(json.dumps(well(request))); sys.exit(0)"})
    assert port.check().outcomes == passed()


def test_a_worker_that_hoards_its_replies_and_dies_later_does_not_shift_the_blame(port: Port) -> None:
    port.program(
        """
        hoard = []
        for request in requests():
            if request["input"] == "c12":
                os._exit(3)
            hoard.append(request)
            if len(hoard) == 20:
                break
        for request in hoard:
            say(**well(request))
        """,
        cases=24,
    )
    run = port.check("--workers", "4")
    assert run.outcomes == passed(24, c12="crashed")
    assert "does the worker flush every reply?" in run.notices


def test_a_worker_that_begins_to_hoard_when_it_is_trusted_does_not_shift_the_blame(port: Port) -> None:
    port.program(
        """
        hoard = []
        for number, request in enumerate(requests()):
            if request["input"] == "c12":
                os._exit(3)
            if number < 6:
                say(**well(request))
            else:
                hoard.append(request)
        for request in hoard:
            say(**well(request))
        """,
        cases=24,
    )
    assert port.check("--workers", "1").outcomes == passed(24, c12="crashed")


def test_a_worker_that_speaks_only_at_the_end_of_its_stdin_is_heard(port: Port) -> None:
    port.program("""
        greet()
        for request in map(json.loads, sys.stdin.readlines()):
            if "id" in request:
                say(**well(request))
    """)
    assert port.check("--workers", "4").outcomes == passed()


def test_a_worker_that_dies_on_every_case_is_no_port_that_fails_but_a_target_that_is_down(port: Port) -> None:
    port.program(
        """
        note("starts")
        for request in requests():
            sys.exit("ImportError: no module named port")
        """,
        cases=99,
    )
    run = port.check()
    assert run.ran.code == 5
    assert "target port: the worker exited with 1 on each of the first 20 cases" in run.ran.out
    assert "ImportError: no module named port" in run.ran.out
    assert len(port.notes("starts")) < 60


def test_a_few_cases_that_all_die_are_a_port_that_fails(port: Port) -> None:
    port.trouble(dict.fromkeys(["c00", "c01", "c02"], "os._exit(3)"), cases=3)
    run = port.check()
    assert run.outcomes == {"c00": "crashed", "c01": "crashed", "c02": "crashed"}
    assert run.ran.first.startswith("NOTHING FAIL ")


def test_first_cases_that_die_each_in_its_own_way_do_not_hide_that_others_pass(port: Port) -> None:
    dying = [f"c{number:02}" for number in range(22)]
    port.trouble({case: f"sys.exit('no {case} yet')" for case in dying}, cases=24)
    assert port.check().outcomes == passed(24, **dict.fromkeys(dying, "crashed"))


# --- starting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("sys.exit(7)", "did not come up in 3 tries: it exited with 7 before it was asked anything"),
        ("line('Hello!')\ntime.sleep(1000)", "answered the greeting with 'Hello!', which is not JSON"),
        ("line('{\"ready\": 2}')\ntime.sleep(1000)", 'which is not {"ready": 1, "name": ..., "version": ...}'),
        ("os.close(1)\ntime.sleep(1000)", "closed its stdout before it was asked anything"),
        ("while True: sys.stdout.write('x' * 1000)", "which is a flood that no case asked for"),
    ],
    ids=["dies", "greets a person", "speaks another version", "closes its stdout", "floods"],
)
def test_a_worker_that_does_not_come_up_stops_the_run_after_a_few_tries(port: Port, body: str, says: str) -> None:
    port.program(f'note("starts")\nsys.stderr.write("no licence found\\n")\n{body}', cases=50)
    run = port.check()
    assert run.ran.first.startswith("TARGET")
    assert run.ran.code == 5
    assert says in run.ran.out
    assert "no licence found" in run.ran.out
    assert len(port.notes("starts")) == 3
    assert set(run.outcomes.values()) == {"not_run"}


def test_a_worker_that_leaves_as_soon_as_it_is_ready_is_down_too(port: Port) -> None:
    port.program("greet()", cases=50)
    assert port.check().ran.code == 5


def test_a_program_that_is_not_there_can_not_be_started(port: Port) -> None:
    port.config('command = ["bin/worker"]')
    run = port.check()
    assert run.ran.code == 5
    assert "bin/worker can not be started (No such file or directory); build it, or correct `command`" in run.ran.out


def test_a_program_without_its_interpreter_can_not_be_started(port: Port) -> None:
    port.workspace.write("worker", "#!/no/such/interpreter\n").chmod(0o755)
    port.config('command = ["./worker"]')
    assert "the interpreter that its first line names is not there" in port.check().ran.out


def test_a_file_that_is_no_program_can_not_be_started(port: Port) -> None:
    port.workspace.write("worker", "#!/bin/sh\n")
    port.config('command = ["./worker"]')
    run = port.check()
    assert run.ran.code == 5
    assert "can not be started (Permission denied)" in run.ran.out


def test_a_target_that_runs_only_once_at_a_time_serves_all_cases(port: Port) -> None:
    port.program("""
        import fcntl
        lock = open(os.path.join(os.environ["NOTES"], "lock"), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit("another one is running")
        for request in requests():
            time.sleep(0.05)
            say(**well(request))
    """)
    run = port.check("--workers", "4")
    assert run.outcomes == passed()
    assert "no more than 1 workers come up at a time" in run.notices


def test_more_workers_than_cases_start_no_more_than_there_are_cases(port: Port) -> None:
    port.program('note("starts")\nfor request in requests():\n    time.sleep(0.2)\n    say(**well(request))', cases=2)
    assert port.check("--workers", "50").outcomes == passed(2)
    assert len(port.notes("starts")) <= 2


def test_workers_that_there_is_no_room_for_are_not_started(port: Port) -> None:
    port.config('protocol = "command"\ncommand = ["tr", "c", "C"]', cases=40)
    few = 'ulimit -n 90 && exec "$0" -m harness check --workers 50'
    done = subprocess.run(
        ["sh", "-c", few, sys.executable],  # noqa: S607 - the user's own
        cwd=port.workspace.folder,
        env=environment({}),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"no room for more than 6 of 50 workers; raise the limit on open files (ulimit -n)" in done.stdout
    assert port.stored() == [("complete", passed(40))]


# --- what comes out ------------------------------------------------------------------------------------------------


def test_a_line_that_is_no_reply_garbles_its_case(port: Port) -> None:
    strays = {
        "c01": ("line('DEBUG here')", "not JSON: 'DEBUG here'"),
        "c02": ("os.write(1, b'\\xff\\n')", "not JSON"),
        "c03": ("say(id='zz', output='')", "a reply with the unknown id 'zz'"),
        "c04": ("say(id='k' + '9' * 6000, output='')", "a reply with the unknown id 'k999"),
        "c06": ("say(id='k2', output='')", "a reply with the unknown id 'k2'"),  # alone, there is only k1
        "c07": ("say(id=request['id'])", "a reply with nothing"),
        "c08": ("say(id=request['id'], output={'base64': 'ü'})", "base64 that can not be decoded"),
        "c09": ("deep = '[' * 500 + ']' * 500\nsay(id=request['id'], value=json.loads(deep))", "more than 200 levels"),
        "c10": ("say(**well(request))", "a second reply to k1"),
    }
    port.trouble({case: stray for case, (stray, _) in strays.items()})
    run = port.check()
    assert run.outcomes == passed(**dict.fromkeys(strays, "garbled"))
    assert [case for case, (_, why) in strays.items() if why not in run.why(case)] == []


def test_a_stray_line_after_a_reply_garbles_the_case_before_it(port: Port) -> None:
    cases = ["c00", "c05", "c11"]
    port.trouble(dict.fromkeys(cases, "say(**well(request)); line('DEBUG done'); continue"))
    assert port.check().outcomes == passed(**dict.fromkeys(cases, "garbled"))


def test_a_stray_line_on_every_case_lets_none_pass(port: Port) -> None:
    port.program("for request in requests():\n    say(**well(request))\n    line('DEBUG done')")
    assert set(port.check().outcomes.values()) == {"garbled"}


def test_replies_in_another_order_are_garbage(port: Port) -> None:
    port.program("""
        held = None
        for number, request in enumerate(requests()):
            if number < 4:
                say(**well(request))
            elif held is None:
                held = request
            else:
                say(**well(request))
                say(**well(held))
                held = None
        if held is not None:
            say(**well(held))
    """)
    assert port.check("--workers", "1").outcomes == passed()  # alone, each is answered


def test_a_worker_that_closes_its_stdout_and_lives_on_garbles_its_case(port: Port) -> None:
    port.trouble({"c05": "os.close(1); time.sleep(1000)"}, suite="timeout = 60")
    run = port.check()
    assert run.outcomes == passed(c05="garbled")
    assert run.why("c05") == "it closed its stdout before it answered"


def test_a_reply_over_the_limit_keeps_its_ends_and_is_not_compared(port: Port) -> None:
    port.trouble({"c05": "request['input'] = 'head' + 'x' * 20_000 + 'tail'"}, suite="max_output = 10_000")
    run = port.check()
    assert run.outcomes == passed(c05="too_large")
    flood = run.result("c05")["reply"]["oversize"]
    assert flood["size"] > flood["limit"] == 10_000
    assert "HEAD" in flood["head"]
    assert "TAIL" in flood["tail"]
    assert len(flood["head"]) + len(flood["tail"]) < 10_000


FLOOD = """
sys.stdout.write("head")
for _ in range(2048):
    sys.stdout.write(FILL)
sys.stdout.write("tail\\n")
sys.stdout.flush()
os._exit(0)
"""


@pytest.mark.parametrize(
    ("fill", "outcome"),
    [("'x' * 2**20", "too_large"), ("('x' * 1023 + '\\n') * 1024", "garbled"), ("'\\n' * 2**16", "garbled")],
    ids=["in one line", "in lines", "in empty lines"],
)
def test_two_gigabytes_on_stdout_are_drained_in_little_memory(port: Port, fill: str, outcome: str) -> None:
    port.trouble({"c05": FLOOD.replace("FILL", fill)}, cases=7, suite="timeout = 30")
    with tempfile.TemporaryFile() as said:
        # A process counts the memory of the one that started it: a small one does, and not the one that runs the tests.
        measure = "import os, subprocess, sys; pid = subprocess.Popen(sys.argv[1:], stdout=2).pid; "
        measure += "print(os.wait4(pid, 0)[2].ru_maxrss)"
        measured = subprocess.run(
            [sys.executable, "-c", measure, sys.executable, "-m", "harness", "check", "--workers", "1"],
            cwd=port.workspace.folder,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=said,
            check=True,
        )
    assert int(measured.stdout) * (1 if sys.platform == "darwin" else 1024) < MEMORY
    assert port.survivors() == []
    assert port.stored() == [("complete", passed(7, c05=outcome))]


def test_a_flood_without_an_end_is_too_large_when_its_time_is_up(port: Port) -> None:
    port.trouble({"c05": "while True: sys.stdout.write('x' * 1000)"}, suite=f"{TIMEOUT}\nmax_output = 10_000")
    assert port.check().outcomes == passed(c05="too_large")


def test_a_flood_on_stderr_harms_nobody_and_its_ends_are_kept(port: Port) -> None:
    flood = "sys.stderr.write('head' + 'x' * 2**27 + 'tail'); sys.stderr.flush(); os._exit(3)"
    port.trouble({"c05": flood}, suite="timeout = 20")
    run = port.check()
    assert run.outcomes == passed(c05="crashed")
    said = run.result("c05")["stderr"]
    assert said.startswith("head")
    assert said.endswith("tail")
    assert len(said) < 200_000


# --- what goes in --------------------------------------------------------------------------------------------------


def test_ten_megabytes_travel_both_ways(port: Port) -> None:
    port.program("for request in requests():\n    say(**well(request))", cases=2, suite="timeout = 20")
    port.workspace.pair("big", "ä" + "x" * 10_000_000, "Ä" + "X" * 10_000_000)
    assert port.check().outcomes == passed(2, big="passed")


def test_a_worker_that_does_not_read_what_it_is_asked_hangs(port: Port) -> None:
    port.program("greet()\ntime.sleep(1000)", cases=0)
    port.workspace.pair("big", "x" * 1_000_000, "X")
    assert port.check().outcomes == {"big": "timed_out"}


def test_a_worker_that_leaves_without_reading_what_it_is_asked_crashes(port: Port) -> None:
    port.program("greet()\ntime.sleep(0.1)\nsys.exit(3)", cases=0)
    port.workspace.pair("big", "x" * 1_000_000, "X")
    assert port.check().outcomes == {"big": "crashed"}


# --- hangs ---------------------------------------------------------------------------------------------------------


def test_a_hang_is_a_time_out_after_a_second_try_alone(port: Port) -> None:
    hangs = {"c01": "time.sleep(1000)", "c05": "os.kill(os.getpid(), signal.SIGSTOP)", "c11": "while True: pass"}
    port.trouble({case: f"note('tries', '{case}')\n{how}" for case, how in hangs.items()})
    run = port.check()
    assert run.outcomes == passed(**dict.fromkeys(hangs, "timed_out"))
    assert run.why("c05") == "no answer within 0.7 s"
    assert sorted(port.notes("tries")) == ["c01", "c01", "c05", "c05", "c11", "c11"]


def test_a_hang_that_does_not_come_again_is_none(port: Port) -> None:
    port.trouble({"c05": "if note('tries'): time.sleep(1000)"})
    assert port.check().outcomes == passed()


def test_a_worker_that_does_not_leave_at_the_end_is_made_to(port: Port) -> None:
    port.program("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for request in requests():
            say(**well(request))
        time.sleep(1000)
    """)
    assert port.check().outcomes == passed()


def test_a_worker_that_is_not_ready_in_time_is_a_target_that_is_down(
    never_ready: tuple[Port, subprocess.Popen[str]],
) -> None:
    port, process = never_ready
    out, _ = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 5
    assert "the worker did not come up: it was not ready within 30 s" in out
    assert "waiting for the licence server" in out
    assert len(port.notes("starts")) == 1
    assert port.survivors() == []


# --- processes that a port leaves behind ---------------------------------------------------------------------------

BOMB = """
for _ in range(200):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1000)
        os._exit(0)
"""
RUNAWAY = """
if os.fork() == 0:
    for _ in range(500):
        if os.fork():
            os._exit(0)
        os.setsid()
    time.sleep(1000)
"""
ORPHAN = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        note("pids", os.getpid())
        os.execvp("env", ["env", "-i", "sleep", "1000"])
    os._exit(0)
os.wait()
while not os.path.exists(os.path.join(os.environ["NOTES"], "pids")):
    time.sleep(0.01)
"""


@pytest.mark.parametrize("left", [BOMB, RUNAWAY, ORPHAN], ids=["a fork bomb", "a runaway", "an orphan without a name"])
def test_what_a_port_has_started_ends_with_it(port: Port, left: str) -> None:
    port.trouble({"c02": f"{left}\nos._exit(3)", "c05": f"{left}\ntime.sleep(1000)", "c08": left}, suite="timeout = 1")
    assert port.check().outcomes == passed(c02="crashed", c05="timed_out")


def test_a_grandchild_that_holds_the_pipes_does_not_hold_up_the_run(port: Port) -> None:
    port.trouble({"c05": "subprocess.Popen(['sleep', '1000']); os._exit(3)"}, suite="timeout = 1000")
    assert port.check().outcomes == passed(c05="crashed")


def test_what_a_command_leaves_in_the_background_ends_with_its_case(port: Port) -> None:
    line = "sleep 1000 & setsid sleep 1000 & tr c C"
    port.config(f'protocol = "command"\ncommand = ["sh", "-c", "{line}"]', suite="timeout = 20")
    assert port.check().outcomes == passed()


def test_the_helper_of_a_worker_outlives_the_death_of_another_worker(port: Port) -> None:
    port.program("""
        told, tell = os.pipe()
        if os.fork() == 0:  # a helper in a session of its own, as a daemon is started
            os.setsid()
            if os.fork() == 0:
                os.close(1)
                os.write(tell, str(os.getpid()).encode())
                time.sleep(1000)
            os._exit(0)
        os.wait()
        helper = int(os.read(told, 20))
        for request in requests():
            time.sleep(0.05)
            if request["input"] in ("c01", "c03", "c05"):
                os._exit(3)
            try:
                os.kill(helper, 0)
            except ProcessLookupError:
                note("lost helpers")
            say(**well(request))
    """)
    assert port.check("--workers", "3").outcomes == passed(c01="crashed", c03="crashed", c05="crashed")
    assert port.notes("lost helpers") == []


# --- stops ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_what_it_has_seen_and_what_was_stored_before(port: Port, sent: signal.Signals) -> None:
    hang = "if os.path.exists(os.path.join(os.environ['NOTES'], 'hang')):\n    note('hangs'); time.sleep(1000)"
    port.trouble({"c05": hang}, suite="timeout = 1000")
    assert port.check().ran.code == 0
    (port.workspace.folder / "notes" / "hang").touch()
    process = port.begin("--workers", "1")
    within_patience(lambda: port.notes("hangs"))
    process.send_signal(sent)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert out.startswith("NOTHING")
    assert port.survivors() == []
    late = {f"c{number:02}": "not_run" for number in range(5, 12)}
    assert port.stored() == [("complete", passed()), ("incomplete", passed(**late))]


def test_a_run_can_be_interrupted_at_any_moment(port: Port) -> None:
    port.program("for request in requests():\n    time.sleep(0.02)\n    say(**well(request))", cases=40)
    for tenths in range(8):
        process = port.begin("--workers", "2")
        time.sleep(tenths / 12)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
        assert process.returncode in {0, 4, 130, -signal.SIGINT}  # the last two: before there was a run
        assert port.survivors() == []
    assert {state for state, _ in port.stored()} <= {"complete", "incomplete"}
    assert port.check().outcomes == passed(40)


def test_a_second_interrupt_ends_everything_at_once(port: Port) -> None:
    port.program("""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("starts")
        for request in requests():
            note("hangs")
            time.sleep(1000)
    """)
    process = port.begin("--workers", "2")
    within_patience(lambda: port.notes("hangs"))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode in {4, 130}
    assert port.survivors() == []


def test_a_harness_that_is_killed_leaves_earlier_runs_whole_and_no_worker_that_reads(port: Port) -> None:
    port.program(
        "for request in requests():\n    note('asked')\n    time.sleep(0.02)\n    say(**well(request))", cases=40
    )
    assert port.check().ran.code == 0
    asked = len(port.notes("asked"))
    process = port.begin("--workers", "2")
    within_patience(lambda: len(port.notes("asked")) > asked + 10)
    process.kill()
    process.communicate()
    within_patience(lambda: not port.survivors())
    assert [state for state, _ in port.stored()] == ["complete", "incomplete"]
    assert port.check().ran.code == 0
    assert port.stored()[0] == ("complete", passed(40))
    assert port.stored()[2] == ("complete", passed(40))


def test_two_harnesses_at_once_lose_nothing(port: Port) -> None:
    port.program("for request in requests():\n    time.sleep(0.01)\n    say(**well(request))", cases=40)
    processes = [port.begin("--workers", "1") for _ in range(3)]
    for process in processes:
        process.communicate(timeout=PATIENCE)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert port.stored() == [("complete", passed(40))] * 3
    assert port.survivors() == []


def test_max_fail_stops_the_workers_too(port: Port) -> None:
    failing = [f"c{number:02}" for number in range(5, 40)]
    port.trouble(dict.fromkeys(failing, "time.sleep(0.02); request['input'] = 'wrong'"), cases=40)
    run = port.check("--max-fail", "3", "--workers", "2")
    assert run.ran.code == 4
    counts = list(run.outcomes.values())
    assert counts.count("passed") == 5
    assert 3 <= counts.count("failed") < 10
    assert counts.count("passed") + counts.count("failed") + counts.count("not_run") == 40


# --- groups --------------------------------------------------------------------------------------------------------

READER = """
from harness.errors import Place
from harness.model import Case, Reference

OPTIONS = {}

def canonical(text):
    return text

def read(suite, root, options):
    place = Place(str(root / "steps"))
    for group, step in [(group, step) for group in ("a", "", "b") for step in range(1, 5)]:
        name = f"{group}{step}"
        references = (Reference("output", (f"{step if group else 1} {name}",), place),)
        yield Case(suite, name, name, references, place, group=group)
"""
COUNTING = """
note("starts")
group = 0
for request in requests():
    group = 1 if request["input"].isdecimal() else group + 1
    answer = {"id": request["id"], "output": f"{group} {request['input']}"}
    if request["input"] == "a3":
        TROUBLE
    say(**answer)
"""


def grouped(port: Port, trouble: str = "pass", *, command: str = "") -> dict[str, str]:
    """Run two groups of four cases that count, and four single cases between them."""
    port.workspace.write("own/steps.py", READER)
    port.program(COUNTING.replace("TROUBLE", trouble), cases=0)
    config = port.workspace.folder / "harness.toml"
    target = config.read_text().partition("[[suite]]")[0]
    if command:
        target = f'format = 1\n[target.port]\nprotocol = "command"\ncommand = {command}\n'
    suite = '[[suite]]\nname = "pairs"\nreader = "own.steps"\ntimeout = 0.7\n'
    config.write_text(target + suite)
    return port.check("--workers", "2").outcomes


STEPS = {f"{group}{step}": "passed" for group in ("a", "", "b") for step in range(1, 5)}


def test_the_cases_of_a_group_are_asked_in_order_in_a_worker_of_their_own(port: Port) -> None:
    assert grouped(port) == STEPS


def test_a_death_in_a_group_is_laid_to_its_case_and_the_rest_is_not_asked(port: Port) -> None:
    assert grouped(port, "os._exit(3)") == STEPS | {"a3": "crashed", "a4": "crashed"}
    assert any("at a3" in str(why) for why in whys(port))


def test_a_hang_in_a_group_that_does_not_come_again_is_none_and_the_group_starts_from_its_beginning(port: Port) -> None:
    assert grouped(port, "if note('hangs'): time.sleep(1000)") == STEPS


def test_a_hang_in_a_group_that_comes_again_is_laid_to_its_case(port: Port) -> None:
    assert grouped(port, "time.sleep(1000)") == STEPS | {"a3": "timed_out", "a4": "crashed"}


def test_a_stray_line_in_a_group_is_laid_to_its_case(port: Port) -> None:
    assert grouped(port, "line('DEBUG')") == STEPS | {"a3": "garbled", "a4": "crashed"}


def test_a_group_needs_a_target_whose_process_lives_on(port: Port) -> None:
    outcomes = grouped(port, command='["sh", "-c", "printf \'1 \'; cat"]')
    unsupported = {case: "unsupported" for case in STEPS if case[0] in "ab"}
    assert outcomes == STEPS | unsupported


def whys(port: Port) -> list[object]:
    database = sqlite3.connect(port.workspace.folder / ".harness" / "store.db")
    found = [why for (why,) in database.execute("SELECT why FROM results")]
    database.close()
    return found
