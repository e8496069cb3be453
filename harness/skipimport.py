"""What a port already has, to be taken over into the skip list: names and reasons out of the files of others."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.patterns import compile_glob, is_glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_SOURCE = {".go", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".tsx"}
_SKIP = re.compile(r"""(?<![\w-])--?skip(?:=|[ \t]+)("[^"\n]*"|'[^'\n]*'|[^\s"'\\]+)""")
_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`|\s+|\w+|.""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Named:
    """A name that stands in such a file; `reason` is empty where none stands with it."""

    name: str
    reason: str
    line: int


def read(path: str, text: str) -> list[list[Named]]:
    """Find the names: of a source file each map and list by itself, of any other file all in one list.

    A Go or JS file is known by its name, toml-test's arguments by a `-skip`; anything else has a name a line.
    """
    if os.path.splitext(path)[1] in _SOURCE:
        return _literals(text)
    if _SKIP.search(text):
        return [list(_arguments(text))]
    return [list(_lines(text))]


def forms(case: str) -> tuple[str, str, str, str]:
    """Return what a case may be called by others: its id or name, with its extension or without."""
    name = case.partition("/")[2]
    return case, name, os.path.splitext(case)[0], os.path.splitext(name)[0]


def index(ids: Collection[str]) -> Mapping[str, list[str]]:
    """Map each form -> the cases that may be meant: the longest form first, so that an id is never another's name."""
    found: dict[str, list[str]] = {}
    for forms_ in zip(*map(forms, ids), strict=True):
        level: dict[str, list[str]] = {}
        for case, form in zip(ids, forms_, strict=True):
            level.setdefault(form, []).append(case)
        found = {**level, **found}
    return found


def meant(name: str, index: Mapping[str, list[str]]) -> list[str]:
    """Find the cases of a name or of a glob; a name of several is theirs to sort out who asks."""
    if name in index or not is_glob(name):
        return index.get(name, [])
    fits = compile_glob(name).fullmatch
    return list(dict.fromkeys(case for form, cases in index.items() if fits(form) for case in cases))


def _lines(text: str) -> Iterator[Named]:
    """A name a line; `#` begins a comment, and one behind a name is its reason."""
    for number, line in enumerate(text.splitlines(), 1):
        name, _, comment = f" {line}".partition(" #")
        if name.strip():
            yield Named(name.strip(), comment.strip(), number)


def _arguments(text: str) -> Iterator[Named]:
    """The arguments of toml-test: `-skip NAME`, `-skip=NAME,NAME`."""
    for number, line in enumerate(text.splitlines(), 1):
        for found in _SKIP.finditer(line if not line.lstrip().startswith("#") else ""):
            yield from (Named(name.strip(), "", number) for name in found[1].strip("\"'").split(",") if name.strip())


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int
    inside: int
    """The number of the bracket that it stands in."""

    @property
    def string(self) -> str | None:
        return _ESCAPED.sub(r"\1", self.text[1:-1]) if self.text[0] in "\"'`" and len(self.text) > 1 else None


def _literals(text: str) -> list[list[Named]]:
    """Find the keys of maps, the items of lists, and the first of each pair in a list of pairs."""
    tokens, comments = _tokens(text)
    blank = _Token(" ", 0, 0)
    groups: dict[int, list[Named]] = {}
    for number, token in enumerate(tokens):
        name = token.string
        if name is None:
            continue
        before2, before, after, after2, after3 = (
            tokens[at] if 0 <= at < len(tokens) else blank
            for at in (number - 2, number - 1, *range(number + 1, number + 4))
        )
        pair = before.text in "{[" and before2.text in "{[,}]" and after.text == "," and after3.text in "}],"
        if after.text == ":" or pair:
            reason = after2.string or comments.get(token.line, "")
        elif before.text in "{[," and after.text in ",}]":
            reason = comments.get(token.line, "")
        else:
            continue
        groups.setdefault(before.inside if pair else token.inside, []).append(Named(name, reason, token.line))
    return list(groups.values())


def _tokens(text: str) -> tuple[list[_Token], Mapping[int, str]]:
    """Take a source apart into words, strings and marks; and map line -> the comment that ends it."""
    tokens: list[_Token] = []
    comments: dict[int, str] = {}
    open_: list[int] = [0]
    line, brackets = 1, 0
    for found in _TOKEN.finditer(text):
        piece = found[0]
        if piece.startswith(("//", "/*")):
            comments[line] = piece.strip("/* \n")
        elif not piece.isspace():
            if piece in "}])" and len(open_) > 1:
                open_.pop()
            tokens.append(_Token(piece, line, open_[-1]))
            if piece in "{[(":
                brackets += 1
                open_.append(brackets)
        line += piece.count("\n")
    return tokens, comments
