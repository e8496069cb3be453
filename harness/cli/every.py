"""`harness check --all`: every workspace below a folder, each checked by a harness of its own, a line each."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from harness.config import NAME
from harness.errors import UsageError
from harness.model import Verdict, strongest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ONE_WORKSPACE = {"cases", "suites", "stages", "target_name", "failed", "shard", "export", "junit", "allow", "reason"}
"""Parameters of `check` that mean something in one workspace only."""


def check_all(context: click.Context, folder: Path) -> int:
    """Check all, and return the exit code of the strongest verdict. Raises UsageError when there is none to check."""
    words = list(_words(context))
    found = list(workspaces(folder))
    if not found:
        raise UsageError(f"no {NAME} in {folder} or below it; name another folder with -C DIR")
    verdicts: list[Verdict] = []
    broken = ""
    with _passing_on() as (running, told):
        for workspace in found:
            where = os.path.relpath(workspace)
            if told:
                click.echo(f"{where}: NOTHING not run: interrupted")
                verdicts.append(Verdict.NOTHING)
                continue
            # A process each: readers of one workspace's own are no other's, whatever their names.
            argv = [sys.executable, "-P", "-m", "harness", "-C", str(workspace), "check", *words]
            child = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", start_new_session=True
            )
            running[:] = [child]
            out, err = child.communicate()
            running.clear()
            verdict = next((one for one in Verdict if one.exit_code == child.returncode), Verdict.ERROR)
            verdicts.append(verdict)
            _show(where, out, err)
            if verdict not in {Verdict.PASS, Verdict.ERROR}:
                broken = broken or where
    if broken:
        click.echo(f"next: harness -C {shlex.quote(broken)} digest")
    return strongest(verdicts).exit_code


def _words(context: click.Context) -> Iterator[str]:
    """Yield what was typed but for `--all`. Raises UsageError for what means one workspace."""
    for option in context.command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE or name == "everywhere":
            continue
        if name in _ONE_WORKSPACE:
            typed = option.opts[0] if isinstance(option, click.Option) else "ID|GLOB"
            raise UsageError(f"{typed} is about one workspace, and --all about every one; name one with -C DIR")
        value = context.params[name]
        if isinstance(option, click.Option) and option.is_flag:
            yield option.opts[0]
            continue
        for one in value if isinstance(value, tuple) else (value,):
            yield from (option.opts[0], str(one))


def _show(where: str, out: str, err: str) -> None:
    """Print what a check came to in a line; all of what was printed for GitHub, and all faults."""
    lines = out.splitlines()
    if lines and lines[0].startswith("::"):
        click.echo(out, nl=False)
        lines = [line for line in lines[1:] if not line.startswith("::")]
    told = lines[:1] or [line for line in err.splitlines() if not line.startswith("harness: ")]
    click.echo(f"{where}: " + "\n  ".join(told))


def workspaces(folder: Path) -> Iterator[Path]:
    """Find the workspaces in a folder and below it, but for what is hidden, installed or ignored by git."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "node_modules")
        if NAME in names and not _ignored(folder, os.path.join(here, NAME)):
            yield Path(here)


def _ignored(folder: Path, path: str) -> bool:
    """Whether git would not have a file; where there is no repository it has everything."""
    if shutil.which("git") is None:
        return False
    from git import InvalidGitRepositoryError, Repo  # noqa: PLC0415 - 100 ms

    try:
        repository = Repo(folder, search_parent_directories=True)
    except InvalidGitRepositoryError:
        return False
    with closing(repository):
        # 128 is a path that another repository, a submodule, has to decide about.
        status, _, _ = repository.git.check_ignore("-q", path, with_extended_output=True, with_exceptions=False)
        return bool(status == 0)


@contextmanager
def _passing_on() -> Iterator[tuple[list[subprocess.Popen[str]], list[int]]]:
    """Pass signals on to the check that runs, so that it ends in order; yields it, and the signals there were."""
    running: list[subprocess.Popen[str]] = []
    told: list[int] = []

    def tell(number: int, _frame: object) -> None:
        told.append(number)
        for child in running:
            child.send_signal(number)

    before = {number: signal.signal(number, tell) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield running, told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
