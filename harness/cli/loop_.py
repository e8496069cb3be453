"""`harness loop`."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from harness.cli.check_ import interruptible
from harness.errors import UsageError
from harness.loop.jail import Jail, find_jail
from harness.loop.journal import Began, Journal, Resumed, Stopped, holder, lock
from harness.loop.report import as_json, markdown, text
from harness.loop.scratch import new_scratch, remove
from harness.loop.settings import Budgets, goal, seconds, settings
from harness.loop.state import State, exhausted, fold
from harness.session import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from harness.loop.line import Line
    from harness.loop.settings import Settings
    from harness.session import Workspace


@click.group()
def command() -> None:
    """Fix through the night: drive an agent against the failing cases, and keep what is better."""


def _seconds(_ctx: click.Context, _option: click.Parameter, said: str | None) -> float | None:
    return None if said is None else seconds(said)


def _budgets(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--workers", type=click.IntRange(1, 64), metavar="N", help="Agents at a time."),
        click.option("--max-attempts", type=click.IntRange(min=1), metavar="N", help="Attempts, at most."),
        click.option("--max-time", callback=_seconds, metavar="TIME", help="90s, 30m or 8h, at most."),
        click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="Tokens, in and out, at most."),
        click.option("--max-cost", type=click.FloatRange(0, min_open=True), metavar="USD", help="Dollars, at most."),
    ):
        function = option(function)
    return function


@command.command()
@click.option("--agent", metavar="NAME", help="An agent of [loop.agent]; the first one if left out.")
@click.option("--target", "target_name", metavar="NAME", help="The target to work on; the default one if left out.")
@click.option("--until", metavar="GOAL", help="Where to stop before everything passes: stage=NAME or pass=N.")
@_budgets
@click.pass_obj
def run(
    folder: Path,
    agent: str | None,
    target_name: str | None,
    until: str | None,
    max_cost: float | None,
    max_tokens: int | None,
    max_time: float | None,
    max_attempts: int | None,
    workers: int | None,
) -> int:
    """Begin a loop. It ends when everything passes, when nothing helps, or when a budget is spent.

    Budgets hold for the whole loop, restarts included; without one it has eight hours. Exit code 0 when the goal is
    reached, 1 when not.
    """
    from harness.loop import line as lines  # noqa: PLC0415 - git takes 100 ms

    workspace, chosen, found = _prepared(folder, agent)
    target = workspace.config.target(target_name).name
    wanted = goal(until, workspace)
    budgets = Budgets(max_attempts, max_time, max_tokens, max_cost).or_default()
    line, base = lines.find_line(workspace.folder)
    lines.see_clean(line)
    _see_inside(workspace, line)
    with lock(workspace.folder), closing(Journal(workspace.folder)) as journal:
        before = fold(journal.steps())
        if before.began is not None and before.stopped is None:
            raise UsageError("a loop is unfinished here; harness loop resume, or harness loop stop to give it up")
        remove(journal.folder / "loop")
        journal.add(
            Began(
                chosen.name,
                target,
                line.branch,
                base,
                new_scratch(),
                asdict(budgets),
                str(wanted),
                workers or 1,
                found.name,
            )
        )
        return _work(workspace, journal, line, chosen, found)


@command.command()
@_budgets
@click.pass_obj
def resume(
    folder: Path,
    max_cost: float | None,
    max_tokens: int | None,
    max_time: float | None,
    max_attempts: int | None,
    workers: int | None,
) -> int:
    """Go on with a loop that was killed or has stopped, with the same budgets, or with those that are named."""
    from harness.loop import line as lines  # noqa: PLC0415 - git takes 100 ms

    with lock(folder := open_workspace(folder).folder), closing(Journal(folder)) as journal:
        state = _state(journal)
        workspace, chosen, found = _prepared(folder, state.began.agent if state.began else None)
        was = state.budgets
        budgets = Budgets(
            max_attempts or was.attempts, max_time or was.seconds, max_tokens or was.tokens, max_cost or was.cost
        )
        line, _ = lines.find_line(workspace.folder)
        if state.began is not None and line.branch != state.began.branch:
            raise UsageError(
                f"{line.root}: is on {line.branch}, not where the loop works; git switch {state.began.branch}"
            )
        count = workers or (state.began.workers if state.began else 1)
        journal.add(Resumed(new_scratch(), asdict(budgets), count, found.name))
        return _work(workspace, journal, line, chosen, found)


@command.command()
@click.pass_obj
def status(folder: Path) -> int:
    """Say how far the loop is."""
    workspace = open_workspace(folder)
    with closing(Journal(workspace.folder)) as journal:
        state = _state(journal)
    pid = holder(workspace.folder)
    how = f"running (process {pid})" if pid else "stopped" if state.stopped else "killed (harness loop resume)"
    first, now = state.first.get("passed", 0), state.counts.get("passed", 0)
    click.echo(
        f"{how} · {first} -> {now} of {state.counts.get('cases', 0)} cases pass · {len(state.attempts)} attempts"
    )
    for attempt in state.open:
        started = attempt.started
        click.echo(f"  attempt {started.attempt}: {len(started.cases)} cases of {started.stage}: {started.cluster}")
    used = state.used
    spent = [f"{state.seconds / 3600:.2f} hours", *(f"{used.tokens:,} tokens" for _ in [0] if used.tokens is not None)]
    click.echo(" · ".join([*spent, *(f"{used.cost:.2f} dollars" for _ in [0] if used.cost is not None)]))
    if state.stopped or (said := exhausted(state)):
        click.echo(f"{state.stopped.reason}: {state.stopped.says}" if state.stopped else f"budget: {said}")
    return 0


@command.command()
@click.pass_obj
def stop(folder: Path) -> int:
    """End a loop in order: a running one ends its agents and stops; one that was killed is given up."""
    workspace = open_workspace(folder)
    pid = holder(workspace.folder)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        click.echo(f"process {pid} is told to stop; harness loop status says when it has")
        return 0
    with lock(workspace.folder), closing(Journal(workspace.folder)) as journal:
        state = _state(journal)
        if state.stopped is None:
            for scratch in state.scratch:
                remove(Path(scratch))
            journal.add(Stopped("stopped", "given up"))
    click.echo("no loop runs here")
    return 0


@command.command()
@click.option("--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True)
@click.pass_obj
def report(folder: Path, form: Literal["text", "markdown", "json"]) -> int:
    """Print the report of the last loop."""
    with closing(Journal(open_workspace(folder).folder)) as journal:
        said = as_json(_state(journal))
    match form:
        case "text":
            click.echo(text(said), nl=False)
        case "markdown":
            click.echo(markdown(said), nl=False)
        case "json":
            click.echo(json.dumps(said, indent=1))
    return 0


def _state(journal: Journal) -> State:
    state = fold(journal.steps())
    if state.began is None:
        raise UsageError("there is no loop here yet; harness loop run begins one")
    return state


def _prepared(folder: Path, agent: str | None) -> tuple[Workspace, Settings, Jail]:
    workspace = open_workspace(folder)
    chosen = settings(workspace, agent)
    return workspace, chosen, find_jail(chosen.sandbox)


def _see_inside(workspace: Workspace, line: Line) -> None:
    """See that a clone finds the source project's tests, as the work tree does."""
    said = (workspace.config.document.data.get("source") or {}).get("root", ".")
    if not os.path.isabs(said) and not workspace.config.root.resolve().is_relative_to(line.root):
        place = workspace.config.document.place("source", "root")
        raise UsageError(
            f"{place}: root lies outside of the repository, where no clone finds it; write it as an absolute path"
        )


def _work(workspace: Workspace, journal: Journal, line: Line, chosen: Settings, found: Jail) -> int:
    from harness.loop.night import Night  # noqa: PLC0415 - git takes 100 ms

    state = _state(journal)
    assert state.began is not None  # noqa: S101 - for the type checker
    with interruptible() as halt:
        stopped = Night(journal, line, chosen, found, goal(state.began.goal, workspace), _workers(journal), halt).work()
    click.echo(text(as_json(_state(journal))), nl=False)
    return 0 if stopped.reason == "done" else 1


def _workers(journal: Journal) -> int:
    """Return how many agents may work at a time: what was said last."""
    return next(step.workers for _, step in reversed(journal.steps()) if isinstance(step, Began | Resumed))
