"""One run, put together: reading → build → runner → judge → store. It yields what happens, and prints nothing."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from harness import build, runner
from harness.errors import Fault, InputError, UsageError
from harness.events import Building, Completed, Event, Finished
from harness.judge import accepted, judge
from harness.model import NotAttempted, Notice, NotRun, OutOfScope, Passed, Ready, ReferenceFault, Result
from harness.program import identify
from harness.reading import Entry, Reading, Selection
from harness.records import StoredRun
from harness.session import load_skiplist, make_target, target_environment
from harness.skiplist import EMPTY
from harness.verdict import Tally, decide, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config import TargetConfig
    from harness.model import Job, Json, Observed
    from harness.runner import Stop
    from harness.session import Suite, Workspace
    from harness.store import RunWriter, Store

READ_AHEAD = 512
"""So many cases are read, and every fault among them found, before anything is built or started."""
_LAST_LINES = 12
_STDERR_KEPT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    target: TargetConfig
    selection: Selection = field(default_factory=Selection)
    max_fail: int | None = None
    skips: bool = True
    """Whether the skip list is laid over the outcomes."""

    @property
    def whole(self) -> bool:
        """Whether the run can be a baseline: nothing left out, nothing put aside."""
        return self.selection.whole and self.skips


def check(workspace: Workspace, request: Request, store: Store, stop: Stop) -> Iterator[Event]:
    """Run a check; the last event is Completed.

    Raises InputError and UsageError when config, files or names are wrong: such a run leaves nothing in the store.
    """
    began = time.monotonic()
    skips = load_skiplist(workspace, request.target) if request.skips else EMPTY
    reading = Reading(workspace, request.target, skips, request.selection)
    entries = reading.entries()
    ahead = list(islice(entries, READ_AHEAD))
    new = _new_run(workspace, request)
    if request.whole:
        reading.missing = store.ids_before(new) - reading.read
    writer = store.begin(new)
    reading.begun = time.time()
    course = _Course(workspace, request, stop, writer, Tally({stage: [0, 0] for stage in workspace.config.stages}))
    try:
        yield from course.build()
        before = store.last_whole(request.target.name)
        writer.red = store.red(before)
        # What is not built may have been edited where we can not see it.
        same = before is not None and request.target.build and before.program == _program(workspace, request.target)
        writer.edited = not same
        if not course.tally.target_down and not stop.reason:
            yield from course.run(chain(ahead, entries))
            yield from course.lint()
    except (InputError, UsageError):
        writer.forget()
        raise
    tally = course.tally
    tally.cut_short = stop.reason
    reading.count_rest()
    tally.left_out = reading.left_out
    tally.selection = str(request.selection)
    whole = request.whole and not tally.cut_short and not tally.target_down
    tally.gone = len(reading.missing) if whole else 0
    verdicts = decide(tally)
    notices = [*reading.notices, *course.oddities, *(course.unused() if whole else ())]
    writer.finish(
        state="incomplete" if tally.cut_short or tally.target_down else "complete",
        seconds=round(time.monotonic() - began, 3),
        verdicts=[verdict.value for verdict in verdicts],
        summary=tally.as_json(),
        whole=int(whole and not tally.gone),
        program=_program(workspace, request.target),
        worker=course.worker,
        notices=[str(notice) for notice in notices],
        stderr=course.stderr,
    )
    store.verify(writer.id, [verdict.value for verdict in verdicts], tally.as_json())
    yield Completed(writer.id, tuple(verdicts))


@dataclass(slots=True)
class _Course:
    """A run on its way, and what it learns beside its results."""

    workspace: Workspace
    request: Request
    stop: Stop
    writer: RunWriter
    tally: Tally
    worker: str = ""
    stderr: str = ""
    oddities: list[Notice] = field(default_factory=list)
    judged: Counter[str] = field(default_factory=Counter)
    """How many references each rule judged."""
    passed: Counter[str] = field(default_factory=Counter)
    """How many of them were met."""
    used: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each (rule, loosening) was needed for a pass."""
    waiting: dict[int, Entry] = field(default_factory=dict)
    """What the runner has, by its number."""
    settled: list[Finished] = field(default_factory=list)
    """What needs no runner."""

    def build(self) -> Iterator[Event]:
        """Run the build commands, up to the first that fails."""
        for argv in self.request.target.build:
            yield Building(argv)
            broken = build.run(argv, self.workspace.folder, self.request.target.environment, self.stop.pipe[0])
            if broken is not None and not self.stop.reason:
                self.tally.target_down = f"the build failed: {broken}"
                self.tally.said = tuple(f"  {line}" for line in broken.lines)
            if broken is not None:
                return

    def run(self, entries: Iterator[Entry]) -> Iterator[Event]:
        """Run the cases and judge them as their observations come in."""
        target = make_target(self.workspace, self.request.target)
        events = runner.run(self._groups(entries), target, self.request.target.workers, self.stop)
        try:
            for event in events:
                yield from self._take(event)
                yield from self._settle()
                most = self.request.max_fail
                if most is not None and self.tally.standings["failed"] >= most and not self.stop.reason:
                    self.stop.request(f"stopped after {most} failed")
        finally:
            events.close()
        yield from self._settle()

    def lint(self) -> Iterator[Event]:
        """Run the linters and type checkers, so that one command tells everything."""
        for argv in self.request.target.check:
            if self.stop.reason:
                return
            yield Building(argv)
            broken = build.run(argv, self.workspace.folder, self.request.target.environment, self.stop.pipe[0])
            if broken is not None and not self.stop.reason:
                self.tally.checks_failed += (str(broken),)
                self.tally.said += (f"check failed: {broken}", *(f"  {line}" for line in broken.lines))

    def unused(self) -> Iterator[Notice]:
        """Name each rule that judged nothing, and each loosening that no pass needed."""
        place = self.workspace.config.document.place
        for suite in self.workspace.suites:
            if self._taken(suite) is not None:
                continue
            for rule, config in zip(suite.rules, suite.config.rules, strict=False):
                if not self.judged[rule.label]:
                    says = f"{rule.label} judges no case; remove it, or correct its `cases` or `reference`"
                    yield Notice(says, place(*config.keys))
                    continue
                for name in rule.matcher.loosenings:
                    # What still fails may need it yet.
                    if not self.used[rule.label, name] and self.passed[rule.label] == self.judged[rule.label]:
                        yield Notice(f"{rule.label}: no pass needs the normalisation {name!r}", place(*config.keys))

    def _groups(self, entries: Iterator[Entry]) -> Iterator[tuple[Job, ...]]:
        """Hand out what has to be run, neighbours of one group together; settle the rest."""
        group: list[Job] = []
        for entry in entries:
            outcome = self._without_running(entry)
            if outcome is not None:
                self.settled.append(_finished(entry, outcome))
                continue
            job = entry.job
            self.waiting[job.number] = entry
            if group and (job.case.group, job.case.suite) != (group[0].case.group, group[0].case.suite):
                yield tuple(group)
                group.clear()
            if job.case.group:
                group.append(job)
            else:
                yield (job,)
        if group:
            yield tuple(group)

    def _without_running(self, entry: Entry) -> NotRun | NotAttempted | OutOfScope | None:
        excuse = entry.plan.excuse
        return self._taken(entry.suite) or (NotRun("run = false") if excuse is not None and not excuse.run else None)

    def _taken(self, suite: Suite) -> NotAttempted | OutOfScope | None:
        """Say why this target does not take a suite, or None where it does."""
        target, config = self.request.target, suite.config
        if config.out_of_scope is not None:
            return OutOfScope(config.out_of_scope)
        if target.suites is not None and config.name not in target.suites:
            return NotAttempted(f"target {target.name!r} does not take suite {config.name!r}")
        return None

    def _take(self, event: runner.Event) -> Iterator[Event]:
        match event:
            case runner.Seen(job, observed):
                yield self._count(self._judge(self.waiting.pop(job.number), observed))
            case runner.Unrun(job, why):
                yield self._count(_finished(self.waiting.pop(job.number), NotRun(why)))
            case runner.CameUp(Ready(name, version) as ready):
                self.worker = f"{name} {version}"
                yield ready
            case runner.Oddity(says):
                self.oddities.append(Notice(says))
            case runner.Muttered(stderr):
                self.stderr = (self.stderr + stderr)[-_STDERR_KEPT:]
            case runner.Down(why, stderr):
                self.tally.target_down = why
                self.tally.said = tuple(f"  {line}" for line in stderr.split("\n") if line.strip())[-_LAST_LINES:]

    def _settle(self) -> Iterator[Event]:
        settled, self.settled = self.settled, []
        yield from map(self._count, settled)

    def _count(self, finished: Finished) -> Finished:
        self.tally.add(finished.result.outcome, finished.standing, finished.result.stage)
        self.writer.add(finished.result, finished.standing)
        return finished

    def _judge(self, entry: Entry, observed: Observed) -> Finished:
        plan = entry.plan
        try:
            outcome = judge(plan, observed.observation)
        except ReferenceFault as problem:
            raise InputError([Fault(plan.checks[0].reference.place, str(problem))]) from problem
        for one in plan.checks:
            self.judged[one.rule.label] += 1
            self.passed[one.rule.label] += isinstance(outcome, Passed)
        for loosening in outcome.used if isinstance(outcome, Passed) else ():
            self.used[loosening] += 1
        known = accepted(plan, observed.observation)
        result = Result(entry.job, entry.suite.config.stage, plan, outcome, observed, known)
        return Finished(result, standing(outcome, plan.excuse, accepted=known))


def _finished(entry: Entry, outcome: NotRun | NotAttempted | OutOfScope) -> Finished:
    result = Result(entry.job, entry.suite.config.stage, entry.plan, outcome, None)
    return Finished(result, standing(outcome, entry.plan.excuse, accepted=False))


def _new_run(workspace: Workspace, request: Request) -> StoredRun:
    target, config = request.target, workspace.config
    environment = target_environment(workspace, target)
    return StoredRun(
        id="",
        number=0,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=None,
        target=target.name,
        state="incomplete",
        whole=request.whole,
        selection=" ".join(filter(None, [str(request.selection), "" if request.skips else "--no-skips"])),
        verdicts=("NOTHING",),
        summary=Tally(cut_short="still running, or killed").as_json(),  # until the run says otherwise
        program=_program(workspace, target),
        environment={**environment, **dict.fromkeys(target.pass_env, "(passed on)")},  # these may be secrets
        worker="",
        source=f"{config.root} {config.rev or ''}".strip(),
        notices=(),
        stderr="",
    )


def _program(workspace: Workspace, target: TargetConfig) -> dict[str, Json]:
    """Say which program it is; asked again after the build, which may have made another one of it."""
    command = target.options.get("command") or [target.options.get("python", "python")]
    return identify(command, workspace.folder, target_environment(workspace, target).get("PATH"))
