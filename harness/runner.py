"""Jobs x target → what was seen of each. The only place with more than one thing going on at a time.

One thread, one selector, any number of worker processes. Two ways of asking:

- *pipelined*: a long-lived worker has a window of cases in flight. Whatever goes wrong there (a death, a hang, garbage)
  is laid to no case: a worker that buffers may die long after the case it shows. The suspect becomes a task, and the
  others are asked again.
- *a task*: a fresh process gets one case, or those of one group in order, one at a time, and after the last the end of
  its stdin. What happens then is certain.
"""

from __future__ import annotations

import errno
import os
import resource
import selectors
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.judge import ended
from harness.model import (
    Answered,
    Died,
    End,
    Garbage,
    Heard,
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
from harness.worker import QUEUE_SECONDS, START_SECONDS, Answer, Stream, Task, Worker

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from harness.model import Conversation

_STARTS = 3
"""So many failed starts in a row, and the target is down."""
_FRUITLESS = 20
"""So many cases with the same fault before any was ever answered, and the target is down."""
_UNFLUSHED = 3
"""So many cases in a row that only a worker of their own answered, and all are asked so: some flush at their end."""
_POLL_SECONDS = 0.02
"""How often we look for ended processes where the system can not tell us."""
_LONGEST_SLEEP = 3600.0
_FILES_A_WORKER = 4
_OUR_FILES = 64
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
"""The system has no room for one more process now."""


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
    """Something that went wrong with workers and could be laid to no case."""

    says: str


@dataclass(frozen=True, slots=True)
class Muttered:
    """What a worker that served many cases wrote to stderr: it can be laid to none of them."""

    stderr: str


Event: TypeAlias = Seen | Unrun | CameUp | Down | Oddity | Muttered


@dataclass(slots=True)
class Stop:
    """The means to end a run early; `pipe[0]` becomes readable then, for whoever sleeps."""

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


def run(
    groups: Iterator[tuple[Job, ...]], target: Target, workers: int, stop: Stop, *, isolate: bool = False
) -> Generator[Event, None, None]:
    """Run groups of cases; yield events in the order in which they become certain. Isolated, each has a fresh worker.

    Run to its end, the generator yields every job once, as Seen or Unrun. However it is left, no process survives it.
    Raises HarnessError when a process can not be ended, or there is no room for a worker's folder.
    """
    floor = _Floor(groups, target, workers, stop, isolate=isolate)
    try:
        yield from floor.work()
    finally:
        floor.close()


_Ending: TypeAlias = Literal["by itself", "late", "let go"]
"""A process has ended, has to because its time is up, or has to because it is of no use any more."""


class _Floor:
    """All that is in motion."""

    def __init__(
        self, groups: Iterator[tuple[Job, ...]], target: Target, workers: int, stop: Stop, *, isolate: bool
    ) -> None:
        self._groups = groups
        self._target = target
        self._shared = target.pipelined and not isolate
        """Whether a worker serves one case after the other, as long as it flushes."""
        self._most = min(workers, _room())
        self._stop = stop
        self._nest = Nest()
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop.pipe[0], selectors.EVENT_READ, None)
        self._workers: list[Worker] = []
        self._events: deque[Event] = deque()
        self._tasks: deque[Task] = deque()
        """What needs a process of its own, before anything else is begun."""
        self._again: deque[Job] = deque()
        """Unanswered cases of a worker that ended, which are not under suspicion."""
        self._next: tuple[Job, ...] | None = None
        self._exhausted = False
        self._down = False
        self._greeted = False
        self._answered = False
        self._failed_starts = 0
        """In a row."""
        self._unflushed = 0
        """Cases in a row that were answered alone, after no pipelined worker had answered them."""
        self._fruitless: Counter[tuple[str, str]] = Counter()
        """What was laid to cases, with the last line of stderr."""
        self._oddities: Counter[str] = Counter()
        self._idle = 0.0
        """How long we have waited for the workers that are there, since the last one came up."""
        if self._most < workers:
            self._oddities[
                f"no room for more than {self._most} of {workers} workers; raise the limit on open files (ulimit -n)"
            ] += 1

    # --- the loop ---

    def work(self) -> Iterator[Event]:
        while not (self._stop.reason or self._down):
            self._staff()
            if self._events:
                yield from self._drain()
            elif self._workers:
                self._wait()
            else:
                break
        unrun = self._abandon()
        yield from self._drain()
        yield from (Oddity(says if often == 1 else f"{says} ({often} times)") for says, often in self._oddities.items())
        why = self._stop.reason or "the target is down"
        yield from (Unrun(job, why) for job in unrun)
        while (group := self._peek()) is not None:
            self._next = None
            yield from (Unrun(job, why) for job in group)

    def close(self) -> None:
        try:
            for worker in self._workers:
                worker.end()
                worker.close()
        finally:
            self._selector.close()
            self._nest.close()

    def _drain(self) -> Iterator[Event]:
        while self._events:
            yield self._events.popleft()

    def _abandon(self) -> list[Job]:
        """End all workers; returns what was not answered, in the order of reading."""
        jobs = [*self._again, *(job for task in self._tasks for job in task.jobs)]
        while self._workers:
            worker = self._workers.pop()
            try:
                worker.end()
            finally:
                worker.close()
            self._release(worker)
            self._mutter(worker)
            jobs += worker.unanswered()
        return sorted(jobs, key=lambda job: job.number)

    def _peek(self) -> tuple[Job, ...] | None:
        """Look at the next group without taking it."""
        if self._next is None and not self._exhausted:
            self._next = next(self._groups, None)
            self._exhausted = self._next is None
        return self._next

    # --- giving out work ---

    def _staff(self) -> None:
        """Let go of workers that are of no use any more, then start what is needed and allowed."""
        for worker in list(self._workers):
            if worker.task is None and not worker.due and worker.parting is None:
                self._feed(worker)
        while len(self._workers) < self._most and not (self._down or self._events):
            if self._tasks:
                self._start(self._tasks.popleft())
            elif (job := self._single()) is None:
                group = self._peek()
                if group is None:
                    return
                self._next = None
                self._start(Task(group))
            elif not self._shared or self._unflushed >= _UNFLUSHED:
                self._take()
                self._start(Task((job,)))
            elif self._enough():
                return
            else:
                self._start(None)

    def _feed(self, worker: Worker) -> None:
        """Give a pipelined worker that is ready as much as it may have; one that nothing is left for has to go."""
        if worker.ready:
            while worker.hungry and (job := self._single()) is not None:
                self._take()
                worker.ask(job)
            worker.flush()
        if worker.due or self._single() is not None or (self._peek() is not None and len(self._workers) < self._most):
            return
        worker.wanted = False
        if worker.ready:
            worker.part()
        else:
            self._finish(worker, "let go")

    def _single(self) -> Job | None:
        """Look at the next case that needs no process of its own."""
        if self._again:
            return self._again[0]
        group = self._peek()
        return group[0] if group is not None and len(group) == 1 and not group[0].case.group else None

    def _take(self) -> None:
        """Take what `_single` has shown."""
        if self._again:
            self._again.popleft()
        else:
            self._next = None

    def _enough(self) -> bool:
        """Whether the pipelined workers keep up: one more is started only after we had to wait for those there are."""
        pipelined = [worker for worker in self._workers if worker.task is None]
        return bool(pipelined) and (self._idle < QUEUE_SECONDS / 6 or not all(worker.ready for worker in pipelined))

    def _start(self, task: Task | None) -> None:
        """Start a worker for a task, or one that takes its cases from the queue."""
        jobs = task.jobs if task is not None else tuple(filter(None, [self._single()]))
        try:
            worker = Worker(self._nest, self._selector, self._converse(jobs), task)
        except Unaskable as problem:
            if task is None:
                self._take()
            for job in jobs:
                self._see(Answer(job, Unsupported(str(problem)), 0.0))
            return
        except OSError as problem:
            if task is not None:
                self._tasks.appendleft(task)
            self._on_no_start(problem)
            return
        self._workers.append(worker)
        self._idle = 0.0
        if not worker.greet():
            self._on_ready(worker)
            self._go_on(worker)

    def _converse(self, jobs: Sequence[Job]) -> Conversation:
        if len(jobs) > 1 and not self._target.pipelined:
            raise Unaskable("this case needs what the ones before it left, and the target has a process per case")
        return self._target.converse(jobs[0])

    def _on_no_start(self, problem: OSError) -> None:
        """Make do with the processes that the system has room for, or give up."""
        if problem.errno in _BUSY and self._workers:
            self._most = len(self._workers)
            self._oddities[f"no room for more than {self._most} workers ({problem.strerror})"] += 1
            return
        program = problem.filename or "the program"
        why = problem.strerror
        if problem.errno == errno.ENOENT and os.path.exists(program):
            why = "the interpreter that its first line names is not there"
        self._down = True
        self._events.append(Down(f"{program} can not be started ({why}); build it, or correct `command`", ""))

    # --- hearing ---

    def _wait(self) -> None:
        """Sleep until something can be read or written, a process ends or a deadline passes; then act on it."""
        ready = self._selector.select(0)
        if not ready:
            began = time.monotonic()
            seconds = max(0.0, min(worker.deadline for worker in self._workers) - began)
            if any(worker.polled for worker in self._workers):
                seconds = min(seconds, _POLL_SECONDS)
            ready = self._selector.select(min(seconds, _LONGEST_SLEEP))
            if self._again or self._peek() is not None:
                self._idle += time.monotonic() - began
        for key, _ in ready:
            if key.data is not None:
                worker, stream = key.data
                if worker in self._workers:
                    self._attend(worker, stream)
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.gone:
                self._finish(worker, "by itself")
            elif worker.deadline <= now:
                self._finish(worker, "late" if worker.parting is None else "let go")

    def _attend(self, worker: Worker, stream: Stream) -> None:
        match stream:
            case "stdin":
                worker.flush()
            case "stdout":
                self._hear(worker, worker.hear())
                self._go_on(worker)
            case "stderr":
                worker.overhear()
            case "exit":
                self._finish(worker, "by itself")

    def _hear(self, worker: Worker, heard: Iterable[Heard]) -> None:
        """Note what a worker said."""
        for one in heard:
            match one:
                case Ready():
                    self._on_ready(worker)
                    if not self._greeted:
                        self._greeted = True
                        self._events.append(CameUp(one))
                case Answered(observation):
                    if worker.task is None:
                        self._unflushed = 0
                        self._release(worker)  # nothing stray came between the two
                    worker.answered(observation)
                case Garbage():
                    worker.garbage = worker.garbage or one

    def _on_ready(self, worker: Worker) -> None:
        worker.ready = True
        worker.clock = time.monotonic()
        if worker.task is None:
            self._idle = 0.0

    def _go_on(self, worker: Worker) -> None:
        """Do what follows from what was heard."""
        if worker.garbage is not None and (worker.task is None or not worker.ready):
            self._finish(worker, "let go")
        elif worker.garbage is not None or (worker.silent and self._target.pipelined):
            worker.part()  # a plain program may close its stdout long before it is done
        elif worker.ready:
            if not worker.asked:
                self._failed_starts = 0
            if worker.task is None:
                self._feed(worker)
            elif not worker.due and worker.waiting:
                worker.ask_next()
            elif not worker.due:
                worker.part()

    def _release(self, worker: Worker) -> None:
        """Tell the answers that have become certain."""
        for answer in worker.answers:
            self._answered = True
            self._see(answer, worker.said() if worker.alone else "", alone=worker.alone)
        worker.answers.clear()

    def _see(self, answer: Answer, stderr: str = "", *, alone: bool = False) -> None:
        self._events.append(Seen(answer.job, Observed(answer.observation, answer.seconds, stderr, alone)))

    def _mutter(self, worker: Worker) -> None:
        if worker.stderr and not worker.alone:
            self._events.append(Muttered(worker.said()))

    # --- endings ---

    def _finish(self, worker: Worker, how: _Ending) -> None:
        """A worker has ended, or must: hear what it still had to say, and settle what it leaves."""
        self._workers.remove(worker)
        try:
            code, heard = worker.end()
            self._hear(worker, heard)
            end = End(code, worker.said(), worker.folder)
            half = self._hear_last(worker, worker.talk.finish(end), how)
        finally:
            worker.close()
        if not worker.asked:
            self._settle_unasked(worker, end, how)
        elif worker.task is None:
            self._settle_pipelined(worker, end, how)
        else:
            self._settle_task(worker, worker.task, end, how, half)

    def _hear_last(self, worker: Worker, heard: Iterable[Heard], how: _Ending) -> str:
        """Note what the end of a worker made certain; returns the half line of a reply that it died over."""
        for one in heard:
            if isinstance(one, Garbage):
                if worker.due:
                    return one.said
                worker.garbage = worker.garbage or one
            elif how != "late" or (isinstance(one, Answered) and isinstance(one.observation, Oversize)):
                self._hear(worker, [one])
        return ""

    def _settle_unasked(self, worker: Worker, end: End, how: _Ending) -> None:
        """A worker that ended before it got any case did not come up, unless it was only not needed."""
        if not worker.wanted:
            return
        if worker.task is not None:
            self._tasks.appendleft(worker.task)
        self._failed_starts += 1
        if how != "late" and self._failed_starts < _STARTS:
            return
        why = _why_not(worker, end, how)
        others = sum(other.ready for other in self._workers)
        if others:
            self._most = others
            self._failed_starts = 0
            self._oddities[f"no more than {others} workers come up at a time: the next one {why}"] += 1
            return
        self._down = True
        tries = "" if self._failed_starts < _STARTS else f" in {self._failed_starts} tries"
        self._events.append(Down(f"the worker did not come up{tries}: it {why}", end.stderr))

    def _settle_pipelined(self, worker: Worker, end: End, how: _Ending) -> None:
        """Ask those under suspicion again, each alone: what is laid to a case here would be laid to it by chance."""
        if worker.garbage is not None:  # it may be the doing of the case before it as well as of the next
            self._tasks.extend(Task((answer.job,), suspect=_went(worker, end, how)) for answer in worker.answers)
            worker.answers.clear()
        elif not worker.due and worker.wanted:
            self._oddities[f"a worker {_left(end, how)} between two cases, and another took over"] += 1
        self._release(worker)
        self._mutter(worker)
        if worker.due:
            suspect, *others = worker.unanswered()
            self._tasks.append(Task((suspect,), hung=how == "late", suspect=_went(worker, end, how)))
            self._again.extendleft(reversed(others))

    def _settle_task(self, worker: Worker, task: Task, end: End, how: _Ending, half: str) -> None:
        """Lay what happened to the case that was being asked."""
        if how == "late" and worker.due and not task.hung:
            self._tasks.append(replace(task, hung=True))  # all of it, since the cases of a group build on each other
            return
        left = worker.unanswered()
        blamed: Answer | None = None
        if worker.due:
            blamed = Answer(left.pop(0), _fate(worker, end, how, half), time.monotonic() - worker.clock)
        elif worker.garbage is not None:
            blamed = replace(worker.answers.pop(), observation=worker.garbage)
        elif task.suspect:
            self._oddities[
                f"a worker {task.suspect} in the middle of its cases; alone, the one in question answered"
            ] += 1
            self._on_answered_alone()
        last = blamed or worker.answers[-1]
        self._release(worker)
        if blamed is None:
            self._mutter(worker)
        else:
            self._see(blamed, end.stderr, alone=worker.alone)
            self._on_fruitless(blamed.observation, end)
        for job in left:
            self._see(Answer(job, Died(end.exit, at=last.job.case.name), 0.0))

    def _on_answered_alone(self) -> None:
        self._unflushed += 1
        if self._unflushed == _UNFLUSHED:
            says = "cases in a row were answered only by a process of their own, so all others got one too"
            self._oddities[f"{_UNFLUSHED} {says}; does the worker flush every reply?"] += 1

    def _on_fruitless(self, observation: Observation, end: End) -> None:
        """A worker that does the same on every case, and never answers, is no port that fails: it is not up."""
        if self._answered or not self._target.pipelined:
            return
        match observation:
            case Died():
                why = ended(end.exit)
            case Hung(seconds):
                why = f"gave no answer within {seconds:g} s"
            case _:
                why = "said what is not the protocol"
        self._fruitless[why, end.stderr.strip().rpartition("\n")[2]] += 1
        if len(self._fruitless) == 1 and self._fruitless.total() >= _FRUITLESS:
            self._down = True
            self._events.append(Down(f"the worker {why} on each of the first {_FRUITLESS} cases", end.stderr))


def _fate(worker: Worker, end: End, how: _Ending, half: str) -> Observation:
    """What became of the case that a worker was asked last, and did not answer."""
    if worker.garbage is not None:
        return worker.garbage
    match how:
        case "late":
            return Hung(worker.due[0][0].limits.seconds)
        case "let go":
            return Garbage("it closed its stdout before it answered", half)
        case "by itself":
            return Died(end.exit, half)


def _why_not(worker: Worker, end: End, how: _Ending) -> str:
    """Why a worker did not come up."""
    if worker.garbage is not None:
        return f"answered the greeting with {worker.garbage.said[:120]!r}, which is {worker.garbage.why}"
    if how == "late":
        return f"was not ready within {START_SECONDS:g} s"
    return f"{_left(end, how)} before it was asked anything"


def _left(end: End, how: _Ending) -> str:
    return "closed its stdout" if how == "let go" else ended(end.exit)


def _went(worker: Worker, end: End, how: _Ending) -> str:
    if worker.garbage is not None:
        return "said what is not the protocol"
    return "did not answer in time" if how == "late" else _left(end, how)


def _room() -> int:
    """For how many workers the limit on open files leaves room."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else max(1, (files - _OUR_FILES) // _FILES_A_WORKER)
