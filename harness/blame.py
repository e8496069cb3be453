"""Since when each line of a file stands, as git knows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_DAY = 86_400
_HEAD = re.compile(r"([0-9a-f]{40,64}) \d+ (\d+)")


def since(path: Path) -> Mapping[int, int | None]:
    """Map line -> when it was written, in seconds since the epoch; None for a line that is not committed yet.

    Empty where there is no repository, or it does not have the file.
    """
    import git  # noqa: PLC0415 - 60 ms, and only to tell ages

    real = path.resolve()
    try:
        with git.Repo(real.parent, search_parent_directories=True) as repository:
            told: str = repository.git.blame("--porcelain", "--", str(real))
    except git.GitError:
        return {}
    times: dict[str, int] = {}
    lines: dict[int, str] = {}
    commit = ""
    for line in told.split("\n"):
        if head := _HEAD.match(line):
            commit = head[1]
            lines[int(head[2])] = commit
        elif line.startswith("author-time "):
            times[commit] = int(line.partition(" ")[2])
    return {number: times[commit] if commit.strip("0") else None for number, commit in lines.items()}


def age(line: int | None, times: Mapping[int, int | None], now: float) -> str:
    """Say how long a line stands: in days, `new`, or `-` where it is not known."""
    if line is None or line not in times:
        return "-"
    then = times[line]
    return "new" if then is None else f"{max(0, int(now - then)) // _DAY} d"
