"""`jest`: the `.snap` files of Jest and Vitest, which hold snapshots by the names of tests."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from harness import keyed
from harness.errors import Fault, Place
from harness.files import line_of_bad_byte

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.fields import File
    from harness.model import Found, Json

OPTIONS = keyed.OPTIONS
REQUIRED = keyed.REQUIRED

_LITERAL = r"`([^`\\]*(?:\\.[^`\\]*)*)`"
_ENTRY = re.compile(rf"exports\[{_LITERAL}\] = {_LITERAL};", re.DOTALL)
_BETWEEN = re.compile(r"(?:\s|//[^\n]*)*")
_HOLE = re.compile(r"(?<!\\)(?:\\\\)*\$\{")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|.))|\r\n?", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_LETTERS |= dict.fromkeys(("\n", "\r", "\r\n", "\u2028", "\u2029"), "")


def canonical(text: str) -> str:
    """Nothing is forgiven: texts are what they are."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each snapshot. A file is held in memory as a whole."""
    return keyed.read(suite, root, options, _entries)


def _entries(file: File) -> Iterator[tuple[str, str, Place] | Fault]:
    text = file.content
    if isinstance(text, bytes):
        yield Fault(Place(file.path, line_of_bad_byte(text)), "is not UTF-8 text; restore it, or narrow `files`")
        return
    at, line = 0, 1
    while at < len(text):
        gap = _BETWEEN.match(text, at)
        start = gap.end() if gap else at
        line += text.count("\n", at, start)
        place = Place(file.path, line)
        if start == len(text):
            return
        entry = _ENTRY.match(text, start)
        if entry is None:
            said = text[start : start + 60].partition("\n")[0]
            yield Fault(place, f"{said!r} is no snapshot as Jest writes them; restore the file, or narrow `files`")
            return
        at = entry.end()
        if "${" in entry[0] and _HOLE.search(entry[0]):
            yield Fault(place, "a `${` that is not escaped; restore the file, or narrow `files`")
        else:
            value = _read(entry[2])
            # What spans lines is written with one newline more before and behind it, and compared without.
            spans = len(value) > 2 and value[0] == value[-1] == "\n"  # noqa: PLR2004 - as Jest has it
            yield _read(entry[1]), value[1:-1] if spans else value, place
        line += text.count("\n", start, at)


def _read(literal: str) -> str:
    """Read a template literal as JavaScript does: every line end in it is one newline."""
    return _ESCAPE.sub(_unescape, literal) if "\\" in literal or "\r" in literal else literal


def _unescape(found: re.Match[str]) -> str:
    digits = found[1] or found[2] or found[3]
    if digits:
        code = int(digits, 16)
        return chr(code) if code <= sys.maxunicode else found[0]
    return "\n" if found[4] is None else _LETTERS.get(found[4], found[4])
