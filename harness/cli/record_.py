"""`harness record`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from harness.cli.check_ import interruptible
from harness.errors import UsageError
from harness.model import Verdict
from harness.record import record
from harness.session import open_workspace

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option(
    "--oracle",
    "oracle_name",
    metavar="NAME",
    help="The target that runs the source project; the one with `oracle = true` if left out.",
)
@click.option("--update", is_flag=True, help="Write changed references too; without it they are only listed.")
@click.pass_obj
def command(folder: Path, cases: tuple[str, ...], oracle_name: str | None, *, update: bool) -> int:
    """Record references from the oracle: those that are missing, and with --update those that have changed.

    Exit code: 0 when every reference is what the oracle says, 1 when one is not, 4 interrupted, 5 the oracle is down.
    """
    workspace = open_workspace(folder)
    oracles = [target for target in workspace.config.targets if target.oracle]
    if oracle_name is None and not oracles:
        raise UsageError("no target is the oracle; add `oracle = true` to the one that runs the source project")
    oracle = workspace.config.target(oracle_name) if oracle_name else oracles[0]
    with interruptible() as stop:
        recorded = sorted(record(workspace, oracle, cases, stop, update=update), key=lambda one: one.case)
    for one in recorded:
        if one.how != "unchanged":
            click.echo(f"{one.how:9} {one.case}" + (f"  ({one.why})" if one.why else ""))
    counts = Counter(one.how for one in recorded)
    click.echo(", ".join(f"{count} {how}" for how, count in counts.items()) or "nothing to record")
    if stop.reason:
        click.echo(f"{stop.reason}: the other references are as they were")
        return Verdict.NOTHING.exit_code
    return int(counts["refused"] > 0 or (counts["changed"] > 0 and not update))
