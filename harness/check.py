"""One run, put together: reading → build → runner → judge → store. It yields what happens, and prints nothing."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import chain, islice
from typing import TYPE_CHECKING

from harness import build, runner
from harness.books import Books, agreed
from harness.errors import InputError, UsageError
from harness.events import Building, Completed, Event, Finished, Withheld
from harness.gates.flaky import Rounds
from harness.gates.holdout import breach, gap
from harness.judge import accepted, judge
from harness.model import Breach, NotAttempted, Notice, NotRun, OutOfScope, Passed, Ready, Result
from harness.program import identify
from harness.reading import Entry, Reading, Selection
from harness.records import StoredRun
from harness.session import load_skiplist, make_target, target_environment
from harness.skiplist import EMPTY
from harness.store import FOLDER
from harness.verdict import Tally, decide, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.books import Watch
    from harness.config import TargetConfig
    from harness.model import Job, Json, Observed
    from harness.runner import Stop
    from harness.session import Suite, Workspace
    from harness.shards import Shards
    from harness.store import RunWriter, Store

READ_AHEAD = 512
"""So many cases are read, and every fault among them found, before anything is built or started."""
_LAST_LINES = 12
_NAMED = 3
_STDERR_KEPT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    target: TargetConfig
    selection: Selection = field(default_factory=Selection)
    max_fail: int | None = None
    skips: bool = True
    """Whether the skip list is laid over the outcomes."""
    isolate: bool = False
    """Whether each group has a fresh worker: what a port leaves behind is hidden then."""
    shuffle: int | None = None
    """The seed of another order than that of reading."""
    repeat: int = 1
    """How often everything is run."""
    shards: Shards | None = None
    """What was run elsewhere; then nothing is run here."""
    holdout: bool = False
    """Whether what is held out is run too, and counted."""
    watches: tuple[Watch, ...] = ()
    """What the run is held against, beside harness.lock."""

    @property
    def whole(self) -> bool:
        """Whether the run can be a baseline: nothing left out, nothing put aside, no worker treated with care."""
        return self.selection.whole and self.skips and not self.isolate

    @property
    def options(self) -> tuple[str, ...]:
        """How it is run, where that is not as usual: as it was typed."""
        shuffle = () if self.shuffle is None else (f"--shuffle {self.shuffle}",)
        repeat = () if self.repeat == 1 else (f"--repeat {self.repeat}",)
        return (*(("--isolate",) if self.isolate else ()), *shuffle, *repeat)


def check(workspace: Workspace, request: Request, store: Store, stop: Stop) -> Iterator[Event]:
    """Run a check; the last event is Completed.

    Raises InputError and UsageError when config, files or names are wrong: such a run leaves nothing in the store.
    """
    began = time.monotonic()
    shards = request.shards
    skips = load_skiplist(workspace, request.target) if request.skips else EMPTY
    tally = Tally(
        {stage: [0, 0] for stage in workspace.config.stages},
        holdout=str(workspace.config.holdout or ""),
        options=request.options,
    )
    new = _new_run(workspace, request, tally.holdout)
    before = store.last_whole(request.target.name) if request.whole else None
    held_before = before.summary.get("held_out", 0) if before is not None and store.comparable(before, new) else 0
    books = Books(workspace, request.target, [*agreed(workspace, request.target), *request.watches])
    locked = any(watch.closed for watch in books.watches)  # then the lock knows what has to be there
    ids = store.ids_before(new) if request.whole and not locked else {}
    reading = Reading(workspace, request.target, skips, request.selection, ids=ids)
    moved = _moved(workspace, before, tally.holdout)
    entries = reading.entries()
    ahead = list(islice(entries, READ_AHEAD))
    writer = store.begin(new)
    reading.begun = time.time()
    rounds = Rounds(request.repeat, request.repeat - 1)
    course = _Course(workspace, request, stop, writer, tally, rounds, books)
    try:
        if shards is not None:
            yield from course.replay(chain(ahead, entries), shards)
        else:
            yield from course.build()
            writer.follow(store.red(before), edited=_edited(workspace, request.target, before))
        if shards is None and not tally.target_down and not stop.reason:
            yield from course.run(chain(ahead, entries))
            if request.holdout and not tally.target_down:
                again = Reading(workspace, request.target, skips, Selection(), held=True, begun=reading.begun)
                yield from course.hold_out(again)
            yield from course.lint()
    except (InputError, UsageError):
        writer.forget()
        raise
    tally.cut_short = tally.cut_short or stop.reason
    reading.count_rest()
    tally.left_out, tally.held_out = reading.left_out, reading.held_out
    tally.selection = str(request.selection)
    whole = request.whole and not tally.cut_short and not tally.target_down
    lost = max(0, held_before - reading.held_out) if whole else 0
    moved = _lost(lost) or moved
    books.close(reading.kept_back, whole=whole, away=not request.holdout)
    # Shards have found some of it, and name places as they are seen from there.
    tally.breaches = tuple({(one.case, one.says): one for one in (*tally.breaches, *moved, *books.breaches)}.values())
    tally.gone = reading.gone + lost if whole else 0
    verdicts = decide(tally)
    unused = course.unused(reading.held_rules) if whole else ()
    notices = [
        *books.notices(),
        *_differing(writer, None if locked else before),
        *reading.notices,
        *course.oddities,
        *rounds.notices(),
        *unused,
    ]
    writer.finish(
        state="incomplete" if tally.cut_short or tally.target_down else "complete",
        seconds=round(time.monotonic() - began, 3)
        if shards is None
        else max(one or 0.0 for one in shards.each("seconds")),
        verdicts=[verdict.value for verdict in verdicts],
        summary=tally.as_json(),
        whole=int(whole and not tally.gone and not moved),
        program=_program(workspace, request.target) if shards is None else shards.first("program"),
        worker=course.worker,
        notices=list(dict.fromkeys(map(str, notices))),
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
    writer: RunWriter | None
    tally: Tally
    rounds: Rounds
    books: Books
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

    def replay(self, entries: Iterator[Entry], shards: Shards) -> Iterator[Event]:
        """Judge what the workers of shards have said, as if it came in now."""
        seen: set[str] = set()
        for entry in entries:
            seen.add(entry.job.case.id)
            outcome = self._without_running(entry)
            heard = "" if outcome is not None else shards.heard(entry)
            if isinstance(heard, str):
                yield self._count(_finished(entry, outcome or NotRun(heard)))
                continue
            finished = self._judge(entry, heard)
            told = shards.told(entry, finished.result.outcome)
            yield self._count(replace(finished, result=replace(finished.result, outcome=told)))
        shards.see_known(seen, self.workspace.config.rev)
        self.worker = shards.first("worker")
        self.stderr = "".join(shards.each("stderr"))[-_STDERR_KEPT:]
        self.oddities = [Notice(says) for notices in shards.each("notices") for says in notices]
        self.tally.options = shards.options()
        self.tally.cut_short = shards.cut_short()
        self.tally.target_down = shards.target_down()
        self.tally.breaches = shards.breaches()
        self.tally.checks_failed = tuple(shards.summed("checks_failed"))
        self.tally.said = tuple(shards.summed("said"))

    def run(self, entries: Iterator[Entry]) -> Iterator[Event]:
        """Run the cases and judge them as their observations come in."""
        groups = self._groups(entries)
        if self.request.shuffle is not None:
            groups = iter(shuffled(list(groups), self.request.shuffle))
        kept = list(groups) if self.rounds.left else []
        while self.rounds.left and not self.tally.target_down:
            yield from self._round(iter(kept))
            self.rounds.left -= 1
        if not self.tally.target_down:
            yield from self._round(iter(kept) if kept else groups)
        self.rounds.left = 0
        for entry in list(self.waiting.values()):  # an earlier round has found the target down
            yield from self._ran(_finished(entry, NotRun("the target is down")))
        yield from self._settle()

    def _round(self, groups: Iterator[tuple[Job, ...]]) -> Iterator[Event]:
        target = make_target(self.workspace, self.request.target)
        workers = self.request.target.workers
        events = runner.run(groups, target, workers, self.stop, isolate=self.request.isolate)
        try:
            for event in events:
                yield from self._take(event)
                yield from self._settle()
                most = self.request.max_fail
                if most is not None and self.tally.standings["failed"] >= most and not self.stop.reason:
                    self.stop.request(f"stopped after {most} failed")
        finally:
            events.close()

    def hold_out(self, reading: Reading) -> Iterator[Event]:
        """Run what is held out, by workers of its own, and keep nothing of it but how many pass."""
        apart = _Course(
            self.workspace, replace(self.request, max_fail=None), self.stop, None, Tally(), Rounds(1, 0), self.books
        )
        for event in apart.run(reading.entries()):
            if isinstance(event, Finished):
                yield Withheld(event.result)
        if self.stop.reason:
            return
        self.tally.gap = gap((self.tally.passed, self.tally.in_scope), (apart.tally.passed, apart.tally.in_scope))
        config = self.workspace.config
        if self.tally.gap is None:
            says = "no case is held out, or none is visible: there is nothing to compare"
            self.oddities.append(Notice(says, config.document.place("holdout")))
        elif config.holdout is not None and config.holdout.max_gap is not None:
            place = config.document.place("holdout", "max_gap")
            self.tally.breaches += tuple(filter(None, [breach(self.tally.gap, config.holdout.max_gap, place)]))

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

    def unused(self, held: set[str]) -> Iterator[Notice]:
        """Name each rule that judged nothing, and each loosening that no pass needed: as `held` ones may be."""
        place = self.workspace.config.document.place
        for suite in self.workspace.suites:
            if self._taken(suite) is not None:
                continue
            for rule, config in zip(suite.rules, suite.config.rules, strict=False):
                if rule.label in held:
                    continue
                if not self.judged[rule.label]:
                    says = f"{rule.label} judges no case; remove it, or correct its `cases` or `reference`"
                    yield Notice(says, place(*config.keys))
                    continue
                for name in rule.matcher.loosenings:
                    # What still fails may need it yet.
                    if not self.used[rule.label, name] and self.passed[rule.label] == self.judged[rule.label]:
                        yield Notice(f"{rule.label}: no pass needs {name!r}", place(*config.keys))

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
                yield from self._ran(self._judge(self.waiting[job.number], observed))
            case runner.Unrun(job, why):
                yield from self._ran(_finished(self.waiting[job.number], NotRun(why)))
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

    def _ran(self, finished: Finished) -> Iterator[Finished]:
        """Count a case when it has run as often as it shall."""
        finished = self.rounds.add(finished)
        if not self.rounds.left:
            del self.waiting[finished.result.job.number]
            yield self._count(finished)

    def _settle(self) -> Iterator[Event]:
        settled, self.settled = self.settled, []
        yield from map(self._count, settled)

    def _count(self, finished: Finished) -> Finished:
        self.tally.add(finished.result.outcome, finished.standing, finished.result.stage)
        if self.writer is not None:  # of what is held out, only the counts are kept
            self.books.add(finished.result, finished.standing)
            self.writer.add(finished.result, finished.standing)
        return finished

    def _judge(self, entry: Entry, observed: Observed) -> Finished:
        plan = entry.plan
        outcome = judge(plan, observed.observation)
        for one in plan.checks:
            self.judged[one.rule.label] += 1
            self.passed[one.rule.label] += isinstance(outcome, Passed)
        for loosening in outcome.used if isinstance(outcome, Passed) else ():
            self.used[loosening] += 1
        known = accepted(plan, observed.observation)
        if plan.excuse is not None and plan.excuse.status == "accepted" and not isinstance(outcome, Passed):
            if not known:
                outcome = replace(outcome, why=f"not what was accepted: {outcome.why}")
            if plan.excuse.of != plan.content[1]:
                says = "the reference is not the one that this was accepted in place of; look, and accept it again"
                self.tally.breaches += (Breach(says, entry.job.case.id, plan.excuse.place),)
        result = Result(entry.job, entry.suite.config.stage, plan, outcome, observed, known)
        return Finished(result, standing(outcome, plan.excuse, accepted=known))


def shuffled(groups: list[tuple[Job, ...]], seed: int) -> list[tuple[Job, ...]]:
    """Put groups into the order of a seed: the same one everywhere, and a case more or less moves no other."""
    return sorted(groups, key=lambda group: blake2b(f"{seed} {group[0].case.id}".encode(), digest_size=16).digest())


def _finished(entry: Entry, outcome: NotRun | NotAttempted | OutOfScope) -> Finished:
    result = Result(entry.job, entry.suite.config.stage, entry.plan, outcome, None)
    return Finished(result, standing(outcome, entry.plan.excuse, accepted=False))


def _differing(writer: RunWriter, before: StoredRun | None) -> Iterator[Notice]:
    """Without a lock nobody has agreed to what a reference says; that it says something else is told all the same."""
    if before is not None and (cases := writer.differing(before)):
        names = ", ".join(cases[:_NAMED]) + (f" +{len(cases) - _NAMED}" if len(cases) > _NAMED else "")
        yield Notice(f"the input or reference of {len(cases)} is another than in run {before.id}: {names}")


def _lost(cases: int) -> tuple[Breach, ...]:
    says = f"{cases} fewer cases are held out than in the last whole run; restore them, or change [source] rev"
    return (Breach(says),) if cases else ()


def _moved(workspace: Workspace, before: StoredRun | None, holdout: str) -> tuple[Breach, ...]:
    """Say that others are held out than before: failing cases may have left the count, and the store tells of them."""
    if before is None or before.holdout == holdout:
        return ()
    says = f"others are held out than in run {before.id}; restore [holdout], or move {FOLDER} away, which tells of them"
    return (Breach(says, place=workspace.config.document.place("holdout")),)


def _new_run(workspace: Workspace, request: Request, holdout: str) -> StoredRun:
    target, config = request.target, workspace.config
    own = target_environment(workspace, target)
    environment = {**own, **dict.fromkeys(target.pass_env, "(passed on)")}  # these may be secrets
    shards = request.shards
    return StoredRun(
        id="",
        number=0,
        started=datetime.now(UTC).isoformat(timespec="seconds") if shards is None else min(shards.each("started")),
        seconds=None,
        target=target.name,
        state="incomplete",
        whole=request.whole,
        selection=" ".join(
            filter(
                None,
                [
                    str(request.selection),
                    "" if request.skips else "--no-skips",
                    "--isolate" if request.isolate else "",
                ],
            )
        ),
        verdicts=("NOTHING",),
        summary=Tally(cut_short="still running, or killed", holdout=holdout).as_json(),  # until the run says otherwise
        program=_program(workspace, target) if shards is None else shards.first("program"),
        environment=environment if shards is None else shards.first("environment"),
        worker="",
        source=f"{config.root} {config.rev or ''}".strip(),
        notices=(),
        stderr="",
    )


def _edited(workspace: Workspace, target: TargetConfig, before: StoredRun | None) -> bool:
    """Whether the port may be another one: what is not built may have been edited where we can not see it."""
    return before is None or not target.build or before.program != _program(workspace, target)


def _program(workspace: Workspace, target: TargetConfig) -> dict[str, Json]:
    """Say which program it is; asked again after the build, which may have made another one of it."""
    command = target.options.get("command") or [target.options.get("python", "python")]
    return identify(command, workspace.folder, target_environment(workspace, target).get("PATH"))
