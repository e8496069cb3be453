"""`harness brief`."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from harness.errors import UsageError
from harness.loop import judge
from harness.loop.brief import brief
from harness.loop.journal import Journal
from harness.loop.settings import settings
from harness.loop.state import choose, fold
from harness.session import open_workspace
from harness.store import Store


@click.command()
@click.option("--target", "target_name", metavar="NAME", help="The target to work on; the default one if left out.")
@click.pass_obj
def command(folder: Path, target_name: str | None) -> int:
    """Print the brief for the next attempt, to hand it to any agent; inside an attempt, that of the attempt.

    It is made of the loop that is under way here, or of the last whole run where there is none.
    """
    state_folder = os.environ.get("HARNESS_LOOP_STATE")
    if state_folder:
        click.echo(Path(state_folder, "brief.md").read_text(encoding="utf-8"), nl=False)
        return 0
    workspace = open_workspace(folder)
    globs = settings(workspace, None).globs
    with closing(Journal(workspace.folder)) as journal:
        state = fold(journal.steps())
    if state.run and Path(state.run).exists():
        checked = judge.load(Path(state.run))
    else:
        with closing(Store(workspace.folder)) as store:
            run = store.last_whole(workspace.config.target(target_name).name)
            if run is None:
                raise UsageError("there is no whole run yet; harness check makes one")
            checked = judge.Checked(run.verdicts, run.summary, {one.id: one for one in store.results(run)})
    cluster = choose(checked.results.values(), [stage for stage, _, _ in checked.summary["stages"]], state)
    if cluster is None:
        click.echo("nothing is left to try: every case passes, is accepted, parked or blocked")
        return 0
    click.echo(brief(globs, cluster, checked.counts(), state.notes(cluster.cases)), nl=False)
    return 0
