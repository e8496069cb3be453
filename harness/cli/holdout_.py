"""`harness holdout`."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from harness.check import Request, check
from harness.cli.check_ import interruptible, see_holdout, told, typed
from harness.cli.output import print_digest
from harness.digest.diff import printable, shorten
from harness.digest.text import BUDGET
from harness.errors import UsageError
from harness.events import Completed, Withheld
from harness.model import Passed, Verdict
from harness.session import open_workspace
from harness.store import FOLDER, Store

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Result
    from harness.session import Workspace

_WIDTH = 150


@click.group()
def command() -> None:
    """Look at the cases that [holdout] keeps back."""


@command.command()
@click.option("--target", "target_name", metavar="NAME", help="The target to run; the default one if left out.")
@click.pass_obj
def release(folder: Path, target_name: str | None) -> int:
    """Run everything, and name the held-out cases that fail, for a person at the end of the work. Nothing is stored.

    Refused while a visible case fails or is `todo`. What was shown is spent: choose another salt then.

    Exit code: 0 when every held-out case passes, 1 when one does not, 3 refused; else as of harness check.
    """
    if not sys.stdin.isatty():
        raise UsageError("harness holdout release is for a person; type it at a terminal")
    workspace = _ungated(open_workspace(folder))
    see_holdout(workspace, whole=True)
    target = workspace.config.target(target_name)
    failing: list[Result] = []
    completed = Completed("", (Verdict.NOTHING,))
    with closing(Store(workspace.folder)) as store:
        with interruptible() as stop:
            for event in check(workspace, Request(target, holdout=True), store, stop):
                match event:
                    case Withheld(result) if not isinstance(result.outcome, Passed):
                        failing.append(result)
                    case Completed():
                        completed = event
                    case _:
                        pass
        run = store.run(completed.run)
        print_digest(told(store, run, typed(workspace, target.name)), BUDGET, "auto")
    todo = run.summary["standings"].get("todo", 0)
    if completed.verdicts != (Verdict.PASS,) or todo:
        why = f"{todo} visible cases are todo" if todo else "the visible cases are not green"
        click.echo(f"refused: {why}; mend these first, since what is shown is spent")
        return completed.verdicts[0].exit_code or Verdict.GATE.exit_code
    for result in failing:
        why = "" if isinstance(result.outcome, Passed) else result.outcome.why
        case = result.job.case
        click.echo(f"{result.outcome.word:11} {case.id}  {shorten(printable(why), _WIDTH)}  ({case.place})")
    if failing:
        where = workspace.config.document.place("holdout", "salt")
        click.echo(
            f"next: another salt in {where}, since these are no secret any more, and {FOLDER} away; harness check"
        )
    return int(bool(failing))


def _ungated(workspace: Workspace) -> Workspace:
    """Put `max_gap` aside: a gap that is too wide is why a person looks."""
    config = workspace.config
    return replace(workspace, config=replace(config, holdout=config.holdout and replace(config.holdout, max_gap=None)))
