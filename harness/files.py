"""Finding and reading the source project's files: byte by byte, in a stable order, never outside of what was named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.errors import Fault, Place
from harness.model import Content, Misfit, Shared
from harness.patterns import compile_glob, fixed_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def find(root: Path, glob: str) -> Iterator[tuple[str, str] | Fault]:
    """Yield (name, path) of the files that fit, sorted by name; the name is relative to the glob's fixed folder.

    Links are followed. A link that leads back into a folder above it is a fault, not an endless tree.
    """
    base = fixed_folder(glob)
    rest = glob[len(base) + 1 :] if base else glob
    fits = compile_glob(rest).fullmatch
    depth = None if "**" in rest else rest.count("/")
    for found in _walk(os.path.join(root, base) if base else str(root), "", depth, ()):
        if isinstance(found, Fault) or fits(found[0]):
            yield found


def _walk(
    folder: str, prefix: str, depth: int | None, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, str] | Fault]:
    """List the files below a folder by name; `depth` more levels of folders, or None for all of them."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # a folder that is not there holds nothing: whoever asked says so, with the line of the config
    for entry in entries:
        if not entry.is_dir():
            yield prefix + entry.name, entry.path
        elif depth is None or depth > 0:
            status = entry.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                yield Fault(
                    Place(entry.path), "this link leads back to a folder above it; remove the link or narrow the glob"
                )
                continue
            below = None if depth is None else depth - 1
            yield from _walk(entry.path, f"{prefix}{entry.name}/", below, (*above, here))


def read(path: str) -> Content | Fault:
    """Read a file: text when it is UTF-8, else its bytes. Newlines, marks and NULs stay as they are."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read()
    except OSError as problem:
        return Fault(Place(path), f"can not be read ({problem.strerror}); restore the file or its permissions")
    return as_content(data)


def as_content(data: bytes) -> Content:
    """Text when it is UTF-8, else the bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def shared(root: Path, globs: Sequence[str]) -> Iterator[Shared | Misfit | Fault]:
    """Read the files that the cases of a suite share; their names are relative to their glob's fixed folder."""
    files: dict[str, Content] = {}
    for glob in globs:
        before = len(files)
        for found in find(root, glob):
            if isinstance(found, Fault):
                yield found
                continue
            name, path = found
            content = read(path)
            if isinstance(content, Fault):
                yield content
            elif name in files:
                yield Fault(Place(path), f"a second shared file named {name!r}; narrow the globs of `shared`")
            else:
                files[name] = content
        if len(files) == before:
            yield nothing_fits("shared", glob, root)
    yield Shared(files)


def nothing_fits(option: str, glob: str, root: Path) -> Misfit:
    """Say that a glob of the config matches no file."""
    base = fixed_folder(glob)
    folder = os.path.join(root, base)
    why = f"{folder} holds no such file" if os.path.isdir(folder) else f"there is no folder {folder}"
    return Misfit(option, f"{option} {glob!r} matches nothing: {why}; correct the glob or [source] root")
