"""`harness repro`."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import click

from harness.errors import UsageError
from harness.model import Unaskable
from harness.reading import find
from harness.sandbox import PASSED_ON
from harness.session import make_target, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from harness.model import Launch

_LONGEST_NAME = 100


@click.command()
@click.argument("case", metavar="CASE")
@click.option("--target", "target_name", metavar="NAME", help="The target to ask; the default one if left out.")
@click.pass_obj
def command(folder: Path, case: str, target_name: str | None) -> int:
    """Print the command that puts one case to a target as a run does, ready for a shell or a debugger.

    Its input, and the folder that it works in, are laid out under .harness/repro.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    job = find(workspace, target, case).job
    try:
        talk = make_target(workspace, target).converse(job)
    except Unaskable as problem:
        raise UsageError(f"{job.case.id} can not be put to {target.name!r}: {problem}") from problem
    with closing(Store(workspace.folder)) as store:
        place = store.folder / "repro" / target.name / re.sub(r"[^\w.-]", "_", job.case.id)[-_LONGEST_NAME:]
    shutil.rmtree(place, ignore_errors=True)
    files = {f"work/{name}": data for name, data in talk.launch.files.items()}
    (place / "work").mkdir(parents=True)
    for name, data in {**files, "stdin": talk.greeting() + talk.request(job)}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    click.echo(_line(talk.launch, place / "work", {*PASSED_ON, *target.pass_env}))
    return 0


def _line(launch: Launch, folder: Path, passed_on: Collection[str]) -> str:
    """Write what a run would start as a line of shell. What is passed on is named and not told: it may be a secret."""
    fixed = {"HOME": '"$PWD"', "TMPDIR": '"$PWD"'}
    given = {
        name: f'"${name}"' if name in passed_on and value == os.environ.get(name) else shlex.quote(value)
        for name, value in launch.environment.items()
    }
    environment = " ".join(f"{name}={value}" for name, value in sorted({**fixed, **given}.items()))
    return f"cd {shlex.quote(str(folder))} && env -i {environment} {shlex.join(launch.argv)} < ../stdin"
