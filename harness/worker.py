"""One worker: a process with its pipes and its clock, what it was asked, and what it has said.

It does what it is told and decides nothing: `harness.runner` says who gets which case, and what an ending means.
"""

from __future__ import annotations

import os
import selectors
import time
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from harness.model import Conversation, Garbage, Heard, Job, Observation
    from harness.sandbox import Nest

START_SECONDS = 30.0
"""How long a worker may take to say that it is ready."""
GRACE_SECONDS = 0.5
"""How long a worker that is no longer needed, or has closed its stdout, may take to end by itself."""
QUEUE_SECONDS = 0.03
"""A window holds about this much work, so that workers finish together."""
_WIDEST = 64
_IN_FLIGHT_BYTES = 4 * 1024 * 1024
_STDERR_KEPT = 64 * 1024
_LAST_READS = 16
"""A pipe holds no more than a few reads once its writers are dead."""
_CHUNK = 1 << 18

Stream: TypeAlias = Literal["stdin", "stdout", "stderr", "exit"]
"""What the selector tells of: room in stdin, something on stdout or stderr, the end of the process."""


@dataclass(frozen=True, slots=True)
class Task:
    """Cases for one fresh process, asked one after the other."""

    jobs: tuple[Job, ...]
    hung: bool = False
    """Whether they were asked before, and one hung: then this is the last chance."""
    suspect: str = ""
    """How a pipelined worker has ended over it, if one has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker answered, and after how many seconds."""

    job: Job
    observation: Observation
    seconds: float


class Worker:
    """A running process. `task` is what it was started for; None where it takes its cases from the common queue."""

    def __init__(self, nest: Nest, selector: selectors.BaseSelector, talk: Conversation, task: Task | None) -> None:
        """Start it. Raises OSError when the program can not be started."""
        self.task = task
        self.talk = talk
        self.waiting = deque(task.jobs if task else ())
        """The jobs of its task that are still to be asked."""
        self.due: deque[tuple[Job, int]] = deque()
        """What it was asked and has not answered, with the size of the question."""
        self.answers: list[Answer] = []
        """Answers that are not certain yet: a stray line may follow, and make them garbled."""
        self.garbage: Garbage | None = None
        self.ready = False
        self.asked = False
        self.wanted = True
        self.alone = task is not None and len(task.jobs) == 1
        self.parting: float | None = None
        """When we stop waiting for it to end by itself; None while it is wanted."""
        self.clock = time.monotonic()
        """Since when the oldest unanswered case has had the worker to itself."""
        self.stderr = bytearray()
        self._window = 1
        self._in_flight = 0
        self._out = bytearray()
        self._writing = False
        self._asked_all = False
        self._nest = nest
        self._selector = selector
        self._process, self.folder = nest.start(talk.launch)
        self._stdin = _pipe(self._process.stdin)
        self._stdout = _pipe(self._process.stdout)
        self._stderr = _pipe(self._process.stderr)
        self._exit = _exit_fd(self._process.pid)
        selector.register(self._stdout, selectors.EVENT_READ, (self, "stdout"))
        selector.register(self._stderr, selectors.EVENT_READ, (self, "stderr"))
        if self._exit is not None:
            selector.register(self._exit, selectors.EVENT_READ, (self, "exit"))

    # --- asking ---

    @property
    def hungry(self) -> bool:
        """Whether it may have one more case: the more of them, the quicker its replies are."""
        return not self.due or (len(self.due) < self._window and self._in_flight < _IN_FLIGHT_BYTES)

    def greet(self) -> bool:
        """Begin the talk; False where the process needs no greeting, and is ready at once."""
        greeting = self.talk.greeting()
        self._out += greeting
        self.flush()
        return bool(greeting)

    def ask(self, job: Job) -> None:
        """Put a case into the queue for stdin; `flush` sends it."""
        if not self.due:
            self.clock = time.monotonic()
        data = self.talk.request(job)
        self.due.append((job, len(data)))
        self._in_flight += len(data)
        self._out += data
        self.asked = True

    def ask_next(self) -> None:
        """Ask the next case of its task, and close stdin after the last: some programs flush only at their end."""
        self.ask(self.waiting.popleft())
        self._asked_all = not self.waiting
        self.flush()

    def flush(self) -> None:
        """Write what the pipe takes; listen for room only while something is left."""
        if self._stdin.closed:
            return
        try:
            while self._out:
                written = os.write(self._stdin.fileno(), memoryview(self._out)[:_CHUNK])
                del self._out[:written]
        except BlockingIOError:
            if not self._writing:
                self._writing = True
                self._selector.register(self._stdin, selectors.EVENT_WRITE, (self, "stdin"))
            return
        except BrokenPipeError:
            self._out.clear()  # it reads no more; its end will say the rest
        if self._writing:
            self._writing = False
            self._selector.unregister(self._stdin)
        if self._asked_all or self.parting is not None:
            self._stdin.close()

    def part(self) -> None:
        """Close its stdin; it has a moment to end by itself."""
        if self.parting is None:
            self.parting = time.monotonic() + GRACE_SECONDS
            self.flush()

    # --- hearing ---

    @property
    def silent(self) -> bool:
        """Whether it has closed its stdout."""
        return self._stdout.closed

    def hear(self) -> list[Heard]:
        """Read some of stdout; returns what became certain by it."""
        data = self._read(self._stdout)
        return self.talk.receive(data) if data else []

    def overhear(self) -> None:
        """Read some of stderr; of a flood, the two ends are kept."""
        self.stderr += self._read(self._stderr)
        if len(self.stderr) > 2 * _STDERR_KEPT:
            self.stderr[_STDERR_KEPT // 2 : -_STDERR_KEPT // 2] = b"\n...\n"

    def said(self) -> str:
        """Return what it wrote to stderr."""
        return self.stderr.decode("utf-8", "replace")

    def unanswered(self) -> list[Job]:
        """Return what it was asked, or was to be asked, and has not answered."""
        return [*(job for job, _ in self.due), *self.waiting]

    def answered(self, observation: Observation) -> None:
        """Note the answer to the oldest unanswered case, and start the clock of the next."""
        now = time.monotonic()
        seconds, self.clock = now - self.clock, now
        job, size = self.due.popleft()
        self._in_flight -= size
        self.answers.append(Answer(job, observation, seconds))
        widest = max(2, min(_WIDEST, int(QUEUE_SECONDS / max(seconds, 1e-6))))
        self._window = min(self._window * 2, widest)

    def _read(self, stream: IO[bytes]) -> bytes:
        """Read what is there, if anything; close the stream at its end."""
        if stream.closed:
            return b""
        try:
            data = os.read(stream.fileno(), _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self._selector.unregister(stream)
            stream.close()
        return data

    # --- ending ---

    @property
    def deadline(self) -> float:
        """When something must have happened, on the monotonic clock."""
        if self.parting is not None:
            return self.parting
        if not self.ready:
            return self.clock + START_SECONDS
        if self.due:
            return self.clock + self.due[0][0].limits.seconds
        return float("inf")

    @property
    def polled(self) -> bool:
        """Whether the system can not tell us of its end, so that we have to look."""
        return self._exit is None

    @property
    def gone(self) -> bool:
        """Whether a worker that has to be looked after has ended."""
        return self.polled and self._process.poll() is not None

    def end(self) -> tuple[int, list[Heard]]:
        """End it if it lives, and hear what is left in its pipes; returns its exit code, or minus the signal."""
        code = self._nest.kill(self._process)
        heard: list[Heard] = []
        for _ in range(_LAST_READS):
            heard += self.hear()
            self.overhear()
        return code, heard

    def close(self) -> None:
        """Let go of its pipes and its folder, once it has ended."""
        if self._exit is not None:
            self._selector.unregister(self._exit)
            os.close(self._exit)
        if self._writing:
            self._selector.unregister(self._stdin)
        self._stdin.close()
        for stream in (self._stdout, self._stderr):
            if not stream.closed:
                self._selector.unregister(stream)
                stream.close()
        self._nest.drop(self.folder)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - for the type checker: all three are pipes
    os.set_blocking(stream.fileno(), False)
    return stream


def _exit_fd(pid: int) -> int | None:
    """Open a descriptor that becomes readable when the process ends; None where there is none to be had."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
