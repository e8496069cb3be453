"""Cases in nested lists and objects, found by paths: what the readers `json`, `yaml` and `toml` share.

A path is as in a file system: keys and numbers between slashes, `..` one level up, `/` in front the whole file. `*` is
every item or member, `**` any number of levels. `#` at the end is the key itself, `.` the value where the path stands.
In front, `**` goes through the levels from the file down to the case. `~1` is a slash in a key, `~0` a tilde.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from harness import documents, fields
from harness.errors import Fault, Place
from harness.files import line_of_bad_byte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Found, Json

Trail: TypeAlias = tuple[tuple[str | int, "Json"], ...]
"""The keys and values from the file, whose key is empty, down to a value."""

OPTIONS: Mapping[str, Json] = {**fields.OPTIONS, "cases": {"type": "string", "minLength": 1}}
REQUIRED = fields.REQUIRED


def read(form: str, suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield the cases of each file. A file is parsed as a whole."""
    return fields.read(suite, root, options, partial(_open, form, options.get("cases", "*")))


def _open(form: str, where: str, file: fields.File) -> fields.Records:
    if isinstance(file.content, bytes):
        says = "is not UTF-8 text; restore it, or narrow `files`"
        return partial(iter, (Fault(Place(file.path, line_of_bad_byte(file.content)), says),))
    text = file.content.removeprefix("\ufeff")
    kind = "jsonl" if form == "json" and file.path.endswith((".jsonl", ".ndjson")) else form
    value = documents.parse(kind, text, "the file", Place(file.path, 1))
    if isinstance(value, Fault):
        return partial(iter, (value,))
    return partial(_records, kind, where, text, value, file.path)


def _records(form: str, where: str, text: str, value: Json, path: str) -> Iterator[fields.Record | Fault]:
    empty = True
    for trail in cases((("", value),), steps(where)):
        empty = False
        keys = [key for key, _ in trail[1:]]
        yield fields.Record(partial(find, trail), Place(path), partial(_place, form, text, keys, path))
    if empty:
        yield Fault(Place(path, 1), f"`cases` {where!r} finds nothing in it; correct the path, or narrow `files`")


def _place(form: str, text: str, keys: list[str | int], path: str) -> Place:
    return Place(path, documents.line(form, text, keys))


def steps(path: str) -> tuple[str, ...]:
    """Part a path."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in path.split("/") if step not in ("", "."))


def cases(trail: Trail, path: tuple[str, ...], states: frozenset[int] = frozenset({0})) -> Iterator[Trail]:
    """Yield what a path leads to, in the file's order; of two of which one holds the other, the inner one.

    `states` are the steps of the path that are next here.
    """
    open_ = {step for state in states for step in _opened(path, state)}
    inner = False
    for key, value in _members(trail[-1][1]):
        after = {
            state if path[state] == "**" else state + 1
            for state in open_
            if state < len(path) and path[state] in ("**", "*", str(key))
        }
        if after:
            for found in cases((*trail, (key, value)), path, frozenset(after)):
                inner = True
                yield found
    if not inner and len(path) in open_:
        yield trail


def _opened(path: Sequence[str], state: int) -> Iterator[int]:
    """A `**` may also be no level at all."""
    yield state
    while state < len(path) and path[state] == "**":
        state += 1
        yield state


def find(trail: Trail, spec: str) -> list[Json]:
    """Find the values of a path that begins at a case."""
    path = steps(spec)
    if spec.startswith("/"):
        trail = trail[:1]
    while path and path[0] == "..":
        trail, path = trail[:-1], path[1:]
    if not trail:
        return []
    if path and path[0] == "**":
        above = [trail[: depth + 1] for depth in range(len(trail))]
        return [value for one in above for value in _down(one, path[1:])]
    return _down(trail, path)


def _down(trail: Trail, path: tuple[str, ...]) -> list[Json]:
    key, value = trail[-1]
    if not path:
        return [value]
    if path == ("#",):
        return [key]
    return [
        found
        for inner, one in _members(value)
        if path[0] in ("*", str(inner))
        for found in _down((*trail, (inner, one)), path[1:])
    ]


def _members(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)
