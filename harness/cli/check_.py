"""`harness check`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.check import Request, check
from harness.cli import hush
from harness.config import locate
from harness.digest.text import BUDGET, render
from harness.digest.told import Told, tell
from harness.errors import UsageError
from harness.events import Completed
from harness.model import Verdict, strongest
from harness.reading import Selection
from harness.records import Delta, Typed
from harness.reports import plain
from harness.runner import Stop
from harness.session import open_workspace
from harness.store import Store
from harness.toml import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from harness.digest.cluster import Cluster
    from harness.events import Event
    from harness.records import StoredResult, StoredRun
    from harness.session import Workspace


_AGENTS = ("NO_COLOR", "AI_AGENT", "CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI")

budget_option = click.option(
    "--budget", type=click.IntRange(min=0), default=BUDGET, metavar="N", help="At most N tokens; 0 is everything."
)
format_option = click.option(
    "--format",
    "how",
    type=click.Choice(["auto", "text", "rich", "json"]),
    default="auto",
    help="How the digest is told.",
)


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option("--suite", "suites", multiple=True, metavar="NAME", help="Only this suite; may be repeated.")
@click.option("--stage", "stages", multiple=True, metavar="NAME", help="Only this stage; may be repeated.")
@click.option("--target", "target_name", metavar="NAME", help="The target to run; the default one if left out.")
@click.option("--failed", is_flag=True, help="Only what failed when it last ran.")
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
@click.option("--cluster", metavar="ID", help="Only the cases of this cluster of the last run.")
@budget_option
@format_option
@click.pass_obj
def command(
    folder: Path,
    cases: tuple[str, ...],
    suites: tuple[str, ...],
    stages: tuple[str, ...],
    target_name: str | None,
    max_fail: int | None,
    workers: int | None,
    export: Path | None,
    cluster: str | None,
    budget: int,
    how: str,
    *,
    failed: bool,
    no_skips: bool,
) -> int:
    """Run the cases against a target and judge them.

    Exit code: 0 PASS, 1 FAIL, 2 ERROR, 3 GATE, 4 NOTHING, 5 TARGET.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    if workers is not None:
        target = replace(target, workers=workers)
    with closing(Store(workspace.folder)) as store:
        selection = chosen(workspace, cases, suites, stages)
        if failed:
            selection = replace(selection, ids=_failed(store, target.name))
        if cluster is not None:
            selection = replace(selection, ids=frozenset(last_cluster(store, target.name, cluster).members))
        completed = Completed("", (Verdict.NOTHING,))
        with _reporter() as show, interruptible() as stop:
            for event in check(workspace, Request(target, selection, max_fail, skips=not no_skips), store, stop):
                show(event)
                if isinstance(event, Completed):
                    completed = event
        run = store.run(completed.run)
        print_digest(told(store, run, typed(workspace, run.target)), budget, how)
        if export is not None:
            from harness.reports.export import write  # noqa: PLC0415 - only when asked for

            try:
                write(export, run, store.results(run))
            except OSError as problem:
                raise UsageError(
                    f"--json {export}: can not be written ({problem.strerror}); name another file"
                ) from problem
    return strongest(completed.verdicts).exit_code


def chosen(workspace: Workspace, cases: tuple[str, ...], suites: tuple[str, ...], stages: tuple[str, ...]) -> Selection:
    """Make a selection of what was typed. Raises UsageError for a suite or stage that there is not."""
    for name in suites:
        workspace.suite(name)
    known = list(dict.fromkeys(suite.config.stage for suite in workspace.suites))
    for name in stages:
        if name not in known:
            raise UsageError(f"no stage named {name!r}{nearest(name, known)} (stages: {', '.join(known)})")
    return Selection(cases, suites, stages)


def told(store: Store, run: StoredRun, typed: Typed, stage: str = "") -> Told:
    """Put together what the digest of a stored run, against its baseline, is made of."""
    baseline = store.baseline(run) if run.state == "complete" and not run.selection else None
    delta = store.delta(run, baseline) if baseline else Delta()
    return tell(
        run, delta, _clusters(store, run), [*store.results(run, "stale")], typed, partial(_look, store, run), stage
    )


def _clusters(store: Store, run: StoredRun) -> list[Cluster]:
    if run.seconds is not None and not run.summary["standings"].get("failed"):
        return []
    from harness.digest.cluster import clusters  # noqa: PLC0415 - 15 ms, and only where something fails

    return clusters(store.results(run, "failed"), store.passing(run))


def _look(store: Store, run: StoredRun, case: str) -> StoredResult:
    found = store.result(run, case)
    assert found is not None, case  # noqa: S101 - it is of this run
    return found


def typed(workspace: Workspace, target: str) -> Typed:
    """Say how commands about this target have to be typed from the working folder."""
    try:
        here = locate(Path.cwd()).parent == workspace.folder
    except UsageError:
        here = False
    default = workspace.config.target(None).name
    where = "" if here else f" -C {shlex.quote(os.path.relpath(workspace.folder))}"
    return Typed(where, "" if target == default else f" --target {target}")


def last_cluster(store: Store, target: str, name: str) -> Cluster:
    """Find a cluster of the newest run of a target that has it. Raises UsageError."""
    for run in store.runs():
        if run.target == target:
            for cluster in _clusters(store, run):
                if cluster.id == name:
                    return cluster
            break
    raise UsageError(f"no cluster {name!r} in the last run of {target!r} (harness digest lists them)")


def _failed(store: Store, target: str) -> frozenset[str]:
    standings = store.standings(target)
    ids = frozenset(case for case, standing in standings.items() if standing == "failed")
    if not ids:
        why = f"nothing failed when {target!r} last ran" if standings else f"there is no run of {target!r} yet"
        raise UsageError(f"{why}; run harness check without --failed")
    return ids


def print_digest(digest: Told, budget: int, how: str) -> None:
    """Print it, in colour for a person. A reader that has read enough does not change the verdict."""
    if how == "json":
        from harness.digest.twin import twin  # noqa: PLC0415 - only when asked for

        text = twin(digest)
    else:
        text = render(digest, budget)
    if how == "rich" or (how == "auto" and sys.stdout.isatty() and not _is_agent()):
        from harness.reports.terminal import paint  # noqa: PLC0415 - rich takes 40 ms

        paint(text)
        return
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        hush()


def _is_agent() -> bool:
    """Whether a program reads the terminal, or a person who wants no colour."""
    return any(os.environ.get(name) for name in _AGENTS) or any(name.startswith("CODEX_") for name in os.environ)


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
    """Let the first Ctrl-C, SIGTERM or closed terminal end the run in order, its results stored; a second ends it."""
    stop = Stop()

    def ask(_signal: int, _frame: object) -> None:
        if stop.reason:
            raise KeyboardInterrupt
        stop.request("interrupted")

    heard = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # under nohup it is ignored
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
