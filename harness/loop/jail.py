"""The sandbox of an agent: bubblewrap, where there is one. Unverified on machines that have none.

A read-only mount alone does not hold: root could mount it again, and a folder can be renamed and another put in its
place. So there is a user namespace of its own without further ones, and everything but the clone and the agent's state
is read-only or hidden.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FIXED = (
    "--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--new-session",
    "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",  # noqa: S108 - the sandbox's own
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Jail:
    """What is in force: the program, or None, and how a report names it."""

    program: str | None
    name: str


def find_jail(wanted: Literal["required", "auto", "off"]) -> Jail:
    """Find bubblewrap. Raises UsageError where it is required and not there."""
    if wanted == "off":
        return Jail(None, 'unsandboxed: sandbox = "off"')
    program = shutil.which("bwrap")
    if program is None and wanted == "required":
        raise UsageError('sandbox = "required", and bwrap is not installed; install bubblewrap, or say "auto"')
    return Jail(program, "bubblewrap" if program else "unsandboxed: bwrap is not installed")


def jailed(
    jail: Jail, argv: Sequence[str], clone: Path, state: Path, hidden: Sequence[Path], read: Sequence[str]
) -> tuple[str, ...]:
    """Put a program into the sandbox; `hidden` folders are empty there, `read` are paths to be seen all the same."""
    if jail.program is None:
        return tuple(argv)
    words = [jail.program, *_FIXED]
    for folder in (Path.home(), *hidden):
        words += ["--tmpfs", str(folder)]
    for path in (sys.prefix, str(Path(__file__).parents[1]), *read):  # so that `harness` works in there
        words += ["--ro-bind", os.path.expanduser(path), os.path.expanduser(path)]
    for folder in (state, clone):
        words += ["--bind", str(folder), str(folder)]
    words += ["--ro-bind", str(clone / ".git"), str(clone / ".git"), "--chdir", str(clone)]
    return (*words, "--", *argv)
