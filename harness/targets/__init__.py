"""One way of driving an implementation a file.

A module here has `OPTIONS` and `REQUIRED` (what its `[target.NAME]` table may and must say) and
`make(options, folder, environment) -> Target`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def argv(command: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Make a command independent of where it is started.

    `{workspace}` is the folder of the harness.toml, and a program named with a slash lies in it.
    """
    program, *rest = (word.replace("{workspace}", str(folder)) for word in command)
    return (str(folder / program) if "/" in program else program, *rest)
