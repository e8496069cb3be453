"""`harness list`."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import click

from harness.cli.check_ import chosen
from harness.digest.diff import printable
from harness.reading import Reading
from harness.session import load_skiplist, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from pathlib import Path

_STANDINGS = (
    "passed",
    "failed",
    "todo",
    "accepted",
    "unsupported",
    "flaky",
    "stale",
    "not_attempted",
    "out_of_scope",
    "-",
)


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option("--suite", "suites", multiple=True, metavar="NAME", help="Only this suite; may be repeated.")
@click.option("--stage", "stages", multiple=True, metavar="NAME", help="Only this stage; may be repeated.")
@click.option("--standing", type=click.Choice(_STANDINGS), metavar="WORD", help="Only: " + ", ".join(_STANDINGS) + ".")
@click.option(
    "--target", "target_name", metavar="NAME", help="The target whose runs count; the default one if left out."
)
@click.pass_obj
def command(
    folder: Path,
    cases: tuple[str, ...],
    suites: tuple[str, ...],
    stages: tuple[str, ...],
    standing: str | None,
    target_name: str | None,
) -> int:
    """List the cases, with their standing in the newest run that ran them (`-` where none has)."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    with closing(Store(workspace.folder)) as store:
        standings = store.standings(target.name)
    reading = Reading(workspace, target, load_skiplist(workspace, target), chosen(workspace, cases, suites, stages))
    counts: Counter[str] = Counter()
    beyond: Counter[str] = Counter()
    for entry in reading.entries():
        config, case = entry.suite.config, entry.job.case
        now = "out_of_scope" if config.out_of_scope else standings.get(case.id, "-")
        if standing in {None, now}:
            (beyond if config.out_of_scope else counts)[config.name] += 1
            reason = entry.plan.excuse.reason if entry.plan.excuse else config.out_of_scope or ""
            click.echo(printable(f"{now:13} {case.id}" + (f"  ({reason})" if reason else "")))
    for notice in reading.notices:
        click.echo(printable(f"note: {notice}"))
    held = f" + {reading.held_out} held out" if reading.held_out else ""
    words = f"{counts.total()} case{'' if counts.total() == 1 else 's'}" + _each(counts) + held
    if beyond:
        words += (
            f" + {beyond.total()} out of scope{_each(beyond)} = {counts.total() + reading.held_out + beyond.total()}"
        )
    click.echo(words)
    return 0


def _each(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{count} {name}' for name, count in counts.items())})" if counts else ""
