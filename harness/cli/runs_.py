"""`harness runs`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.session import open_workspace
from harness.store import Store


@click.command()
@click.option("--target", "target_name", help="Only runs of this target.")
@click.pass_obj
def command(folder: Path, target_name: str | None) -> int:
    """List the stored runs, newest first."""
    workspace = open_workspace(folder)
    if target_name is not None:
        workspace.config.target(target_name)
    for run in Store(workspace.folder).runs():
        if target_name in (None, run.target):
            counts = run.summary.get("standings", {})
            passed = counts.get("passed", 0) + counts.get("stale", 0)
            took = f"{run.seconds:.2f} s" if run.seconds is not None else "-"
            what = run.selection or ("whole" if run.whole else "skip list put aside")
            state = "" if run.state == "complete" else "  incomplete"
            click.echo(
                f"{run.id}  {run.started}  {run.target:12} {'+'.join(run.verdicts):8} {passed:5} pass {counts.get('failed', 0):5} failed"
                f"  {took:>9}  {what}{state}"
            )
    return 0
