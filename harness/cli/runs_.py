"""`harness runs`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.check import Request
from harness.cli import output
from harness.cli.check_ import base, tell
from harness.cli.check_ import run as run_check
from harness.digest.diff import printable
from harness.digest.text import by_strength
from harness.model import strongest
from harness.session import open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from harness.cli.output import Format


@click.group(invoke_without_command=True)
@click.option("--target", "target_name", metavar="NAME", help="Only runs of this target.")
@click.pass_context
def command(context: click.Context, target_name: str | None) -> int:
    """List the stored runs, newest first; or make one of shards."""
    return 0 if context.invoked_subcommand else _list(context.obj, target_name)


def _list(folder: Path, target_name: str | None) -> int:
    workspace = open_workspace(folder)
    if target_name is not None:
        workspace.config.target(target_name)
    with closing(Store(workspace.folder)) as store:
        runs = [run for run in store.runs() if target_name in {None, run.target}]
    for run in runs:
        counts = run.summary.get("standings", {})
        passed = counts.get("passed", 0) + counts.get("stale", 0)
        took = f"{run.seconds:.2f} s" if run.seconds is not None else "-"
        what = printable(run.selection) or ("whole" if run.state == "complete" else "")
        how = by_strength(run.summary["achieved"]).strip()
        told = [what, how, *run.summary.get("options", ()), "" if run.state == "complete" else "incomplete"]
        click.echo(
            f"{run.id}  {run.started}  {run.target:12} {'+'.join(run.verdicts):14} "
            f"{passed:5} pass {counts.get('failed', 0):5} failed  {took:>9}  {' '.join(filter(None, told))}"
        )
    if not runs:
        click.echo("no runs yet; harness check makes one")
    return 0


@command.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--against", "ref", metavar="REF", help="Gate what is judged more gently than at this git revision.")
@output.options
@click.pass_obj
def merge(
    folder: Path,
    files: tuple[Path, ...],
    ref: str | None,
    export: Path | None,
    junit: Path | None,
    how: Format,
    budget: int,
) -> int:
    """Make one whole run of the shards of a check, each as `check --shard I/N --json FILE` has written it.

    Exit code: as of harness check; 4 when a shard is missing, 2 when one is named twice or belongs to another check.
    """
    from harness.shards import load  # noqa: PLC0415 - only to merge

    with output.telling_faults(how):
        workspace = open_workspace(folder)
        shards = load(files)
        target = workspace.config.target(shards.first("target"))
        with closing(Store(workspace.folder)) as store, base(workspace, target, ref, (), None) as watches:
            completed = run_check(workspace, Request(target, shards=shards, watches=watches), store)
            tell(store, workspace, completed.run, output.Output(export, junit, how, budget))
    return strongest(completed.verdicts).exit_code
