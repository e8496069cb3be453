"""The agents at work: a thread each, which starts one, hears it, and minds its clock. It decides nothing else."""

from __future__ import annotations

import os
import queue
import selectors
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.loop.agent import (
    ContextFull,
    Crashed,
    Fault,
    Hung,
    Overloaded,
    RateLimited,
    Refused,
    Said,
    Task,
    Unavailable,
    Usage,
)
from harness.loop.keeper import keep

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from harness.loop.agent import Agent

_CHUNK = 1 << 16
_LONGEST_LINE = 1 << 20
_SAID_KEPT = 4000
_BACK_OFF_SECONDS = 5.0
_AGAIN = 6
"""So often an agent that meets the same kind of trouble is started again, later and later."""


@dataclass(frozen=True, slots=True)
class Delayed:
    """The agent can not go on now, and will try again after so many seconds."""

    fault: Fault
    seconds: float


@dataclass(frozen=True, slots=True)
class Ended:
    """The agent is gone, and nothing that it started is left. `summary` is the end of what it said."""

    seconds: float
    summary: str
    fault: Fault | None


Told: TypeAlias = Usage | Delayed | Ended


class Crew:
    """The agents that are at work. `prepare` makes the words of a command into those that are run: the sandbox."""

    def __init__(
        self, agent: Agent, environment: Mapping[str, str], prepare: Callable[[Task, tuple[str, ...]], tuple[str, ...]]
    ) -> None:
        self._agent = agent
        self._environment = environment
        self._prepare = prepare
        self._told: queue.Queue[tuple[int, Told]] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._keepers: set[subprocess.Popen[bytes]] = set()
        self._over = threading.Event()

    def begin(self, task: Task, transcript: Path) -> None:
        """Start an agent; everything that it writes is kept in `transcript`, its stderr too."""
        thread = threading.Thread(target=self._work, args=(task, transcript), daemon=True)
        self._threads.append(thread)
        thread.start()

    def hear(self, seconds: float) -> tuple[int, Told] | None:
        """Wait for the next thing that an agent tells; None when there is none for so long."""
        try:
            return self._told.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End all agents, with everything that they have started."""
        self._over.set()
        for keeper in list(self._keepers):
            _let_go(keeper)
        for thread in self._threads:
            thread.join()

    def _work(self, task: Task, transcript: Path) -> None:
        began, troubles = time.monotonic(), 0
        summary = ""
        while True:
            said, fault = self._session(task, transcript)
            summary = said or summary
            delay = _delay(fault, troubles)
            if delay is None or self._over.is_set():
                break
            troubles += not isinstance(fault, RateLimited)
            self._told.put((task.number, Delayed(fault, delay)))  # type: ignore[arg-type]  # no fault has no delay
            if self._over.wait(delay):
                break
        if isinstance(fault, Overloaded):
            fault = Unavailable(f"{fault.why}, {troubles + 1} times")
        self._told.put((task.number, Ended(round(time.monotonic() - began, 3), summary, fault)))

    def _session(self, task: Task, transcript: Path) -> tuple[str, Fault | None]:
        """Run the agent's program once; returns its last words, and what befell it."""
        launch = self._agent.launch(task)
        for name, data in launch.files.items():
            path = task.state / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        said = ""
        fault: Fault | None = None
        argv = self._prepare(task, launch.argv)
        with transcript.open("ab") as record:
            keeper = keep(
                argv,
                task.folder,
                {
                    **self._environment,
                    "HOME": str(task.state),
                    "HARNESS_LOOP_STATE": str(task.state),
                    **launch.environment,
                },
                given=task.state / "brief.md",
                stderr=record,
                scratch=task.state,
            )
            self._keepers.add(keeper)
            if self._over.is_set():
                _let_go(keeper)
            with closing(_lines(keeper, task.quiet, task.wall)) as lines:
                for line in lines:
                    if isinstance(line, Hung):
                        fault = line
                        break
                    record.write(line.encode() + b"\n")
                    for event in self._agent.hear(line):
                        match event:
                            case Usage():
                                self._told.put((task.number, event))
                            case Said(text):
                                said = f"{said}\n{text}".strip()[-_SAID_KEPT:]
                            case _:
                                fault = event
            _let_go(keeper)
            code = keeper.wait()
            self._keepers.discard(keeper)
        if fault is None and code:
            fault = Crashed(code, _last_line(transcript))
        return said, fault


def _delay(fault: Fault | None, troubles: int) -> float | None:
    """Say after how many seconds it is worth another try; None where it is not."""
    match fault:
        case RateLimited(seconds):
            return seconds
        case Overloaded() if troubles < _AGAIN:
            return float(_BACK_OFF_SECONDS * 2**troubles)
        case ContextFull() if troubles < _AGAIN:
            return 0.0
        case _:
            return None


def _lines(keeper: subprocess.Popen[bytes], quiet: float, wall: float) -> Generator[str | Hung]:
    """Yield the lines of an agent's stdout as they come; a Hung when it has overrun one of its limits."""
    assert keeper.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
    until, rest = time.monotonic() + wall, b""
    with keeper.stdout as stdout, selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            left = until - time.monotonic()
            if not selector.select(max(0.0, min(quiet, left))):
                yield Hung(wall if left <= quiet else quiet)
                return
            data = os.read(stdout.fileno(), _CHUNK)
            *whole, rest = (rest + data).split(b"\n")
            if not data or len(rest) > _LONGEST_LINE:
                whole, rest = [*whole, rest] if rest else whole, b""
            yield from (line.decode("utf-8", "replace") for line in whole)
            if not data:
                return


def _let_go(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.stdin is not None and not keeper.stdin.closed:
        keeper.stdin.close()


def _last_line(transcript: Path) -> str:
    lines = transcript.read_bytes()[-_SAID_KEPT:].decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def describe(fault: Fault) -> str:
    """Say in a few words what befell an agent."""
    match fault:
        case RateLimited(seconds):
            return f"rate limit, {seconds:g} s"
        case Overloaded(why):
            return f"overloaded: {why}"
        case Unavailable(why):
            return f"unavailable: {why}"
        case ContextFull():
            return "its context is full"
        case Refused(why):
            return f"refused: {why}"
        case Crashed(code, said):
            return f"ended with exit code {code}{': ' if said else ''}{said[:200]}"
        case Hung(seconds):
            return f"hung: ended after {seconds:g} s"
