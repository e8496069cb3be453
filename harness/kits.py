"""Where the worker kits lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PLACES = (Path(__file__).parent / "kits", Path(__file__).parent.parent / "adapters" / "worker")


def kit(language: str) -> Path:
    """Return the folder of one language's kit. Raises FileNotFoundError for a language that has none."""
    for place in _PLACES:
        if (place / language).is_dir():
            return place / language
    raise FileNotFoundError(f"no worker kit for {language!r}")
