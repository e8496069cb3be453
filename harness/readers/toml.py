"""`toml`: cases in TOML, at any depth; paths in the config say where what lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import nested

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.model import Found, Json

OPTIONS = nested.OPTIONS
REQUIRED = nested.REQUIRED


def canonical(text: str) -> str:
    """Nothing is forgiven: texts are what they are."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield the cases of each file. A file is parsed as a whole."""
    return nested.read("toml", suite, root, options)
