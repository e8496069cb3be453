"""Jobs x target → what was seen of each. The only place with more than one thing going on at a time.

One thread, one selector, any number of worker processes. Three ways of asking:

- *pipelined*: a long-lived worker has a window of cases in flight. The window grows while replies are quick and stays small while
  they are slow, so that no worker hoards the last cases.
- *alone*: a fresh process gets one case and then the end of its stdin. Whatever went wrong while pipelining (a death, a hang, garbage) is
  asked again this way, and only then is it laid to a case: a worker that buffers may die long after the case it shows.
- *group*: cases whose order matters get a fresh worker for themselves and are asked one at a time.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeGuard

from harness.model import (
    Answered,
    Conversation,
    Died,
    End,
    Garbage,
    Hung,
    Job,
    Observation,
    Observed,
    Oversize,
    Ready,
    Target,
    Unaskable,
    Unsupported,
)
from harness.sandbox import Nest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path
    from typing import IO

START_SECONDS = 30.0
"""How long a worker may take to say that it is ready."""
_WIDEST = 64
_IN_FLIGHT_BYTES = 4 * 1024 * 1024
_QUEUE_SECONDS = 0.03
"""A window holds about this much work, so that workers finish together."""
_STARTS = 3
"""So many failed starts in a row, and the target is down."""
_FRUITLESS = 5
"""So many workers that die alike before any case was ever answered, and the target is down."""
_GRACE_SECONDS = 0.5
"""How long a worker that is no longer needed, or has closed its stdout, may take to end by itself."""
_POLL_SECONDS = 0.02
"""How often we look for ended processes where the system can not tell us."""
_LONGEST_SLEEP = 3600.0
_STDERR_KEPT = 64 * 1024
_LAST_READS = 16
"""A pipe holds no more than a few reads once its writers are dead."""
_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Seen:
    """A case and what was seen of it."""

    job: Job
    observed: Observed


@dataclass(frozen=True, slots=True)
class Unrun:
    """A case that was not tried, and why."""

    job: Job
    why: str


@dataclass(frozen=True, slots=True)
class CameUp:
    """The first worker is ready and said who it is."""

    ready: Ready


@dataclass(frozen=True, slots=True)
class Down:
    """No worker comes up, or none ever answers: why, and the last lines of its stderr."""

    why: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that went wrong with a worker and could be laid to no case."""

    says: str


@dataclass(frozen=True, slots=True)
class Muttered:
    """What a worker that served many cases wrote to stderr: it can be laid to none of them."""

    stderr: str


Event: TypeAlias = Seen | Unrun | CameUp | Down | Oddity | Muttered


@dataclass(slots=True)
class Stop:
    """A request to end the run early: set `reason`, and wake the runner through `wake` if it may be asleep."""

    reason: str = ""
    pipe: tuple[int, int] = field(default_factory=os.pipe)

    def __post_init__(self) -> None:
        for end in self.pipe:
            os.set_blocking(end, False)

    def request(self, reason: str) -> None:
        """Ask for the end; the first reason stands. Safe in a signal handler."""
        self.reason = self.reason or reason
        os.write(self.pipe[1], b"!")

    def close(self) -> None:
        """Give the pipe back."""
        for end in self.pipe:
            os.close(end)


def run(groups: Iterator[tuple[Job, ...]], target: Target, workers: int, stop: Stop) -> Generator[Event, None, None]:
    """Run groups of cases (a group of one has no order to keep); yield events in the order in which they become certain.

    Every job is yielded once, as Seen or Unrun. No process survives the generator, however it is left.
    """
    floor = _Floor(groups, target, workers, stop)
    try:
        yield from floor.work()
    finally:
        floor.close()


_Mode = Literal["pipelined", "alone", "group"]


@dataclass(slots=True, eq=False)
class _Worker:
    """A process and its talk."""

    mode: _Mode
    process: subprocess.Popen[bytes]
    folder: Path
    talk: Conversation
    exit_fd: int | None
    due: deque[Job] = field(default_factory=deque)
    waiting: deque[Job] = field(default_factory=deque)
    """Jobs of a group, or the one alone, that are still to be asked."""
    ready: bool = False
    answered: int = 0
    clock: float = field(default_factory=time.monotonic)
    """Since when the oldest unanswered case has had the worker to itself."""
    window: int = 1
    out: bytearray = field(default_factory=bytearray)
    close_after: bool = False
    in_flight: int = 0
    sizes: deque[int] = field(default_factory=deque)
    stderr: bytearray = field(default_factory=bytearray)
    stdout_open: bool = True
    hung_before: bool = False
    garbage: Garbage | None = None
    answer: Observation | None = None
    """What an alone case has been answered; it is certain when the process has ended."""
    parting: float | None = None
    """When we stop waiting for it to end by itself; None while it is wanted."""
    ending: bool = False


class _Floor:
    """All that is in motion."""

    def __init__(self, groups: Iterator[tuple[Job, ...]], target: Target, workers: int, stop: Stop) -> None:
        self._groups = groups
        self._target = target
        self._most = workers
        self._stop = stop
        self._nest = Nest()
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop.pipe[0], selectors.EVENT_READ, None)
        self._workers: list[_Worker] = []
        self._events: deque[Event] = deque()
        self._again: deque[Job] = deque()
        """Unanswered cases of a worker that ended, which are not under suspicion."""
        self._suspects: deque[tuple[tuple[Job, ...], bool]] = deque()
        """Groups to be asked alone, and whether they hung before."""
        self._next: tuple[Job, ...] | None = None
        self._exhausted = False
        self._greeted = False
        self._failed_starts = 0
        self._fruitless: list[tuple[int, str]] = []
        self._answered = 0
        self._broken_pipelines = 0
        """How often in a row a case was answered alone that no pipelined worker had answered: some workers flush only at their end."""
        self._idle = 0.0
        self._down = False

    # --- the loop ---

    def work(self) -> Iterator[Event]:
        while not (self._stop.reason or self._down):
            self._staff()
            yield from self._drain()
            if not self._workers:
                if self._peek() is None and not self._suspects and not self._again:
                    return
                continue
            self._wait()
            yield from self._drain()
        yield from self._give_up(self._stop.reason or "the target is down")

    def close(self) -> None:
        for worker in list(self._workers):
            self._leave(worker)
        self._selector.close()
        self._nest.close()

    def _drain(self) -> Iterator[Event]:
        while self._events:
            yield self._events.popleft()

    def _give_up(self, why: str) -> Iterator[Event]:
        yield from self._drain()
        jobs = [*self._again, *(job for group, _ in self._suspects for job in group)]
        for worker in list(self._workers):
            jobs += [*worker.due, *worker.waiting]
            self._leave(worker)
        jobs.sort(key=lambda job: job.number)
        yield from (Unrun(job, why) for job in jobs)
        while (group := self._peek()) is not None:
            self._next = None
            yield from (Unrun(job, why) for job in group)

    def _peek(self) -> tuple[Job, ...] | None:
        """Look at the next group without taking it."""
        if self._next is None and not self._exhausted:
            self._next = next(self._groups, None)
            self._exhausted = self._next is None
        return self._next

    # --- giving out work ---

    def _staff(self) -> None:
        """Fill the windows, then start what is needed and allowed."""
        for worker in self._workers:
            if worker.mode == "pipelined" and worker.ready:
                self._fill(worker)
                if not worker.due:
                    self._part(worker)  # nothing that it could do: its place is needed, or the work is done
        while len(self._workers) < self._most and not self._down:
            if self._suspects:
                group, hung = self._suspects.popleft()
                self._start("alone" if len(group) == 1 else "group", group, hung_before=hung)
            elif self._again and self._pipelining():
                if self._enough():
                    return
                self._start("pipelined", (self._again[0],))
            elif self._again:
                self._start("alone", (self._again.popleft(),))
            elif (group_ := self._peek()) is None:
                return
            elif len(group_) > 1 or group_[0].case.group:
                self._next = None
                self._start("group", group_)
            elif not self._pipelining():
                self._next = None
                self._start("alone", group_)
            elif self._enough():
                return
            else:
                self._start("pipelined", group_)

    def _pipelining(self) -> bool:
        return self._target.pipelined and self._broken_pipelines < _STARTS

    def _enough(self) -> bool:
        """Whether the pipelined workers that are there keep up: another is started only after we had to wait for them."""
        pipelined = [worker for worker in self._workers if worker.mode == "pipelined"]
        return bool(pipelined) and (self._idle < _QUEUE_SECONDS / 6 or not all(worker.ready for worker in pipelined))

    def _fill(self, worker: _Worker) -> None:
        if worker.parting is not None or worker.ending:
            return
        while len(worker.due) < worker.window and (worker.in_flight < _IN_FLIGHT_BYTES or not worker.due):
            if self._again:
                job = self._again.popleft()
            else:
                group = self._peek()
                if group is None or len(group) > 1 or group[0].case.group:
                    break
                job, self._next = group[0], None
            self._ask(worker, job)
        self._flush(worker)

    def _ask(self, worker: _Worker, job: Job) -> None:
        if not worker.due:
            worker.clock = time.monotonic()
        data = worker.talk.request(job)
        worker.due.append(job)
        worker.sizes.append(len(data))
        worker.in_flight += len(data)
        worker.out += data

    def _start(self, mode: _Mode, group: tuple[Job, ...], *, hung_before: bool = False) -> None:
        """Start a process. A pipelined one takes its cases when it is ready; the others have theirs from the start."""
        try:
            if mode == "group" and not self._target.pipelined:
                raise Unaskable(
                    "this case needs the state that the ones before it left, and the target has a process per case"
                )
            talk = self._target.converse(group[0])
            process, folder = self._nest.start(talk.launch)
        except Unaskable as problem:
            for job in group:
                self._see(job, Unsupported(str(problem)), 0.0, "", alone=True)
            return
        except OSError as problem:
            if mode != "pipelined":
                self._suspects.appendleft((group, hung_before))
            self._down = True
            self._events.append(
                Down(
                    f"{problem.filename or 'the program'} can not be started ({problem.strerror}); build it, or correct `command`",
                    "",
                )
            )
            return
        assert process.stdin is not None  # noqa: S101 - for the type checker: all three are pipes
        assert process.stdout is not None  # noqa: S101
        assert process.stderr is not None  # noqa: S101
        worker = _Worker(mode, process, folder, talk, _exit_fd(process.pid), hung_before=hung_before)
        if mode != "pipelined":
            worker.waiting.extend(group)
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
        self._selector.register(process.stdout, selectors.EVENT_READ, (worker, self._on_stdout))
        self._selector.register(process.stderr, selectors.EVENT_READ, (worker, self._on_stderr))
        if worker.exit_fd is not None:
            self._selector.register(worker.exit_fd, selectors.EVENT_READ, (worker, self._finish))
        self._workers.append(worker)
        self._idle = 0.0
        greeting = talk.greeting()
        if greeting:
            worker.out += greeting
            self._flush(worker)
        else:
            self._on_ready(worker)

    def _on_ready(self, worker: _Worker) -> None:
        worker.ready = True
        worker.clock = time.monotonic()
        self._failed_starts = 0
        if worker.mode == "pipelined":
            self._idle = 0.0
            self._fill(worker)
        elif worker.waiting:
            self._ask(worker, worker.waiting.popleft())
            worker.close_after = worker.mode == "alone"
            self._flush(worker)

    # --- hearing ---

    def _wait(self) -> None:
        """Sleep until something can be read or written, a process ends or a deadline passes; then act on it."""
        ready = self._selector.select(0)
        if not ready:
            now = time.monotonic()
            timeout = max(0.0, min(self._deadline(worker) for worker in self._workers) - now)
            if any(worker.exit_fd is None for worker in self._workers):
                timeout = min(timeout, _POLL_SECONDS)
            ready = self._selector.select(min(timeout, _LONGEST_SLEEP))
            if self._again or self._peek() is not None:
                self._idle += time.monotonic() - now
        for key, _ in ready:
            if key.data is not None:
                worker, act = key.data
                if worker in self._workers:
                    act(worker)
        now = time.monotonic()
        for worker in list(self._workers):
            gone = worker.exit_fd is None and worker.process.poll() is not None
            if gone or self._deadline(worker) <= now:
                self._finish(worker, late=not gone and worker.parting is None)

    def _deadline(self, worker: _Worker) -> float:
        if worker.parting is not None:
            return worker.parting
        if not worker.ready:
            return worker.clock + START_SECONDS
        if worker.due:
            return worker.clock + worker.due[0].limits.seconds
        return float("inf")

    def _flush(self, worker: _Worker) -> None:
        """Write what the pipe takes; listen for room only while something is left."""
        stdin = worker.process.stdin
        if stdin is None or stdin.closed:
            return
        try:
            while worker.out:
                written = os.write(stdin.fileno(), memoryview(worker.out)[:_CHUNK])
                del worker.out[:written]
        except BlockingIOError:
            if not self._listens(stdin):
                self._selector.register(stdin, selectors.EVENT_WRITE, (worker, self._flush))
            return
        except BrokenPipeError:
            worker.out.clear()  # it reads no more; its exit will say the rest
        if self._listens(stdin):
            self._selector.unregister(stdin)
        if worker.close_after or worker.parting is not None:
            stdin.close()

    def _on_stdout(self, worker: _Worker) -> None:
        data = self._read(worker.process.stdout)
        if data:
            self._hear(worker, worker.talk.receive(data))
        elif data is not None and self._target.pipelined:
            self._part(worker)  # a plain program may close its stdout long before it is done

    def _on_stderr(self, worker: _Worker) -> None:
        worker.stderr += self._read(worker.process.stderr) or b""
        if len(worker.stderr) > 2 * _STDERR_KEPT:
            worker.stderr[_STDERR_KEPT // 2 : -_STDERR_KEPT // 2] = b"\n...\n"

    def _listens(self, stream: IO[bytes] | None) -> TypeGuard[IO[bytes]]:
        return stream is not None and not stream.closed and stream in self._selector.get_map()

    def _read(self, stream: IO[bytes] | None) -> bytes | None:
        """Read what is there; None when nothing is there now, empty at the end (and then the stream is no longer listened to)."""
        if not self._listens(stream):
            return b""
        try:
            data = os.read(stream.fileno(), _CHUNK)
        except BlockingIOError:
            return None
        if not data:
            self._selector.unregister(stream)
        return data

    def _part(self, worker: _Worker) -> None:
        """The worker says no more: it has a moment to end by itself."""
        if worker.parting is None:
            worker.parting = time.monotonic() + _GRACE_SECONDS
            self._flush(worker)

    def _hear(self, worker: _Worker, heard: Sequence[Ready | Answered | Garbage]) -> None:
        for one in heard:
            if worker not in self._workers:
                return
            match one:
                case Ready():
                    if not self._greeted:
                        self._greeted = True
                        self._events.append(CameUp(one))
                    self._on_ready(worker)
                case Answered(observation):
                    self._on_answer(worker, observation)
                case Garbage():
                    self._on_garbage(worker, one)
        if worker in self._workers and worker.mode == "pipelined" and worker.ready:
            self._fill(worker)

    def _on_answer(self, worker: _Worker, observation: Observation) -> None:
        now = time.monotonic()
        seconds, worker.clock = now - worker.clock, now
        job = worker.due.popleft()
        worker.in_flight -= worker.sizes.popleft()
        worker.answered += 1
        if worker.mode == "alone":
            # Certain only at the end of the process: a second reply or a stray line may follow.
            worker.answer = observation
            worker.due.append(job)
            worker.clock = now - seconds
            self._part(worker)
            return
        self._answered += 1
        self._broken_pipelines = 0
        self._see(job, observation, seconds, "", alone=False)
        if worker.mode == "pipelined":
            widest = max(2, min(_WIDEST, int(_QUEUE_SECONDS / max(seconds, 1e-6))))
            worker.window = min(worker.window * 2, widest) if worker.window <= widest else widest
        elif worker.waiting:
            self._ask(worker, worker.waiting.popleft())
            self._flush(worker)
        else:
            self._part(worker)

    def _on_garbage(self, worker: _Worker, garbage: Garbage) -> None:
        worker.garbage = worker.garbage or garbage
        if worker.mode == "alone" and worker.ready:
            self._part(worker)
        else:
            self._finish(worker)

    # --- endings ---

    def _finish(self, worker: _Worker, *, late: bool = False) -> None:
        """A worker has ended, or must: hear what it still had to say, and settle what it leaves."""
        if worker.ending:
            return
        worker.ending = True
        code = self._nest.kill(worker.process)
        for stream, act in ((worker.process.stdout, self._on_stdout), (worker.process.stderr, self._on_stderr)):
            for _ in range(_LAST_READS):
                if not self._listens(stream):
                    break
                act(worker)
        stderr = worker.stderr.decode("utf-8", "replace")
        for one in worker.talk.finish(End(code, stderr, worker.folder)):
            match one:
                case Answered(observation) if not late or isinstance(observation, Oversize):
                    worker.answer = observation
                case Garbage() if not late:
                    worker.garbage = worker.garbage or one
                case _:
                    pass  # half a line of a worker that was cut off
        self._leave(worker)
        if not worker.ready:
            self._on_failed_start(worker, code, stderr, late=late)
        elif worker.mode == "pipelined":
            self._settle_pipelined(worker, code, stderr, late=late)
        elif worker.mode == "alone":
            self._settle_alone(worker, code, stderr, late=late)
        else:
            self._settle_group(worker, code, stderr, late=late)

    def _leave(self, worker: _Worker) -> None:
        """Let go of all that belongs to a worker."""
        self._nest.kill(worker.process)
        self._workers.remove(worker)
        if worker.exit_fd is not None:
            self._selector.unregister(worker.exit_fd)
            os.close(worker.exit_fd)
        for stream in (worker.process.stdin, worker.process.stdout, worker.process.stderr):
            if self._listens(stream):
                self._selector.unregister(stream)
            if stream is not None:
                stream.close()
        self._nest.drop(worker.folder)

    def _on_failed_start(self, worker: _Worker, code: int, stderr: str, *, late: bool) -> None:
        if worker.mode != "pipelined":
            self._suspects.appendleft((tuple(worker.waiting), worker.hung_before))
        self._failed_starts += 1
        if self._failed_starts >= _STARTS:
            if worker.garbage is not None:
                why = f"it answered the greeting with {worker.garbage.said[:120]!r}, which is {worker.garbage.why}"
            else:
                why = (
                    f"it was not ready within {START_SECONDS:g} s" if late else f"it {_ended(code)} before it was ready"
                )
            self._down = True
            self._events.append(Down(f"the worker did not come up in {_STARTS} tries: {why}", stderr))

    def _settle_pipelined(self, worker: _Worker, code: int, stderr: str, *, late: bool) -> None:
        """Suspect the oldest unanswered case; the others are asked again."""
        if stderr:
            self._events.append(Muttered(stderr))
        if worker.due:
            suspect, *others = worker.due
            self._suspects.append(((suspect,), late))
            self._again.extendleft(reversed(others))
        elif worker.garbage is not None:
            said = f"{worker.garbage.said[:80]!r} ({worker.garbage.why})"
            self._events.append(Oddity(f"a worker said {said} between two cases; another took over"))
        elif worker.parting is None:
            self._events.append(Oddity(f"a worker {_ended(code)} between two cases; another took over"))

    def _settle_alone(self, worker: _Worker, code: int, stderr: str, *, late: bool) -> None:
        job = worker.due[0] if worker.due else worker.waiting[0]
        seconds = time.monotonic() - worker.clock
        if worker.garbage is not None:
            self._blame(job, worker.garbage, seconds, code, stderr)
        elif worker.answer is not None:
            self._answered += 1
            self._broken_pipelines += 1
            self._see(job, worker.answer, seconds, stderr, alone=True)
        elif late and not worker.hung_before:
            self._suspects.append(((job,), True))
        elif late:
            self._blame(job, Hung(job.limits.seconds), seconds, code, stderr)
        else:
            self._blame(job, Died(code), seconds, code, stderr)

    def _settle_group(self, worker: _Worker, code: int, stderr: str, *, late: bool) -> None:
        if not worker.due:
            return
        job = worker.due[0]
        seconds = time.monotonic() - worker.clock
        if late and not worker.hung_before:
            # The whole group again, from its start: its cases build on each other. What was seen of the first ones stands.
            self._suspects.append(((*worker.due, *worker.waiting), True))
            return
        observation: Observation = worker.garbage or worker.answer or (Hung(job.limits.seconds) if late else Died(code))
        self._blame(job, observation, seconds, code, stderr)
        for after in worker.waiting:
            self._see(after, Died(code, f"its group's worker ended at {job.case.name}"), 0.0, "", alone=False)

    def _blame(self, job: Job, observation: Observation, seconds: float, code: int, stderr: str) -> None:
        self._see(job, observation, seconds, stderr, alone=True)
        last = stderr.strip().rpartition("\n")[2]
        self._fruitless.append((code, last))
        if (
            not self._answered
            and len(self._fruitless) >= _FRUITLESS
            and len(set(self._fruitless)) == 1
            and isinstance(observation, Died)
        ):
            self._down = True
            self._events.append(
                Down(f"the worker {_ended(code)} on each of the first {_FRUITLESS} cases, and answered none", stderr)
            )

    def _see(self, job: Job, observation: Observation, seconds: float, stderr: str, *, alone: bool) -> None:
        self._events.append(Seen(job, Observed(observation, seconds, stderr, alone)))


def _exit_fd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends (Linux); elsewhere we poll."""
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None


def _ended(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
