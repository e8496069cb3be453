"""`harness check`."""

from __future__ import annotations

import gc
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
from harness.cli import output
from harness.config import locate
from harness.digest.told import Told, compose
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

    from harness.books import Watch
    from harness.config import TargetConfig
    from harness.digest.cluster import Cluster
    from harness.events import Event
    from harness.records import StoredResult, StoredRun
    from harness.session import Workspace


def _shard(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read `2/4`."""
    number, _, of = (value or "1/1").partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise click.BadParameter("not I/N, such as 2/4")
    return (int(number), int(of)) if value is not None else None


_YOUNG = 10_000
"""So many objects are made before the first look for cycles."""


@click.command()
@click.argument("cases", nargs=-1, metavar="[ID|GLOB]...")
@click.option("--all", "everywhere", is_flag=True, help="Check every workspace in the folder and below it.")
@click.option("--suite", "suites", multiple=True, metavar="NAME", help="Only this suite; may be repeated.")
@click.option("--stage", "stages", multiple=True, metavar="NAME", help="Only this stage; may be repeated.")
@click.option("--target", "target_name", metavar="NAME", help="The target to run; the default one if left out.")
@click.option("--failed", is_flag=True, help="Only what failed when it last ran.")
@click.option("--max-fail", type=click.IntRange(min=1), metavar="N", help="Stop after N failures.")
@click.option("--workers", type=click.IntRange(1, 256), metavar="N", help="At most N worker processes.")
@click.option("--holdout", is_flag=True, help="Run what [holdout] keeps back too; only counts of it are kept.")
@click.option("--no-skips", is_flag=True, help="Put the skip list aside for this run.")
@click.option("--shard", callback=_shard, metavar="I/N", help="Only the Ith of N parts; harness runs merge joins them.")
@click.option("--isolate", is_flag=True, help="A fresh worker for every case.")
@click.option("--shuffle", type=click.IntRange(min=0), metavar="SEED", help="Run in another order.")
@click.option("--repeat", type=click.IntRange(1, 1000), default=1, metavar="N", help="Run N times; the worst counts.")
@click.option("--cluster", metavar="ID", help="Only the cases of this cluster of the last run.")
@click.option("--against", "ref", metavar="REF", help="Gate what is judged more gently than at this git revision.")
@click.option(
    "--allow", multiple=True, metavar="CASE", help="With --against: allow what changed about a case, for good."
)
@click.option("--reason", metavar="WHY", help="With --allow: why.")
@output.options
@click.pass_obj
def command(
    folder: Path,
    cases: tuple[str, ...],
    suites: tuple[str, ...],
    stages: tuple[str, ...],
    target_name: str | None,
    max_fail: int | None,
    workers: int | None,
    shard: tuple[int, int] | None,
    shuffle: int | None,
    repeat: int,
    export: Path | None,
    junit: Path | None,
    cluster: str | None,
    budget: int,
    how: output.Format,
    ref: str | None,
    allow: tuple[str, ...],
    reason: str | None,
    *,
    everywhere: bool,
    failed: bool,
    holdout: bool,
    isolate: bool,
    no_skips: bool,
) -> int:
    """Run the cases against a target and judge them.

    Exit code: 0 PASS, 1 FAIL, 2 ERROR, 3 GATE, 4 NOTHING, 5 TARGET.
    """
    if everywhere:
        from harness.cli.every import check_all  # noqa: PLC0415 - only when asked for

        return check_all(click.get_current_context(), folder)
    with output.telling_faults(how):
        workspace = open_workspace(folder)
        target = workspace.config.target(target_name)
        if workers is not None:
            target = replace(target, workers=workers)
        selection = replace(chosen(workspace, cases, suites, stages), shard=shard)
        with closing(Store(workspace.folder)) as store, base(workspace, target, ref, allow, reason) as watches:
            if failed:
                selection = replace(selection, ids=_failed(store, target.name))
            if cluster is not None:
                selection = replace(selection, ids=frozenset(last_cluster(store, target.name, cluster).members))
            if holdout:
                see_holdout(workspace, whole=selection.whole and max_fail is None)
            request = Request(
                target, selection, max_fail, not no_skips, isolate, shuffle, repeat, holdout=holdout, watches=watches
            )
            completed = run(workspace, request, store)
            tell(store, workspace, completed.run, output.Output(export, junit, how, budget))
    return strongest(completed.verdicts).exit_code


def run(workspace: Workspace, request: Request, store: Store) -> Completed:
    """Run a check to its end, and show how it goes."""
    gc.freeze()  # cases are let go as they are done; to look for cycles among them takes a twentieth of the time
    gc.set_threshold(_YOUNG)
    completed = Completed("", (Verdict.NOTHING,))
    with _reporter() as show, interruptible() as stop:
        for event in check(workspace, request, store, stop):
            show(event)
            if isinstance(event, Completed):
                completed = event
    return completed


def tell(store: Store, workspace: Workspace, name: str, wanted: output.Output) -> None:
    """Tell a stored run as it was asked for."""
    found = store.run(name)
    output.tell(store, workspace, told(store, found, typed(workspace, found.target)), wanted)


def chosen(workspace: Workspace, cases: tuple[str, ...], suites: tuple[str, ...], stages: tuple[str, ...]) -> Selection:
    """Make a selection of what was typed. Raises UsageError for a suite or stage that there is not."""
    for name in suites:
        workspace.suite(name)
    known = list(dict.fromkeys(suite.config.stage for suite in workspace.suites))
    for name in stages:
        if name not in known:
            raise UsageError(f"no stage named {name!r}{nearest(name, known)} (stages: {', '.join(known)})")
    return Selection(cases, suites, stages)


def see_holdout(workspace: Workspace, *, whole: bool) -> None:
    """See that what is held out can be run, and only all of it. Raises UsageError."""
    if workspace.config.holdout is None:
        raise UsageError('harness.toml holds nothing out; add [holdout] with `share = 0.2` and a `salt = "..."`')
    if not whole:
        raise UsageError("--holdout counts all that is held out: counts of a few would tell each; select nothing")


def told(store: Store, run: StoredRun, typed: Typed, stage: str = "") -> Told:
    """Put together what the digest of a stored run, against its baseline, is made of."""
    baseline = store.baseline(run) if run.state == "complete" and not run.selection else None
    delta = store.delta(run, baseline) if baseline else Delta()
    return compose(
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


def _reporter() -> AbstractContextManager[Callable[[Event], None]]:
    """Live progress for a person, heartbeats in CI, silence on a pipe."""
    if os.environ.get("CI"):
        return plain.heartbeat()
    if sys.stderr.isatty() and sys.stdout.isatty():
        from harness.reports.terminal import live  # noqa: PLC0415 - rich takes 40 ms

        return live()
    return plain.silent()


@contextmanager
def base(
    workspace: Workspace, target: TargetConfig, ref: str | None, allow: tuple[str, ...], reason: str | None
) -> Iterator[tuple[Watch, ...]]:
    """Find what to hold the run against, and write down what was allowed once it is over."""
    if bool(allow) != bool(reason) or (allow and ref is None):
        raise UsageError("--allow, --reason and --against go together; name the case, the reason and the revision")
    if ref is None:
        yield ()
        return
    from harness import allow as allowances  # noqa: PLC0415 - only when asked for
    from harness.against import against, event_base  # noqa: PLC0415

    with against(workspace, target, event_base(os.environ) if ref == "auto" else ref) as watch:
        watch.allow = allow
        yield (watch,)
        if reason is not None:
            if not watch.granted:
                raise UsageError(f"--allow {', '.join(allow)}: nothing about it needs to be allowed; leave it out")
            allowances.add(workspace.folder, target.name, watch.granted, reason)


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
