"""`harness block`."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import click

from harness.errors import UsageError
from harness.loop.journal import Blocked, Journal
from harness.reading import find
from harness.session import open_workspace


@click.command()
@click.argument("case")
@click.option("--reason", required=True, metavar="TEXT", help="Why: whoever looks at it begins here.")
@click.pass_obj
def command(folder: Path, case: str, reason: str) -> int:
    """Say honestly that a case can not be done. It is left to a person; it neither passes nor is it excused.

    Inside an attempt it holds for the attempt's own cases, and counts when the attempt is over.
    """
    if not reason.strip():
        raise UsageError("--reason is empty; say why")
    workspace = open_workspace(folder)
    name = find(workspace, workspace.config.target(None), case).job.case.id
    state = os.environ.get("HARNESS_LOOP_STATE")
    if state:
        with Path(state, "blocked.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"case": name, "reason": reason}) + "\n")
    else:
        with closing(Journal(workspace.folder)) as journal:
            journal.add(Blocked(name, reason))
    click.echo(f"{name} is left to a person: {reason}")
    return 0
