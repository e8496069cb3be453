"""Asking a target outside of a run, and recording references: what the oracle says becomes what the port must say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness import build, runner, toml
from harness.errors import Fault, InputError, TargetError, UsageError
from harness.gates.holdout import held_out
from harness.judge import describe
from harness.model import Case, ErrorReply, Job, Misfit, Outputs, Shared
from harness.patterns import is_glob
from harness.reading import Selection
from harness.session import make_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.config import TargetConfig
    from harness.model import Content, Observation
    from harness.runner import Stop
    from harness.session import Suite, Workspace


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one case's reference."""

    case: str
    how: Literal["new", "unchanged", "changed", "refused"]
    why: str = ""


def prepare(workspace: Workspace, target: TargetConfig, stop: Stop) -> None:
    """Build a target. Raises TargetError."""
    for argv in target.build:
        broken = build.run(argv, workspace.folder, target.environment, stop.pipe[0])
        if broken is not None and not stop.reason:
            raise TargetError("\n".join((f"{target.name}: the build failed: {broken}", *broken.lines)))


def ask(
    workspace: Workspace,
    target: TargetConfig,
    groups: Iterable[tuple[Job, ...]],
    stop: Stop,
    *,
    isolate: bool = False,
) -> Iterator[runner.Seen | runner.Muttered]:
    """Put groups of jobs to a target that is built; ends early when `stop` says so. Raises TargetError."""
    made = make_target(workspace, target)
    for event in runner.run(iter(groups), made, target.workers, stop, isolate=isolate):
        match event:
            case runner.Seen() | runner.Muttered():
                yield event
            case runner.Down(why, stderr):
                raise TargetError(f"{target.name}: {why}\n{stderr}".rstrip())
            case runner.Unrun() | runner.CameUp() | runner.Oddity():
                pass


def shared_files(workspace: Workspace, suite: Suite) -> Mapping[str, Content]:
    """Read what the cases of a suite share. Raises InputError."""
    for found in suite.reader.read(suite.config.name, workspace.config.root, suite.config.options):
        match found:
            case Shared(files):
                return files
            case Case():
                break
            case Fault():
                raise InputError([found])
            case _:
                pass
    return {}


def record(
    workspace: Workspace, oracle: TargetConfig, patterns: tuple[str, ...], stop: Stop, *, update: bool
) -> Iterator[Recorded]:
    """Ask the oracle for every input that fits, and write the references that are new; with `update` the others too.

    Raises UsageError when a format can not be written or a pattern fits nothing, InputError for bad inputs, and
    TargetError.
    """
    suites: list[Suite] = []
    jobs: list[Job] = []
    for suite, case, shared in _inputs(workspace, oracle, Selection(patterns)):
        jobs.append(Job(case, shared, suite.config.limits, len(jobs)))
        suites.append(suite)
    prepare(workspace, oracle, stop)
    for event in ask(workspace, oracle, [(job,) for job in jobs], stop):
        if isinstance(event, runner.Seen):
            yield _write(workspace, suites[event.job.number], event.job.case, event.observed.observation, update=update)


def _inputs(
    workspace: Workspace, oracle: TargetConfig, selection: Selection
) -> Iterator[tuple[Suite, Case, Mapping[str, Content]]]:
    """Read every input that is wanted; raises, when all are read, for all that is wrong with them.

    Only the oracle is asked for what is held out: what a port says to it would come back as `changed`.
    """
    holdout = workspace.config.holdout
    faults: list[Fault] = []
    seen: set[str] = set()
    matched: set[str] = set()
    for suite in _suites(workspace, oracle, selection):
        config = suite.config
        shared = shared_files(workspace, suite)
        for found in suite.reader.inputs(config.name, workspace.config.root, config.options):
            match found:
                case Case():
                    seen.add(found.id)
                    matched |= selection.naming(found)
                    told = oracle.oracle or holdout is None or not held_out(found, holdout)
                    if told and (selection.whole or selection.naming(found)):
                        yield suite, found, shared
                case Fault():
                    faults.append(found)
                case Misfit(option, says):
                    faults.append(Fault(workspace.config.document.place(*config.keys, option), says))
                case _:
                    pass
    if faults:
        raise InputError(faults)
    for pattern in selection.patterns:
        if pattern not in matched:
            raise UsageError(f"no input {pattern!r}{' fits' if is_glob(pattern) else toml.nearest(pattern, seen)}")


def _suites(workspace: Workspace, oracle: TargetConfig, selection: Selection) -> Iterator[Suite]:
    for suite in workspace.suites:
        config = suite.config
        taken = config.out_of_scope is None and (oracle.suites is None or config.name in oracle.suites)
        if not taken or not selection.reaches(suite, workspace.suites):
            continue
        if not hasattr(suite.reader, "write"):
            raise UsageError(
                f"suite {config.name!r}: reader {config.reader!r} can not write references; record them by hand"
            )
        yield suite


def _write(workspace: Workspace, suite: Suite, case: Case, observation: Observation, *, update: bool) -> Recorded:
    match observation:
        case Outputs({"output": str(said), **others}) if not others:
            text = said
        case ErrorReply() if observation.text is not None:
            text = observation.text
        case ErrorReply():
            return Recorded(case.id, "refused", f"the error has no `text` to record ({describe(observation)})")
        case _:
            return Recorded(case.id, "refused", f"not a text: {type(observation).__name__.lower()}")
    path, content = suite.reader.write(workspace.config.root, suite.config.options, case, text)
    try:
        data = content.encode()
    except UnicodeEncodeError as problem:
        return Recorded(case.id, "refused", f"not a text: {problem.reason}")
    how: Literal["new", "changed"] = "new"
    if os.path.exists(path):
        with open(path, "rb") as file:
            if file.read() == data:
                return Recorded(case.id, "unchanged")
        if not update:
            return Recorded(case.id, "changed", "left as it was; --update writes it")
        how = "changed"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)
    return Recorded(case.id, how)
