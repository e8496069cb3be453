"""`harness record`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from harness.cli.check_ import interruptible
from harness.errors import UsageError
from harness.record import record
from harness.session import open_workspace


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option(
    "--oracle", "oracle_name", help="The target that runs the source project; the one with `oracle = true` if left out."
)
@click.option("--update", is_flag=True, help="Write changed references too; without it they are only listed.")
@click.pass_obj
def command(folder: Path, cases: tuple[str, ...], oracle_name: str | None, *, update: bool) -> int:
    """Record references from the oracle. Exit code 1 when a reference differs from what the oracle says now."""
    workspace = open_workspace(folder)
    oracles = [target for target in workspace.config.targets if target.oracle]
    if oracle_name is None and not oracles:
        raise UsageError("no target is the oracle; add `oracle = true` to the one that runs the source project")
    oracle = workspace.config.target(oracle_name) if oracle_name else oracles[0]
    counts: Counter[str] = Counter()
    with interruptible() as stop:
        for recorded in record(workspace, oracle, cases, stop, update=update):
            counts[recorded.how] += 1
            if recorded.how != "unchanged":
                click.echo(f"{recorded.how:9} {recorded.case}" + (f"  ({recorded.why})" if recorded.why else ""))
    click.echo(", ".join(f"{count} {how}" for how, count in counts.items()) or "nothing to record")
    return int(counts["refused"] > 0 or (counts["changed"] > 0 and not update))
