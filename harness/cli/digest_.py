"""`harness digest`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.check_ import told, typed
from harness.cli.output import Format, budget_option, format_option, print_digest
from harness.digest.item import page
from harness.errors import UsageError
from harness.session import open_workspace
from harness.store import Store
from harness.toml import nearest

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--cluster", metavar="ID", help="One cluster, with all of its cases.")
@click.option("--stage", default="", metavar="NAME", help="The clusters of this stage, not of the first that is red.")
@budget_option
@format_option
@click.pass_obj
def command(folder: Path, run_id: str | None, cluster: str | None, stage: str, budget: int, how: Format) -> int:
    """Print the digest of a stored run again; the last one if none is named."""
    workspace = open_workspace(folder)
    store = Store(workspace.folder)
    run = store.run(run_id) if run_id else store.last_run()
    if run is None:
        raise UsageError("there is no run yet; harness check makes one")
    stages = [name for name, _, _ in run.summary["stages"]]
    if stage and stage not in stages:
        raise UsageError(f"no stage {stage!r} in run {run.id}{nearest(stage, stages)} (stages: {', '.join(stages)})")
    digest = told(store, run, typed(workspace, run.target), stage)
    if cluster is None:
        print_digest(digest, budget, how)
        return 0
    for one in digest.clusters:
        if one.id == cluster:
            click.echo(page(digest, one), nl=False)
            return 0
    raise UsageError(f"no cluster {cluster!r} in run {run.id} (harness digest {run.id} --budget 0 lists all)")
