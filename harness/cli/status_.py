"""`harness status`."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import click

from harness import skiplist
from harness.blame import age, since
from harness.digest.diff import printable
from harness.reports.status import Glance, render
from harness.session import load_skiplist, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.option("--target", "target_name", metavar="NAME", help="The target; the default one if left out.")
@click.pass_obj
def command(folder: Path, target_name: str | None) -> int:
    """Show the port at a glance: stages and strengths, the skip list, the last runs."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    with closing(Store(workspace.folder)) as store:
        runs = [run for run in store.runs() if run.target == target.name and run.whole and run.state == "complete"]
        counts = store.counts(runs[0]) if runs else []
    entries = list(load_skiplist(workspace, target).entries())
    now = time.time()
    times = since(workspace.folder / skiplist.NAME) if entries else {}
    known = [(then, one) for one in entries if (then := times.get(one.place.line or 0)) is not None]
    oldest = [
        (age(one.place.line, times, now), printable(one.key)) for _, one in sorted(known, key=lambda pair: pair[0])
    ]
    statuses: Counter[str] = Counter(one.status for one in entries)
    click.echo(render(Glance(target.name, runs[::-1], counts, statuses, oldest, now)), nl=False)
    return 0
