"""One way of driving an implementation a file.

A module here has `OPTIONS` and `REQUIRED` (what its `[target.NAME]` table may and must say),
`make(options, folder, environment) -> Target`, and `PLACEHOLDERS` where braces in its `command` stand for something.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def argv(command: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Make a command independent of where it is started.

    `{workspace}` is the folder of the harness.toml, and a program named with a slash lies in it.
    Raises UsageError for a program that was meant to lie in it, and is looked for in PATH.
    """
    program, *rest = (word.replace("{workspace}", str(folder)) for word in command)
    if "/" not in program and (folder / program).is_file() and shutil.which(program) is None:
        raise UsageError(f"command: {program!r} is a file of the workspace, and not on PATH; write './{program}'")
    return (str(folder / program) if "/" in program else program, *rest)
