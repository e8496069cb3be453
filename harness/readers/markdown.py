"""`markdown`: cases in fenced blocks, told apart by headings; info strings and names of files say what a block is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness import fields
from harness.errors import Fault, Place
from harness.files import line_of_bad_byte
from harness.patterns import compile_glob, is_glob

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Found, Json

OPTIONS: Mapping[str, Json] = {**fields.OPTIONS, "case": {"type": "string", "enum": ["section", "block"]}}
REQUIRED = fields.REQUIRED

_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t\r]*")
_FENCE = re.compile(r"( {0,3})(`{3,}|~{3,})[ \t]*([^\r]*?)[ \t\r]*")
_FILE = re.compile(r"[ \t]*\**`([^`]+)`\**:?\**[ \t\r]*")


def canonical(text: str) -> str:
    """Nothing is forgiven: texts are what they are."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield the cases of each file, which is held in memory as a whole."""
    opened = partial(_open, options["input"], options.get("case", "section"))
    return fields.read(suite, root, {"id": "headings", **options}, opened)


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block: the headings above it, what it is called, and its lines. A named file goes by its name alone."""

    headings: tuple[tuple[int, str], ...]
    """The line of each with its text: two sections may have one title."""
    names: tuple[str, ...]
    is_file: bool
    text: str
    line: int


def _open(given: str, case: str, file: fields.File) -> fields.Records:
    if isinstance(file.content, bytes):
        says = "is not UTF-8 text; restore it, or narrow `files`"
        return partial(iter, (Fault(Place(file.path, line_of_bad_byte(file.content)), says),))
    blocks = list(_blocks(file.content, file.path))
    faults = [one for one in blocks if isinstance(one, Fault)]
    return partial(_records, given, case, [one for one in blocks if isinstance(one, _Block)], faults, file.path)


def _records(
    given: str,
    case: str,
    blocks: Sequence[_Block],
    faults: Sequence[Fault],
    path: str,
) -> Iterator[fields.Record | Fault]:
    yield from faults
    empty = True
    sections: dict[tuple[tuple[int, str], ...], list[_Block]] = {}
    for block in blocks:
        sections.setdefault(block.headings, []).append(block)
    for start, end in _spans(given, case, blocks):
        own, headings = blocks[start:end], blocks[start].headings
        around = [block for depth in range(len(headings)) for block in sections.get(headings[:depth], ())]
        above = [block for block in around if given not in block.names]
        empty = False
        line = next(one.line for one in own if given in one.names)
        yield fields.Record(partial(_find, headings, own, above), Place(path, line))
    if empty and not faults:
        yield Fault(Place(path, 1), f"no block in it is {given!r}; correct `input`, or narrow `files`")


def _spans(given: str, case: str, blocks: Sequence[_Block]) -> Iterator[tuple[int, int]]:
    """Yield which blocks are a case: those of one section, or those from an input to the next one in the section."""
    start, has = 0, False
    for at, block in enumerate(blocks):
        new = block.headings != blocks[start].headings
        if new or (case == "block" and has and given in block.names):
            if has:
                yield start, at
            start, has = at, False
        has = has or given in block.names
    if has:
        yield start, len(blocks)


def _find(
    headings: tuple[tuple[int, str], ...], own: Sequence[_Block], above: Sequence[_Block], field: str
) -> list[Json]:
    """Find a field: the blocks of that name, put together; those of the innermost section that has any."""
    if field == "headings":
        return [title for _, title in headings]
    if is_glob(field):
        fits = compile_glob(field).fullmatch
        files = {one.names[0]: one.text for one in (*above, *own) if one.is_file and fits(one.names[0])}
        return [files] if files else []
    found = [one.text for one in own if field in one.names]
    if not found:
        depth = max((len(one.headings) for one in above if field in one.names), default=0)
        found = [one.text for one in above if field in one.names and len(one.headings) == depth]
    return ["".join(found)] if found else []


def _blocks(text: str, path: str) -> Iterator[_Block | Fault]:
    headings: list[tuple[int, int, str]] = []
    before, lines = "", iter(enumerate(text.split("\n"), 1))
    for number, line in lines:
        heading, fence = _HEADING.fullmatch(line), _FENCE.fullmatch(line)
        if heading:
            headings = [one for one in headings if one[0] < len(heading[1])] + [(len(heading[1]), number, heading[2])]
        elif fence and not ("`" in fence[3] and fence[2][0] == "`"):
            indent, mark, info = len(fence[1]), fence[2], fence[3]
            close = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t\r]*")
            body: list[str] = []
            for _, inner in lines:
                if close.fullmatch(inner):
                    break
                body.append(inner[min(indent, len(inner) - len(inner.lstrip(" "))) :] + "\n")
            else:
                yield Fault(Place(path, number), f"the block that begins with {mark!r} has no end; close it")
                return
            named = _FILE.fullmatch(before)
            names = (named[1],) if named else tuple(dict.fromkeys((info, info.split(" ")[0])))
            yield _Block(tuple(one[1:] for one in headings), names, bool(named), "".join(body), number + 1)
            before = ""
        if line.strip():
            before = line if not fence else ""
