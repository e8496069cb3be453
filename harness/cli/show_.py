"""`harness show`."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import click

from harness.cli.check_ import told, typed
from harness.digest.case import Page, render
from harness.judge import judge
from harness.model import Passed
from harness.reading import find
from harness.session import open_workspace
from harness.skiplist import EMPTY
from harness.store import Store
from harness.wire import content_out, said, saying

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Check, Json
    from harness.reading import Entry
    from harness.records import StoredResult, Typed
    from harness.session import Workspace


_CLUSTER = re.compile(r"[0-9a-f]{4,32}")


@click.command()
@click.argument("case", metavar="CASE")
@click.option(
    "--target", "target_name", metavar="NAME", help="The target whose run it is; the default one if left out."
)
@click.option("--run", "run_id", metavar="RUN", help="A stored run; the last one of the target if left out.")
@click.option("--full", is_flag=True, help="Cut nothing.")
@click.pass_obj
def command(folder: Path, case: str, target_name: str | None, run_id: str | None, *, full: bool) -> int:
    """Show one case: input, want, got, why, and where its files are; or the cases of a cluster."""
    workspace = open_workspace(folder)
    store = Store(workspace.folder)
    target = workspace.config.target(store.run(run_id).target if run_id else target_name)
    if _CLUSTER.fullmatch(case) and _shown(store, typed(workspace, target.name), target.name, run_id, case):
        return 0
    entry = find(workspace, target, case)
    run = store.run(run_id) if run_id else store.last_run(target.name, entry.job.case.id)
    result = store.result(run, entry.job.case.id) if run else None
    excuse = entry.plan.excuse
    kept_out = f"{excuse.status}: {excuse.reason}" if excuse is not None and not excuse.run else ""
    aside = run is not None and "--no-skips" in run.selection
    judged = find(workspace, target, entry.job.case.id, EMPTY) if aside else entry
    stale = result is not None and result.plan is not None and result.plan != judged.plan.hash
    how = typed(workspace, target.name)
    forgiven = _forgiven(judged, result) if result is not None and not stale else ()
    detail = _detail(workspace, entry)
    page = Page(entry.job.case.id, detail, _place(entry), run, result, stale, how, kept_out, forgiven)
    click.echo(render(page, full=full), nl=False)
    return 0


def _forgiven(entry: Entry, result: StoredResult) -> tuple[str, ...]:
    """Judge a pass that was not exact again, to see what it needed."""
    if result.outcome != "passed" or not result.reply:
        return ()
    ((kind, value),) = result.reply.items()
    outcome = judge(entry.plan, said(kind, value))
    return tuple(f"{name}, by {rule}" for rule, name in outcome.used) if isinstance(outcome, Passed) else ()


def _shown(store: Store, how: Typed, target: str, run_id: str | None, name: str) -> bool:
    """Show a cluster, if the run has one of that name."""
    run = store.run(run_id) if run_id else store.last_run(target)
    digest = told(store, run, how) if run is not None else None
    for cluster in digest.clusters if digest is not None else ():
        if digest is not None and cluster.id == name:
            from harness.digest.item import page  # noqa: PLC0415 - only for a cluster

            click.echo(page(digest, cluster), nl=False)
            return True
    return False


def _place(entry: Entry) -> str:
    place = entry.job.case.place
    return f"{os.path.relpath(place.path)}:{place.line or 1}"


def _rule(workspace: Workspace, entry: Entry, check: Check) -> str:
    """Name a rule with its line in the config; the last one of every suite has none."""
    rules = entry.suite.config.rules
    number = entry.suite.rules.index(check.rule)
    if number == len(rules):
        return check.rule.label
    return f"{check.rule.label}, {workspace.config.document.place(*rules[number].keys)}"


def _detail(workspace: Workspace, entry: Entry) -> dict[str, Json]:
    """The case as it lies on disk now."""
    case, excuse = entry.job.case, entry.plan.excuse
    known = excuse.reply if excuse is not None else None
    return {
        **({} if known is None else {"accepted": saying(known)}),
        "input": content_out(case.input or ""),
        "params": json.loads(json.dumps(case.params, default=str)),
        "settings": json.loads(json.dumps(case.settings, default=str)),
        "references": [
            {
                "name": check.reference.name,
                "contents": [content_out(content) for content in check.reference.contents],
                "place": f"{os.path.relpath(check.reference.place.path)}:{check.reference.place.line or 1}",
                "rule": _rule(workspace, entry, check),
            }
            for check in entry.plan.checks
        ],
    }
