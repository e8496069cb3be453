"""What the tests of readers share: files on disk, and what was found in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.errors import Fault
from harness.model import Case, Misfit, Notice, Shared

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.model import Content, Found


def told(found: Iterator[Found]) -> list[str]:
    """Each finding but the cases and the shared files, as `file:line: sentence`."""
    words: list[str] = []
    for one in found:
        match one:
            case Fault(place, says):
                words.append(f"{os.path.basename(place.path)}:{place.line}: {says}")
            case Notice(says, place):
                words.append(f"note {os.path.basename(place.path) if place else ''}: {says}")
            case Misfit(option, says):
                words.append(f"{option}: {says}")
            case Case() | Shared():
                pass
    return words


def cases(found: Iterator[Found]) -> dict[str, Case]:
    return {one.name: one for one in found if isinstance(one, Case)}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def outputs(case: Case) -> dict[str, tuple[Content, ...]]:
    """What a case must give, by name."""
    return {one.name: one.contents for one in case.references}
