"""The target's `build` and `check` commands: run in the workspace, with the user's own environment."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TELLING = re.compile(r"\berror\b|\bError\b|^\S+:\d+(:\d+)?:", re.MULTILINE)
_LINES = 20
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Broken:
    """A command that failed: its words, how it ended, and the lines that tell most (at most 20)."""

    argv: tuple[str, ...]
    how: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"`{' '.join(self.argv)}` {self.how}"


def run(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Broken | None:
    """Run one command to its end; None when it succeeds. Its output is kept on disk, whatever its size."""
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(
                argv,
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as problem:
            return Broken(tuple(argv), f"can not be started ({problem.strerror})", ())
        if done.returncode == 0:
            return None
        output.seek(0)
        text = output.read(_READ).decode("utf-8", "replace")
    how = f"exited with {done.returncode}" if done.returncode > 0 else f"was killed by signal {-done.returncode}"
    return Broken(tuple(argv), how, telling(text))


def telling(text: str) -> tuple[str, ...]:
    """Pick what a fixer needs from a compiler's or linter's output: from the first line that names an error on."""
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    first = next((number for number, line in enumerate(lines) if _TELLING.search(line)), max(0, len(lines) - _LINES))
    kept = lines[first : first + _LINES]
    left = len(lines) - first - len(kept)
    return (*kept, f"... {left} more lines") if left > 0 else tuple(kept)
