"""`harness repro`."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import click

from harness.errors import UsageError
from harness.model import Unaskable
from harness.reading import find
from harness.session import make_target, open_workspace
from harness.store import FOLDER, Store


@click.command()
@click.argument("case", metavar="CASE")
@click.option("--target", "target_name", help="The target to ask; the default one if left out.")
@click.pass_obj
def command(folder: Path, case: str, target_name: str | None) -> int:
    """Write the exact request of a case to a folder, and print the command that makes it: ready for a debugger."""
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    job = find(workspace, target, case).job
    try:
        talk = make_target(workspace, target).converse(job)
    except Unaskable as problem:
        raise UsageError(f"{job.case.id} can not be put to {target.name!r}: {problem}") from problem
    Store(workspace.folder).close()
    place = workspace.folder / FOLDER / "repro" / target.name / job.case.id.replace("/", "__")
    shutil.rmtree(place, ignore_errors=True)
    for name, data in {**talk.launch.files, "stdin": talk.greeting() + talk.request(job)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in sorted(talk.launch.environment.items()))
    click.echo(f"cd {shlex.quote(str(place))} && env -i {environment} {shlex.join(talk.launch.argv)} < stdin")
    return 0
