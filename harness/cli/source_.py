"""`harness source`."""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING

import click

from harness import skiplist
from harness.bump import compare, follow
from harness.cli.check_ import typed
from harness.cli.skip_ import last_whole, tidy
from harness.reading import Reading, Selection
from harness.session import open_workspace
from harness.skipedit import Change, Listed, edit, read
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.bump import Moved
    from harness.records import StoredRun
    from harness.session import Workspace


@click.group()
def command() -> None:
    """Follow the source project."""


@command.command()
@click.option(
    "--target", "target_name", metavar="NAME", help="The target whose last whole run is compared; else the default one."
)
@click.option("--confirm", is_flag=True, help="Let the skip list follow; without it nothing changes.")
@click.pass_obj
def bump(folder: Path, target_name: str | None, *, confirm: bool) -> int:
    """Say which cases are new, gone, renamed or changed since the last whole run, and let the skip list follow."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    with closing(Store(workspace.folder)) as store:
        run = last_whole(store, target)
        before = store.contents(run)
    reading = Reading(workspace, target, skiplist.EMPTY, Selection())
    after = {entry.job.case.id: entry.plan.content for entry in reading.entries()}
    moved = compare(before, after)
    if before == after:
        click.echo(f"nothing has moved since run {run.id}")
        return 0
    path = workspace.folder / skiplist.NAME

    def decide(entries: tuple[Listed, ...]) -> Change:
        return follow(entries, moved, after)

    entries = read(path)
    change = edit(path, decide) if confirm else decide(entries)
    if confirm:
        tidy(workspace, change)
    for line in (*_lines(moved, entries), *_list(change), *_words(workspace, run, moved)):
        click.echo(line)
    follows = bool(change.gone or change.new)
    if confirm and not follows:
        click.echo(f"nothing to confirm: {skiplist.NAME} names none of them; it is all that this command writes")
    if follows and not confirm:
        click.echo(f"next: {typed(workspace, target.name).command('source bump --confirm')}")
    return 0


def _lines(moved: Moved, entries: tuple[Listed, ...]) -> Iterator[str]:
    listed: Mapping[str, set[str]] = defaultdict(set)
    for one in entries:
        listed[one.id].add(one.status)
    for old, new in moved.renamed.items():
        differs = f"  ({moved.changed[new]} differ)" if new in moved.changed else ""
        yield f"renamed  {old} -> {new}{differs}"
    for case, what in moved.changed.items():
        if case not in moved.renamed.values():
            again = "; accepted: look, and accept it again" if "accepted" in listed[case] else ""
            yield f"changed  {case}  ({what}{again})"
    yield from (f"new      {case}" for case in moved.new)
    yield from (f"gone     {case}" for case in moved.gone)


def _list(change: Change) -> Iterator[str]:
    yield from (f"{skiplist.NAME}: -{one.status} {one.key}" for one in change.gone)
    yield from (f"{skiplist.NAME}: +{one.status} {one.key}" for one in change.new)


def _words(workspace: Workspace, run: StoredRun, moved: Moved) -> Iterator[str]:
    same = len([case for case in moved.changed if case not in moved.renamed.values()])
    counts = {"renamed": len(moved.renamed), "changed": same, "new": len(moved.new), "gone": len(moved.gone)}
    yield ", ".join(f"{count} {how}" for how, count in counts.items() if count) + f" since run {run.id}"
    config = workspace.config
    if (moved.gone or moved.renamed) and run.source == f"{config.root} {config.rev or ''}".strip():
        place = config.document.place("source", "rev")
        yield f"note: {place}: [source] rev is the same, so `check` will miss what is gone; change it"
