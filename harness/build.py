"""The target's `build` and `check` commands: run in the workspace, with the user's own environment."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from harness.judge import ended
from harness.sandbox import Nest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LINES = 20
_READ = 1 << 20
_GRACE_SECONDS = 2.0
"""How long a command that is told to stop may take to clean up."""
_POLL_SECONDS = 0.02
"""How often we look for the end of a command where the system can not tell us."""

_COLOUR = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_ERROR = re.compile(r"(?:^|[\s:])(?:fatal )?error(?:\[\w+\]| \w+\d+)?:|^\s*File \"[^\"]+\", line \d+", re.IGNORECASE)
_PLACE = re.compile(r"^\s*\S+:\d+(?::\d+)?:?(?:\s|$)")
_CONTEXT = 2


@dataclass(frozen=True, slots=True)
class Broken:
    """A command that failed: its words, how it ended, and the lines that tell most (at most 20)."""

    argv: tuple[str, ...]
    how: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"`{' '.join(self.argv)}` {self.how}"


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str], wake: int) -> Broken | None:
    """Run one command to its end; None when it succeeds. Its output is kept on disk, whatever its size.

    `wake` is a descriptor that becomes readable when the command is to be ended early.
    """
    words = [word.replace("{workspace}", str(folder)) for word in argv]
    own = {name: value.replace("{workspace}", str(folder)) for name, value in environment.items()}
    with tempfile.TemporaryFile() as output, closing(Nest()):  # what it leaves in the background might edit the books
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as problem:
            return Broken(tuple(argv), f"can not be started ({problem.strerror})", ())
        code = _wait(process, wake)
        if code == 0:
            return None
        return Broken(tuple(argv), ended(code), telling(_last(output)))


def _wait(process: subprocess.Popen[bytes], wake: int) -> int:
    """Wait for the end of a command, and bring it about when `wake` says so; nothing of its process group survives."""
    ends = [os.pidfd_open(process.pid)] if hasattr(os, "pidfd_open") else []
    try:
        while process.poll() is None:
            ready, _, _ = select.select([wake, *ends], [], [], None if ends else _POLL_SECONDS)
            if wake in ready and process.poll() is None:
                # Politely first, so that a compiler leaves no half-written file.
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # it had its time
    finally:
        for end in ends:
            os.close(end)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also what it left in the background
    return process.wait()


def _last(output: IO[bytes]) -> str:
    """Read the last MiB of a command's output."""
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _READ))
    return output.read().decode("utf-8", "replace")


def telling(text: str) -> tuple[str, ...]:
    """Pick what a fixer needs of a compiler's or linter's output: all of it if short, else from the first error on."""
    lines = [line.rstrip() for line in _COLOUR.sub("", text).split("\n") if line.strip()]
    if len(lines) <= _LINES:
        return tuple(lines)
    errors = (number for pattern in (_ERROR, _PLACE) for number, line in enumerate(lines) if pattern.search(line))
    first = max(0, min(next(errors, len(lines)) - _CONTEXT, len(lines) - _LINES))
    left = len(lines) - first - _LINES
    return (*lines[first : first + _LINES], *([f"... {left} more lines"] if left else []))
