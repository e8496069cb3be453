"""`harness runs`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from harness.digest.text import by_strength
from harness.session import open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--target", "target_name", metavar="NAME", help="Only runs of this target.")
@click.pass_obj
def command(folder: Path, target_name: str | None) -> int:
    """List the stored runs, newest first."""
    workspace = open_workspace(folder)
    if target_name is not None:
        workspace.config.target(target_name)
    with closing(Store(workspace.folder)) as store:
        runs = [run for run in store.runs() if target_name in {None, run.target}]
    for run in runs:
        counts = run.summary.get("standings", {})
        passed = counts.get("passed", 0) + counts.get("stale", 0)
        took = f"{run.seconds:.2f} s" if run.seconds is not None else "-"
        what = run.selection or ("whole" if run.state == "complete" else "")
        how = by_strength(run.summary["achieved"]).strip()
        state = "" if run.state == "complete" else "incomplete"
        rest = " ".join(filter(None, [what, how, state]))
        click.echo(
            f"{run.id}  {run.started}  {run.target:12} {'+'.join(run.verdicts):14} "
            f"{passed:5} pass {counts.get('failed', 0):5} failed  {took:>9}  {rest}"
        )
    if not runs:
        click.echo("no runs yet; harness check makes one")
    return 0
