"""`harness show`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from harness.cli.check_ import typed
from harness.digest.case import Page, render
from harness.reading import find
from harness.session import open_workspace
from harness.skiplist import EMPTY
from harness.store import Store
from harness.wire import content_out, saying

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Json
    from harness.reading import Entry


@click.command()
@click.argument("case", metavar="CASE")
@click.option(
    "--target", "target_name", metavar="NAME", help="The target whose run it is; the default one if left out."
)
@click.option("--run", "run_id", metavar="RUN", help="A stored run; the last one of the target if left out.")
@click.option("--full", is_flag=True, help="Cut nothing.")
@click.pass_obj
def command(folder: Path, case: str, target_name: str | None, run_id: str | None, *, full: bool) -> int:
    """Show one case: input, want, got, why, and where its files are."""
    workspace = open_workspace(folder)
    store = Store(workspace.folder)
    target = workspace.config.target(store.run(run_id).target if run_id else target_name)
    entry = find(workspace, target, case)
    run = store.run(run_id) if run_id else store.last_run(target.name, entry.job.case.id)
    result = store.result(run, entry.job.case.id) if run else None
    excuse = entry.plan.excuse
    kept_out = f"{excuse.status}: {excuse.reason}" if excuse is not None and not excuse.run else ""
    aside = run is not None and "--no-skips" in run.selection
    judged = find(workspace, target, entry.job.case.id, EMPTY) if aside else entry
    stale = result is not None and result.plan is not None and result.plan != judged.plan.hash
    how = typed(workspace, target.name)
    page = Page(entry.job.case.id, _detail(entry), _place(entry), run, result, stale, how, kept_out)
    click.echo(render(page, full=full), nl=False)
    return 0


def _place(entry: Entry) -> str:
    place = entry.job.case.place
    return f"{os.path.relpath(place.path)}:{place.line or 1}"


def _detail(entry: Entry) -> dict[str, Json]:
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
                "rule": check.rule.label,
            }
            for check in entry.plan.checks
        ],
    }
