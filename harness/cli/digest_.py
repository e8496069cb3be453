"""`harness digest`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.cli.check_ import digest_of, typed
from harness.cli.output import print_digest
from harness.errors import UsageError
from harness.session import open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@click.pass_obj
def command(folder: Path, run_id: str | None) -> int:
    """Print the digest of a stored run again; the last one if none is named."""
    workspace = open_workspace(folder)
    store = Store(workspace.folder)
    run = store.run(run_id) if run_id else store.last_run()
    if run is None:
        raise UsageError("there is no run yet; harness check makes one")
    print_digest(digest_of(store, run, typed(workspace, run.target)))
    return 0
