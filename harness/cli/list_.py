"""`harness list`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from harness.reading import Reading, Selection
from harness.session import load_skiplist, open_workspace
from harness.store import Store


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option("--suite", "suites", multiple=True, help="Only this suite; may be repeated.")
@click.option("--stage", "stages", multiple=True, help="Only this stage; may be repeated.")
@click.option("--standing", help="Only what stands so in the last run: passed, failed, todo, stale, ...")
@click.option("--target", "target_name", help="The target whose run it is; the default one if left out.")
@click.pass_obj
def command(
    folder: Path,
    cases: tuple[str, ...],
    suites: tuple[str, ...],
    stages: tuple[str, ...],
    standing: str | None,
    target_name: str | None,
) -> int:
    """List the cases, with their standing in the last run (`-` where none has run them)."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    for name in suites:
        workspace.suite(name)
    store = Store(workspace.folder)
    last = store.last_run(target.name)
    standings = store.standings(last) if last else {}
    reading = Reading(workspace, target, load_skiplist(workspace, target), Selection(cases, suites, stages))
    counts: Counter[str] = Counter()
    beyond: Counter[str] = Counter()
    for entry in reading.entries():
        config, case = entry.suite.config, entry.job.case
        (beyond if config.out_of_scope else counts)[config.name] += 1
        now = "out_of_scope" if config.out_of_scope else standings.get(case.id, "-")
        if standing is None or standing == now:
            reason = entry.plan.excuse.reason if entry.plan.excuse else config.out_of_scope or ""
            click.echo(f"{now:13} {case.id}" + (f"  ({reason})" if reason else ""))
    for notice in reading.notices:
        click.echo(f"note: {notice}")
    words = f"{counts.total()} cases ({', '.join(f'{count} {name}' for name, count in counts.items())})"
    if beyond:
        words += f" + {beyond.total()} out of scope ({', '.join(beyond)}) = {counts.total() + beyond.total()}"
    click.echo(words)
    return 0
