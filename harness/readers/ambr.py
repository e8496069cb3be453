"""`ambr`: syrupy's snapshot files, read by syrupy itself, which has to be installed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness import keyed
from harness.errors import Fault, Place
from harness.model import Misfit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.fields import File
    from harness.model import Found, Json

OPTIONS = keyed.OPTIONS
REQUIRED = keyed.REQUIRED

_NAME = re.compile(r"^# name:[ \t]*(.*?)[ \t\r]*$", re.MULTILINE)


def canonical(text: str) -> str:
    """Nothing is forgiven: texts are what they are."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each snapshot. A file is held in memory as a whole."""
    try:
        import syrupy.extensions.amber.serializer  # noqa: F401, PLC0415 - 140 ms, and brings pytest
    except ImportError as problem:
        yield Misfit("reader", f"reader 'ambr' needs syrupy ({problem}); install it beside the harness: syrupy>=5")
        return
    yield from keyed.read(suite, root, options, _entries)


def _entries(file: File) -> Iterator[tuple[str, str, Place] | Fault]:
    from syrupy.extensions.amber.serializer import AmberDataSerializer  # noqa: PLC0415

    if isinstance(file.content, bytes):
        yield Fault(Place(file.path), "is not UTF-8 text; restore it, or narrow `files`")
        return
    try:
        found = AmberDataSerializer.read_file(file.path)
    except Exception as problem:  # noqa: BLE001 - its author's own kinds of fault
        yield Fault(Place(file.path), f"syrupy can not read it ({problem}); restore it")
        return
    if found.tainted:
        yield Fault(
            Place(file.path, 1), "is of another version of the format than this syrupy's; update it with syrupy"
        )
        return
    names = {one.name for one in found}
    line, at, seen = 1, 0, set[str]()
    for head in _NAME.finditer(file.content):
        line, at = line + file.content.count("\n", at, head.start()), head.start()
        place, snapshot = Place(file.path, line), found.get(head[1])
        if head[1] in seen or head[1] not in names or snapshot is None:
            says = "stands twice in it" if head[1] in seen else "has nothing that syrupy can read"
            yield Fault(place, f"the snapshot {head[1]!r} {says}; update the file with syrupy")
        else:
            seen.add(head[1])
            yield head[1], str(snapshot.data), place
