"""`harness check`."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.check import Request, check
from harness.digest.text import render
from harness.errors import UsageError
from harness.events import Completed
from harness.model import Verdict, strongest
from harness.records import Delta
from harness.reading import Selection
from harness.reports import plain
from harness.runner import Stop
from harness.session import open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from harness.events import Event
    from harness.records import StoredRun


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option("--suite", "suites", multiple=True, help="Only this suite; may be repeated.")
@click.option("--stage", "stages", multiple=True, help="Only this stage; may be repeated.")
@click.option("--target", "target_name", help="The target to run; the default one if left out.")
@click.option("--failed", is_flag=True, help="Only what failed in the last run of this target.")
@click.option("--max-fail", type=click.IntRange(min=1), metavar="N", help="Stop after N failures.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="At most N worker processes.")
@click.option("--no-skips", is_flag=True, help="Put the skip list aside for this run.")
@click.option(
    "--json",
    "export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the run as JSON too.",
)
@click.pass_obj
def command(
    folder: Path,
    cases: tuple[str, ...],
    suites: tuple[str, ...],
    stages: tuple[str, ...],
    target_name: str | None,
    failed: bool,  # noqa: FBT001 - click passes options by name
    max_fail: int | None,
    workers: int | None,
    no_skips: bool,  # noqa: FBT001
    export: Path | None,
) -> int:
    """Run the cases against a target and judge them.

    Exit code: 0 PASS, 1 FAIL, 2 ERROR, 3 GATE, 4 NOTHING, 5 TARGET.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    if workers is not None:
        target = replace(target, workers=workers)
    for name in suites:
        workspace.suite(name)
    known = [suite.config.stage for suite in workspace.suites]
    for name in stages:
        if name not in known:
            raise UsageError(f"no stage named {name!r} (stages: {', '.join(dict.fromkeys(known))})")
    store = Store(workspace.folder)
    selection = Selection(cases, suites, stages, _failed(store, target.name) if failed else None)
    request = Request(target, selection, max_fail, skips=not no_skips)
    name = ""
    with _reporter() as show, interruptible() as stop:
        for event in check(workspace, request, store, stop):
            show(event)
            if isinstance(event, Completed):
                name = event.run
    run = store.run(name)
    print_digest(digest_of(store, run))
    if export is not None:
        from harness.reports.export import write  # noqa: PLC0415 - only when asked for

        write(export, run, store.results(run))
    store.close()
    return strongest([Verdict(word) for word in run.verdicts]).exit_code


def digest_of(store: Store, run: StoredRun) -> str:
    """Render the digest of a stored run against its baseline."""
    baseline = store.baseline(run) if run.whole and run.state == "complete" else None
    delta = store.delta(run, baseline) if baseline else Delta()
    return render(run, store.results(run, "failed"), store.results(run, "stale"), delta)


def _failed(store: Store, target: str) -> frozenset[str]:
    last = store.last_run(target)
    if last is None:
        raise UsageError(f"there is no run of {target!r} yet; run harness check without --failed")
    ids = frozenset(case for case, standing in store.standings(last).items() if standing == "failed")
    if not ids:
        raise UsageError(
            f"nothing failed in the last run of {target!r} ({last.id}); run harness check without --failed"
        )
    return ids


def print_digest(digest: str) -> None:
    """Print it: in colour for a person, as it is for everybody else."""
    if sys.stdout.isatty():
        from harness.reports.terminal import paint  # noqa: PLC0415 - rich takes 40 ms

        paint(digest)
    else:
        click.echo(digest, nl=False)


def _reporter() -> AbstractContextManager[Callable[[Event], None]]:
    """Live progress for a person, heartbeats in CI, silence on a pipe."""
    if os.environ.get("CI"):
        return plain.heartbeat()
    if sys.stderr.isatty() and sys.stdout.isatty():
        from harness.reports.terminal import live  # noqa: PLC0415 - rich takes 40 ms

        return live()
    return plain.silent()


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Let the first Ctrl-C (or SIGTERM) end the run in order, with its results stored; a second one ends it at once."""
    stop = Stop()

    def ask(_signal: int, _frame: object) -> None:
        if stop.reason:
            raise KeyboardInterrupt
        stop.request("interrupted")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
