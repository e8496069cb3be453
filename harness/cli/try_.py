"""`harness try`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import build, runner
from harness.errors import Place, UsageError
from harness.judge import describe, same
from harness.model import Case, ErrorReply, Job, Outputs, Shared
from harness.session import make_target, open_workspace
from harness.store import saying
from harness.wire import dumps

if TYPE_CHECKING:
    from harness.config import TargetConfig
    from harness.model import Json, Observation
    from harness.session import Suite, Workspace


def _object(_ctx: click.Context, parameter: click.Parameter, text: str) -> dict[str, Json]:
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise click.BadParameter(f"not JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise click.BadParameter(f"--{parameter.name} takes a JSON object")
    return found


@click.command()
@click.argument("text", metavar="INPUT")
@click.option("--params", callback=_object, default="{}", metavar="JSON", help="What the input is given.")
@click.option(
    "--settings", callback=_object, default="{}", metavar="JSON", help="How the implementation is configured."
)
@click.option(
    "--name", default="try.txt", show_default=True, help="The case's name; some implementations look at its suffix."
)
@click.option(
    "--suite", "suite_name", help="The suite whose shared files and limits hold; the target's last one if left out."
)
@click.option("--target", "target_name", help="The target to ask; the default one if left out.")
@click.option("--oracle", is_flag=True, help="Ask the oracle too, and say whether they agree.")
@click.pass_obj
def command(
    folder: Path,
    text: str,
    params: dict[str, Json],
    settings: dict[str, Json],
    name: str,
    suite_name: str | None,
    target_name: str | None,
    *,
    oracle: bool,
) -> int:
    """Ask a target, or the oracle, what it does on an input of yours (`-` reads it from stdin)."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    suite = workspace.suite(suite_name) if suite_name else _last_suite(workspace, target)
    case = Case(
        suite.config.name, name, sys.stdin.read() if text == "-" else text, (), Place("(typed)"), params, settings
    )
    targets = [*(one for one in workspace.config.targets if oracle and one.oracle and one is not target), target]
    if oracle and not any(one.oracle for one in targets):
        raise UsageError("no target is the oracle; add `oracle = true` to the one that runs the source project")
    shared = {}
    for found in suite.reader.read(suite.config.name, workspace.config.root, suite.config.options):
        if isinstance(found, Shared):
            shared = dict(found.files)
            break
    seen = [_ask(workspace, one, Job(case, shared, suite.config.limits, 1)) for one in targets]
    for one, observation in zip(targets, seen, strict=True):
        click.echo(f"{one.name}: {_said(observation)}")
    if len(seen) > 1:
        agree = _alike(seen[0], seen[1], suite)
        click.echo("they agree" if agree else "they differ")
        return 0 if agree else 1
    return 0


def _last_suite(workspace: Workspace, target: TargetConfig) -> Suite:
    fitting = [one for one in workspace.suites if target.suites is None or one.config.name in target.suites]
    return [one for one in fitting if one.config.out_of_scope is None][-1]


def _ask(workspace: Workspace, target: TargetConfig, job: Job) -> Observation:
    for argv in target.build:
        broken = build.run(argv, workspace.folder, target.environment)
        if broken is not None:
            raise UsageError(f"target {target.name!r}: {broken}\n" + "\n".join(broken.lines))
    stop = runner.Stop()
    events = list(runner.run(iter([(job,)]), make_target(workspace, target), 1, stop))
    stop.close()
    for event in events:
        if isinstance(event, runner.Seen):
            return event.observed.observation
        if isinstance(event, runner.Down):
            raise UsageError(f"target {target.name!r}: {event.why}\n{event.stderr}")
    raise UsageError(f"target {target.name!r} was not asked")


def _said(observation: Observation) -> str:
    match observation:
        case Outputs(named) if list(named) == ["output"] and isinstance(named["output"], str):
            return f"output\n{named['output']}"
        case ErrorReply():
            return f"error {describe(observation)}" + (f"\n{observation.text}" if observation.text else "")
        case _:
            return dumps(saying(observation))


def _alike(one: Observation, other: Observation, suite: Suite) -> bool:
    match one, other:
        case Outputs(mine), Outputs(theirs):
            texts = mine.get("output"), theirs.get("output")
            if isinstance(texts[0], str) and texts[1] is not None:
                return same(texts[0], texts[1], suite.reader.canonical)
            return mine == theirs
        case ErrorReply(mine_), ErrorReply(theirs_):
            return mine_.get("kind") == theirs_.get("kind")
        case _:
            return one == other
