"""`insta_inline`: the snapshots that stand in Rust's sources themselves, `assert_snapshot!(EXPRESSION, @"...")`."""

from __future__ import annotations

import re
from bisect import bisect
from functools import partial
from typing import TYPE_CHECKING

from harness import fields, rust
from harness.errors import Fault, Place
from harness.files import line_of_bad_byte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.model import Found, Json

OPTIONS: Mapping[str, Json] = {
    **fields.OPTIONS,
    "expression": {"type": "string", "format": "regex", "minLength": 1},
}
REQUIRED = fields.REQUIRED

# Up to the next macro: one without an inline snapshot must not take that of another.
_MACRO = re.compile(
    rf"\bassert_\w*snapshot!\s*[(\[{{](?P<expression>(?:(?!\bassert_\w*snapshot!)(?s:.))*?),\s*"
    rf"@(?P<literal>{rust.LITERAL})\s*,?\s*[)\]}}]"
)
_FUNCTION = re.compile(r"\bfn\s+(\w+)")


def canonical(text: str) -> str:
    """Insta's comparison, with the indentation that all lines share taken off: it is the source's."""
    lines = rust.canonical(text).split("\n")
    indent = min((len(line) - len(line.lstrip(" \t")) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines) if len(lines) > 1 else lines[0]


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each inline snapshot. A file is held in memory as a whole."""
    pattern = re.compile(options["expression"], re.MULTILINE) if "expression" in options else None
    return fields.read(suite, root, {"id": "function", "outputs": "snapshot", **options}, partial(_open, pattern))


def _open(pattern: re.Pattern[str] | None, file: fields.File) -> fields.Records:
    if isinstance(file.content, bytes):
        says = "is not UTF-8 text; restore it, or narrow `files`"
        return partial(iter, (Fault(Place(file.path, line_of_bad_byte(file.content)), says),))
    return partial(_records, pattern, file.content, file.path)


def _records(pattern: re.Pattern[str] | None, text: str, path: str) -> Iterator[fields.Record | Fault]:
    functions = list(_FUNCTION.finditer(text))
    starts = [one.start() for one in functions]
    for found in _MACRO.finditer(text):
        if "//" in text[text.rfind("\n", 0, found.start()) + 1 : found.start()]:
            continue
        place = Place(path, text.count("\n", 0, found.start()) + 1)
        expression, above = found["expression"].strip(), bisect(starts, found.start())
        groups = pattern.search(expression) if pattern is not None else None
        if pattern is not None and groups is None:
            yield Fault(place, f"`expression` does not fit {expression[:60]!r}; widen it")
            continue
        named = {name: value for name, value in (groups.groupdict() if groups else {}).items() if value is not None}
        named = {name: rust.read_literal(value) or value for name, value in named.items()}
        named["expression"] = expression
        named["function"] = functions[above - 1][1] if above else ""
        named["snapshot"] = (rust.read_literal(found["literal"]) or "").removeprefix("\n")
        yield fields.Record(partial(_find, named), place)


def _find(named: Mapping[str, str], field: str) -> list[str]:
    return [named[field]] if field in named else []
