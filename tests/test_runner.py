"""What no single program shows: whatever its cases do, in whatever mixture, each gets its own fate, and only once."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from textwrap import dedent
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import runner
from harness.errors import Place
from harness.model import Case, Died, Garbage, Hung, Job, Launch, Limits, Outputs
from harness.targets.jsonl import Jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# A case's input says what the program does when it is asked.
PROGRAM = """
    import json, os, sys, time
    hoard = None

    def write(text):
        if hoard is None:
            sys.stdout.write(text + "\\n")
            sys.stdout.flush()
        else:
            hoard.append(text)

    for line in sys.stdin:
        message = json.loads(line)
        if "harness" in message:
            write(json.dumps({"ready": 1, "name": "port", "version": "1"}))
        if "id" not in message:
            continue
        does = message["input"]
        reply = json.dumps({"id": message["id"], "output": message["name"]})
        if does == "dies":
            os._exit(3)
        if does == "hangs":
            time.sleep(1000)
        if does == "hoards" and hoard is None:
            hoard = []
        if does == "is loud before":
            write("DEBUG")
        write(reply)
        if does == "is loud after":
            write("DEBUG")
        if does == "answers twice":
            write(reply)
        if does == "answers and dies":
            os._exit(3)
        if does == "answers and leaves":
            break
    for text in hoard or ():
        print(text)
"""
FATES = {
    "answers": Outputs,
    "answers and dies": Outputs,
    "answers and leaves": Outputs,
    "hoards": Outputs,
    "dies": Died,
    "is loud before": Garbage,
    "is loud after": Garbage,
    "answers twice": Garbage,
    "hangs": Hung,
}
QUICK = [does for does in FATES if does not in {"hangs", "hoards"}]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Jsonl:
    program = tmp_path_factory.mktemp("port") / "program.py"
    program.write_text(dedent(PROGRAM))
    return Jsonl(Launch((sys.executable, "-I", "-S", str(program)), {"PATH": os.environ["PATH"]}))


def jobs(program: Sequence[Sequence[str]]) -> Iterator[tuple[Job, ...]]:
    """Groups of cases, each with what the program does when it is asked; a group of one is no group."""
    number = 0
    for group, doings in enumerate(program):
        found: list[Job] = []
        for does in doings:
            in_group = f"g{group}" if len(doings) > 1 else ""
            case = Case("suite", str(number), does, (), Place("here"), group=in_group)
            found.append(Job(case, {}, Limits(seconds=0.4), number))
            number += 1
        yield tuple(found)


def run(target: Jsonl, program: Sequence[Sequence[str]], workers: int, stop_after: int = 10**9) -> list[runner.Event]:
    """Run to the end; a stop is requested after so many events. No process may be left."""
    stop = runner.Stop()
    events = []
    with closing(runner.run(jobs(program), target, workers, stop)) as happening:
        for event in happening:
            events.append(event)
            if len(events) == stop_after:
                stop.request("that is enough")
    stop.close()
    assert psutil.Process().children(recursive=True) == []
    return events


def numbers(events: Sequence[runner.Event]) -> list[int]:
    return sorted(event.job.number for event in events if isinstance(event, runner.Seen | runner.Unrun))


@settings(max_examples=20)
@given(st.lists(st.sampled_from(list(FATES)), min_size=1, max_size=10), st.integers(1, 4))
def test_the_fate_of_a_case_is_its_own_whoever_its_neighbours_are(
    target: Jsonl, doings: list[str], workers: int
) -> None:
    events = run(target, [[does] for does in doings], workers)
    assert numbers(events) == list(range(len(doings)))
    fates = {event.job.number: event.observed.observation for event in events if isinstance(event, runner.Seen)}
    assert [type(fates[number]) for number in range(len(doings))] == [FATES[does] for does in doings]
    answered = {number: fate for number, fate in fates.items() if isinstance(fate, Outputs)}
    assert answered == {number: Outputs({"output": str(number)}) for number in answered}


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.sampled_from(QUICK), min_size=1, max_size=4), max_size=6),
    st.integers(1, 4),
    st.integers(1, 12),
)
def test_every_case_is_told_once_when_a_run_is_stopped_anywhere(
    target: Jsonl, program: list[list[str]], workers: int, stop_after: int
) -> None:
    assert numbers(run(target, program, workers, stop_after)) == list(range(sum(map(len, program))))


def test_a_run_that_is_stopped_before_it_begins_starts_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    target = Jsonl(Launch(("touch", str(trace)), {"PATH": os.environ["PATH"]}))
    stop = runner.Stop()
    stop.request("no")
    events = list(runner.run(jobs([["answers"], ["answers"]]), target, 2, stop))
    stop.close()
    assert [(type(event), event.why) for event in events if isinstance(event, runner.Unrun)] == [
        (runner.Unrun, "no")
    ] * 2
    assert not trace.exists()


def test_a_run_that_is_left_in_the_middle_leaves_no_process(target: Jsonl) -> None:
    stop = runner.Stop()
    events = runner.run(jobs([["answers"], ["hangs"], ["hangs"]]), target, 3, stop)
    next(events)
    assert psutil.Process().children(recursive=True) != []
    events.close()
    stop.close()
    assert psutil.Process().children(recursive=True) == []


def test_a_fault_while_cases_are_read_leaves_no_process(target: Jsonl) -> None:
    def read() -> Iterator[tuple[Job, ...]]:
        yield from jobs([["answers"]] * 3)
        raise LookupError("a broken file")

    stop = runner.Stop()
    with pytest.raises(LookupError, match="a broken file"):
        list(runner.run(read(), target, 2, stop))
    stop.close()
    assert psutil.Process().children(recursive=True) == []
