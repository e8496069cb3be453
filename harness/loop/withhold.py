"""Held-out cases are not in an agent's clone: not in its files, and not in its history."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.reading import Reading, Selection
from harness.session import open_workspace
from harness.skiplist import EMPTY

if TYPE_CHECKING:
    from pathlib import Path


def withhold(folder: Path, target_name: str) -> list[str]:
    """Remove the files of held-out cases from a fresh clone of a workspace; returns their paths, relative to it.

    A file that holds visible cases too stays.
    """
    workspace = open_workspace(folder)
    if workspace.config.holdout is None:
        return []
    target = workspace.config.target(target_name)
    held, visible = (_files(Reading(workspace, target, EMPTY, Selection(), held=which)) for which in (True, False))
    found = sorted(path for path in held - visible if path.startswith(f"{folder}{os.sep}"))
    for path in found:
        os.unlink(path)
    return [os.path.relpath(path, folder) for path in found]


def _files(reading: Reading) -> set[str]:
    found: set[str] = set()
    for entry in reading.entries():
        case = entry.job.case
        found.update(place.path for place in (case.place, *(one.place for one in case.references)))
    return found
