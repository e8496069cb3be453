"""Recording references: what the oracle says becomes what the port must say. Never silently over what is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness import build, runner
from harness.errors import Fault, InputError, UsageError
from harness.judge import describe
from harness.model import Case, ErrorReply, Job, Misfit, Outputs, Shared
from harness.patterns import compile_glob
from harness.session import make_target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config import TargetConfig
    from harness.model import Content, Observation
    from harness.runner import Stop
    from harness.session import Suite, Workspace


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of one case's reference."""

    case: str
    path: str
    how: Literal["new", "unchanged", "changed", "refused"]
    why: str = ""


def record(
    workspace: Workspace, oracle: TargetConfig, patterns: tuple[str, ...], stop: Stop, *, update: bool
) -> Iterator[Recorded]:
    """Ask the oracle for every input that fits, and write the references that are new; with `update` the changed ones too.

    Raises UsageError when a suite's format can not be written, or the oracle can not be run; InputError for bad inputs.
    """
    for argv in oracle.build:
        broken = build.run(argv, workspace.folder, oracle.environment)
        if broken is not None:
            raise UsageError(f"target {oracle.name!r}: {broken}")
    for suite in workspace.suites:
        if suite.config.out_of_scope is None and (oracle.suites is None or suite.config.name in oracle.suites):
            yield from _suite(workspace, suite, oracle, patterns, stop, update=update)


def _suite(
    workspace: Workspace, suite: Suite, oracle: TargetConfig, patterns: tuple[str, ...], stop: Stop, *, update: bool
) -> Iterator[Recorded]:
    config, reader, root = suite.config, suite.reader, workspace.config.root
    if not hasattr(reader, "write"):
        raise UsageError(
            f"suite {config.name!r}: reader {config.reader!r} can not write references; record them by hand"
        )
    shared: dict[str, Content] = {}
    for found in reader.read(config.name, root, config.options):
        if isinstance(found, Shared):
            shared = dict(found.files)
            break
    cases: list[Case] = []
    faults: list[Fault] = []
    for case in reader.inputs(config.name, root, config.options):
        match case:
            case Case():
                cases.append(case)
            case Fault():
                faults.append(case)
            case Misfit(option, says):
                faults.append(Fault(workspace.config.document.place(*config.keys, option), says))
    if faults:
        raise InputError(faults)
    wanted = [one for one in cases if not patterns or any(compile_glob(glob).fullmatch(one.id) for glob in patterns)]
    jobs = [Job(one, shared, config.limits, number) for number, one in enumerate(wanted, 1)]
    for event in runner.run(iter([(job,) for job in jobs]), make_target(workspace, oracle), oracle.workers, stop):
        match event:
            case runner.Seen(job, observed):
                yield _write(suite, workspace, job.case, observed.observation, update=update)
            case runner.Unrun(job, why):
                yield Recorded(job.case.id, "", "refused", why)
            case runner.Down(why, stderr):
                raise UsageError(f"target {oracle.name!r}: {why}\n{stderr}")
            case _:
                pass


def _write(suite: Suite, workspace: Workspace, case: Case, observation: Observation, *, update: bool) -> Recorded:
    match observation:
        case Outputs(named) if isinstance(named.get("output"), str) and len(named) == 1:
            text = str(named["output"])
        case ErrorReply() if observation.text is not None:
            text = observation.text
        case ErrorReply():
            return Recorded(case.id, "", "refused", f"the error has no `text` to record ({describe(observation)})")
        case _:
            return Recorded(case.id, "", "refused", f"not a text: {type(observation).__name__.lower()}")
    path, content = suite.reader.write(workspace.config.root, suite.config.options, case, text)
    if os.path.exists(path):
        with open(path, encoding="utf-8", newline="") as file:
            if file.read() == content:
                return Recorded(case.id, path, "unchanged")
        if not update:
            return Recorded(case.id, path, "changed", "left as it was; --update writes it")
        how: Literal["new", "changed"] = "changed"
    else:
        how = "new"
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8", newline="") as file:
        file.write(content)
    os.replace(path + ".new", path)
    return Recorded(case.id, path, how)
