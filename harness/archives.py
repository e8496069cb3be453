"""A tree of files, on disk or inside one text: what the reader `pairs` looks for cases in."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import Fault, Place
from harness.files import as_content, find
from harness.files import read as read_file
from harness.patterns import compile_glob, fixed_folder

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.model import Content


@dataclass(frozen=True, slots=True)
class Folder:
    """The tree below a folder; its paths are those of the disk."""

    root: Path
    base: str
    """The folder from which options are inherited, below the root."""

    def path(self, name: str) -> str:
        """Where a file of this name lies."""
        return os.path.join(self.root, name)

    def find(self, glob: str) -> Iterator[tuple[str, str] | Fault]:
        """Yield (name below the glob's fixed folder, path) of what fits, sorted."""
        return find(self.root, glob)

    def has(self, path: str) -> bool:
        """Whether there is anything by this path."""
        return os.path.lexists(path)

    def read(self, path: str) -> Content | Fault:
        """Read a file that is there."""
        return read_file(path)

    def place(self, path: str) -> Place:
        """Where a file begins."""
        return Place(path, 1)

    def name(self, path: str) -> str:
        """Return the name below the root."""
        return os.path.relpath(path, self.root)

    def above(self, path: str) -> Iterator[str]:
        """Yield the folders that a file is in, the outermost first."""
        folder = os.path.join(self.root, self.base)
        yield folder
        for part in os.path.relpath(os.path.dirname(path), folder).split("/"):
            if part != ".":
                folder = os.path.join(folder, part)
                yield folder


@dataclass(frozen=True, slots=True)
class Archive:
    """The files in one text, by name, each with the line in which it begins; `outside` is where the text lies."""

    file: str
    outside: Folder
    members: Mapping[str, tuple[Content, int]]

    def path(self, name: str) -> str:
        """Where a file of this name lies."""
        return posixpath.normpath(name)

    def find(self, glob: str) -> Iterator[tuple[str, str] | Fault]:
        """Yield (name below the glob's fixed folder, path) of what fits, sorted."""
        fits, base = compile_glob(glob).fullmatch, fixed_folder(glob)
        for name in sorted(self.members):
            if fits(name):
                yield name[len(base) + 1 if base else 0 :], name

    def has(self, path: str) -> bool:
        """Whether there is anything by this path."""
        return path in self.members

    def read(self, path: str) -> Content | Fault:
        """Read a file."""
        return self.members[path][0] if self.has(path) else Fault(Place(self.file), f"holds no {path}; restore it")

    def place(self, path: str) -> Place:
        """Where a file begins."""
        return Place(self.file, self.members[path][1])

    def name(self, path: str) -> str:
        """Return the name inside the archive."""
        return path

    def above(self, path: str) -> Iterator[str]:
        """Yield the folders that a file is in, the outermost first."""
        folder = ""
        yield folder
        for part in path.split("/")[:-1]:
            folder = posixpath.join(folder, part)
            yield folder


def unpack(path: str, content: Content, boundary: re.Pattern[str], outside: Folder) -> Archive | Fault:
    """Part a text into files by their boundaries, whose group `name` is their name.

    What has no name is a comment; what stands before the first is the file `comment`. Where the boundary has a group
    `same`, only one that has the same text there as the first is a boundary.
    """
    raw = isinstance(content, bytes)
    text = content.decode("utf-8", "surrogateescape") if isinstance(content, bytes) else content
    heads = list(boundary.finditer(text))
    if "same" in boundary.groupindex:
        heads = [head for head in heads if head["same"] == heads[0]["same"]]
    members: dict[str, tuple[Content, int]] = {}
    starts = [*((head["name"] or "", head.start(), head.end()) for head in heads), ("", len(text), len(text))]
    if before := text[: starts[0][1]]:
        members["comment"] = (as_content(before.encode("utf-8", "surrogateescape")) if raw else before, 1)
    line, at = 1, 0
    for (name, _, start), (_, end, _) in pairwise(starts):
        line, at = line + text.count("\n", at, start), start
        if name in members:
            return Fault(Place(path, line - 1), f"a second file {name!r} in it; correct the archive, or `boundary`")
        if name:
            body = text[start:end]
            members[name] = (as_content(body.encode("utf-8", "surrogateescape")) if raw else body, line)
    return Archive(path, outside, members)
