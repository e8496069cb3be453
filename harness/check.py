"""One run, put together: build → reading → runner → judge → store. It yields what happens, and prints nothing."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from harness import build, runner
from harness.errors import Fault, InputError, UsageError
from harness.events import Building, Completed, Event, Finished
from harness.judge import accepted, judge
from harness.model import Job, NotAttempted, Notice, NotRun, OutOfScope, ReferenceFault, Result
from harness.reading import Entry, Reading, Selection
from harness.records import StoredRun
from harness.session import load_skiplist, make_target, target_environment
from harness.skiplist import EMPTY
from harness.verdict import Tally, decide, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config import TargetConfig
    from harness.model import Json, Observed
    from harness.runner import Stop
    from harness.session import Workspace
    from harness.store import RunWriter, Store

READ_AHEAD = 512
"""So many cases are read, and every fault among them found, before the first worker starts."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    target: TargetConfig
    selection: Selection = field(default_factory=Selection)
    max_fail: int | None = None
    skips: bool = True
    """Whether the skip list is laid over the outcomes."""


def check(workspace: Workspace, request: Request, store: Store, stop: Stop) -> Iterator[Event]:
    """Run a check; the last event is Completed.

    Raises InputError and UsageError when config, files or names are wrong: such a run leaves nothing in the store.
    """
    began = time.monotonic()
    target = request.target
    skips = load_skiplist(workspace, target) if request.skips else EMPTY
    reading = Reading(workspace, target, skips, request.selection)
    tally = Tally()
    for argv in target.build:
        yield Building(argv)
        broken = build.run(argv, workspace.folder, target.environment)
        if broken is not None:
            tally.target_down, tally.said = f"the build failed: {broken}", broken.lines
            break
    entries = reading.entries()
    ahead = list(islice(entries, READ_AHEAD))
    writer = store.begin(_new_run(workspace, request))
    log = _Log()
    try:
        if not tally.target_down:
            yield from _run(chain(ahead, entries), workspace, request, stop, tally, writer, log)
            yield from _lint(workspace, target, tally, stop)
    except (InputError, UsageError):
        writer.forget()
        raise
    tally.cut_short = stop.reason
    tally.left_out = reading.left_out
    tally.selection = str(request.selection)
    verdicts = decide(tally)
    notices = [*map(str, reading.notices), *log.oddities]
    if request.selection.whole and request.skips and not tally.cut_short and not tally.target_down:
        notices += map(str, _unused(log, workspace, target))
    writer.finish(
        state="incomplete" if tally.cut_short or tally.target_down else "complete",
        seconds=round(time.monotonic() - began, 3),
        verdicts=[verdict.value for verdict in verdicts],
        summary=tally.as_json(),
        worker=log.worker,
        notices=notices,
        stderr=log.stderr[-_STDERR_KEPT:],
    )
    yield Completed(writer.id)


_STDERR_KEPT = 64 * 1024


@dataclass(slots=True)
class _Log:
    """What a run learns beside its results."""

    worker: str = ""
    stderr: str = ""
    oddities: list[str] = field(default_factory=list)
    judged: Counter[str] = field(default_factory=Counter)
    used: Counter[tuple[str, str]] = field(default_factory=Counter)


def _run(
    entries: Iterator[Entry],
    workspace: Workspace,
    request: Request,
    stop: Stop,
    tally: Tally,
    writer: RunWriter,
    log: _Log,
) -> Iterator[Event]:
    waiting: dict[int, Entry] = {}
    settled: list[Finished] = []

    def groups() -> Iterator[tuple[Job, ...]]:
        """Hand out what has to be run; settle what has not."""
        group: list[Job] = []
        for entry in entries:
            without = _without_running(entry, request.target)
            if without is not None:
                settled.append(without)
                continue
            job = entry.job
            waiting[job.number] = entry
            if group and (job.case.group, job.case.suite) != (group[0].case.group, group[0].case.suite):
                yield tuple(group)
                group = []
            if job.case.group:
                group.append(job)
            else:
                yield (job,)
        if group:
            yield tuple(group)

    def count(finished: Finished) -> Finished:
        tally.add(finished.result.outcome, finished.standing)
        writer.add(finished.result, finished.standing)
        return finished

    events = runner.run(groups(), make_target(workspace, request.target), request.target.workers, stop)
    try:
        for event in events:
            match event:
                case runner.Seen(job, observed):
                    yield count(_judge(waiting.pop(job.number), observed, log))
                case runner.Unrun(job, why):
                    entry = waiting.pop(job.number)
                    result = Result(job, entry.suite.config.stage, entry.plan, NotRun(why), None)
                    yield count(Finished(result, standing(result.outcome, None, accepted=False)))
                case runner.CameUp(ready):
                    log.worker = f"{ready.name} {ready.version}"
                    yield ready
                case runner.Oddity(says):
                    log.oddities.append(says)
                case runner.Muttered(stderr):
                    log.stderr += stderr
                case runner.Down(why, stderr):
                    tally.target_down, tally.said = (
                        why,
                        tuple(stderr.strip().split("\n")[-_LAST_LINES:]) if stderr.strip() else (),
                    )
            while settled:
                yield count(settled.pop(0))
            if request.max_fail is not None and tally.standings["failed"] >= request.max_fail and not stop.reason:
                stop.request(f"stopped after {request.max_fail} failed")
    finally:
        events.close()
    for finished in settled:
        yield count(finished)


_LAST_LINES = 12


def _judge(entry: Entry, observed: Observed, log: _Log) -> Finished:
    try:
        outcome = judge(entry.plan, observed.observation)
    except ReferenceFault as problem:
        place = entry.plan.checks[0].reference.place
        raise InputError([Fault(place, str(problem))]) from problem
    for check_ in entry.plan.checks:
        log.judged[check_.rule.label] += 1
    log.used.update(getattr(outcome, "used", ()))
    known = accepted(entry.plan, observed.observation)
    result = Result(entry.job, entry.suite.config.stage, entry.plan, outcome, observed, known)
    return Finished(result, standing(outcome, entry.plan.excuse, accepted=known))


def _without_running(entry: Entry, target: TargetConfig) -> Finished | None:
    """Settle what is not run at all: out of scope, another target's, or listed with `run = false`."""
    config, excuse = entry.suite.config, entry.plan.excuse
    outcome: NotRun | NotAttempted | OutOfScope
    if config.out_of_scope is not None:
        outcome = OutOfScope(config.out_of_scope)
    elif target.suites is not None and config.name not in target.suites:
        outcome = NotAttempted(f"target {target.name!r} does not take suite {config.name!r}")
    elif excuse is not None and not excuse.run:
        outcome = NotRun("run = false")
    else:
        return None
    result = Result(entry.job, config.stage, entry.plan, outcome, None)
    return Finished(result, standing(outcome, excuse, accepted=False))


def _lint(workspace: Workspace, target: TargetConfig, tally: Tally, stop: Stop) -> Iterator[Event]:
    """Run the linters and type checkers, so that one command tells everything."""
    failed: list[build.Broken] = []
    for argv in target.check:
        if stop.reason:
            break
        yield Building(argv)
        broken = build.run(argv, workspace.folder, target.environment)
        if broken is not None:
            failed.append(broken)
    tally.checks_failed = tuple(str(broken) for broken in failed)
    tally.said += tuple(line for broken in failed for line in (f"{broken}:", *(f"  {said}" for said in broken.lines)))


def _unused(log: _Log, workspace: Workspace, target: TargetConfig) -> Iterator[Notice]:
    """Name each rule that judged nothing, and each loosening that no pass needed."""
    place = workspace.config.document.place
    for suite in workspace.suites:
        if suite.config.out_of_scope is not None or (
            target.suites is not None and suite.config.name not in target.suites
        ):
            continue
        for rule, config in zip(suite.rules, suite.config.rules, strict=False):
            if not log.judged[rule.label]:
                yield Notice(f"{rule.label} judges no case; remove it, or correct its globs", place(*config.keys))
                continue
            for name in rule.matcher.loosenings:
                if not log.used[rule.label, name]:
                    yield Notice(f"{rule.label}: no pass needs the normalisation {name!r}", place(*config.keys))


def _new_run(workspace: Workspace, request: Request) -> StoredRun:
    target, source = request.target, workspace.config
    return StoredRun(
        id="",
        number=0,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=None,
        target=target.name,
        state="incomplete",
        whole=request.selection.whole and request.skips,
        selection=str(request.selection),
        verdicts=("NOTHING",),
        summary={},
        program=_program(workspace, target),
        environment=target_environment(workspace, target),
        worker="",
        source=f"{source.root} {source.rev or ''}".strip(),
        notices=(),
        stderr="",
    )


def _program(workspace: Workspace, target: TargetConfig) -> dict[str, Json]:
    """Record which program this is: the absolute path of each file in its command, and what is in it.

    A virtual environment's script can shadow the system's program, so the name alone says nothing.
    """
    command: list[str] = list(target.options.get("command", [])) or [str(target.options.get("python", "python"))]
    path = target_environment(workspace, target).get("PATH")
    files: dict[str, str] = {}
    for number, word in enumerate(command):
        word_ = word.replace("{workspace}", str(workspace.folder))
        found = shutil.which(word_, path=path) if number == 0 and "/" not in word_ else str(workspace.folder / word_)
        if found and Path(found).is_file():
            with open(found, "rb") as file:
                files[str(Path(found).resolve())] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"command": command, "files": files}
