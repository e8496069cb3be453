"""Files that hold snapshots by the names of tests, without the inputs: what the readers `jest` and `ambr` share."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING

from harness import fields
from harness.errors import Fault, Place
from harness.files import read as read_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Content, Found, Json

_PATTERN = {"type": "string", "format": "regex", "minLength": 1}
OPTIONS: Mapping[str, Json] = {
    **fields.OPTIONS,
    "key": _PATTERN,
    "snapshot": _PATTERN,
    "input_file": {"type": "string", "minLength": 1},
}
REQUIRED = fields.REQUIRED


def read(
    suite: str,
    root: Path,
    options: Mapping[str, Json],
    entries: Callable[[fields.File], Iterator[tuple[str, str, Place] | Fault]],
) -> Iterator[Found]:
    """Yield a case for each entry: key, snapshot and place."""
    options = {"id": "key", "outputs": "snapshot", **options}
    if "error" in options or "accepted" in options:
        options = {name: value for name, value in options.items() if name != "outputs" or value != "snapshot"}
    key, snapshot = (re.compile(options[one], re.MULTILINE) if one in options else None for one in ("key", "snapshot"))

    def records(found: Sequence[tuple[str, str, Place] | Fault]) -> Iterator[fields.Record | Fault]:
        for entry in found:
            if isinstance(entry, Fault):
                yield entry
                continue
            name, text, place = entry
            named: dict[str, Content] = {"key": name, "snapshot": text}
            fault = _add(named, "key", key, name, place) or _add(named, "snapshot", snapshot, text, place)
            if not fault and "input_file" in options:
                fault = _beside(named, options["input_file"], root, place)
            yield fault or fields.Record(partial(_find, named), place)

    return fields.read(suite, root, options, lambda file: partial(records, list(entries(file))))


def _add(
    named: dict[str, Content], option: str, pattern: re.Pattern[str] | None, text: str, place: Place
) -> Fault | None:
    """Add what the groups of a pattern find."""
    if pattern is None:
        return None
    found = pattern.search(text)
    if found is None:
        return Fault(place, f"`{option}` does not fit {named['key']!r}; widen the expression")
    named.update((name, value) for name, value in found.groupdict().items() if value is not None)
    return None


def _beside(named: dict[str, Content], pattern: str, root: Path, place: Place) -> Fault | None:
    """Add the file that the fields of a case lead to, as `input_file`."""
    unknown = [name for name in re.findall(r"\{(\w+)\}", pattern) if name not in named]
    if unknown:
        return Fault(
            place, f"`input_file` has no field {unknown[0]!r} here; name it with a group of `key` or `snapshot`"
        )
    path = os.path.join(root, re.sub(r"\{(\w+)\}", lambda found: str(named[found[1]]), pattern))
    content = read_file(path)
    if isinstance(content, Fault):
        return Fault(place, f"its input {content}")
    named["input_file"] = content
    return None


def _find(named: Mapping[str, Content], field: str) -> list[Content]:
    return [named[field]] if field in named else []
