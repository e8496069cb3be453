"""Finding and reading the source project's files: byte by byte, in a stable order, never outside of what was named."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import Fault, Place
from harness.model import Content, Misfit, Shared
from harness.patterns import compile_glob, fixed_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_CHUNK = 1 << 16


class Change(NamedTuple):
    """When a file was last written or put in its place: the inode's own time, which no program can set."""

    when: float
    """Seconds since the epoch."""
    path: str


_newest = Change(0.0, "")


def find(root: Path, glob: str) -> Iterator[tuple[str, str] | Fault]:
    """Yield (name, path) of the files that fit, sorted by name; the name is relative to the glob's fixed folder.

    Names are as the disk spells them; the glob is held against their NFC form. Links are followed. A link that leads
    back into a folder above it is a fault, not an endless tree.
    """
    base = fixed_folder(glob)
    rest = glob[len(base) + 1 :] if base else glob
    top = os.path.join(root, base) if base else str(root)
    try:
        status = os.stat(top)
    except (FileNotFoundError, NotADirectoryError):
        return  # a folder that is not there holds nothing: whoever asked says so, with the line of the config
    except OSError as problem:
        yield _not_listed(top, problem)
        return
    if stat.S_ISDIR(status.st_mode):
        depth = None if "**" in rest else rest.count("/")
        yield from _walk(top, "", depth, (_identity(status),), compile_glob(rest).fullmatch)


def _walk(
    folder: str, prefix: str, depth: int | None, above: tuple[tuple[int, int], ...], fits: Callable[[str], object]
) -> Iterator[tuple[str, str] | Fault]:
    """Yield what is in a folder and below it, by name; `depth` more levels of folders, or None for all of them."""
    try:
        names, folders = _list(folder, prefix, fits, deeper=depth != 0)
    except OSError as problem:
        yield _not_listed(folder, problem)
        return
    before = os.path.join(folder, "")
    names.sort(reverse=True)
    while names:  # a name is let go when it has been told: there may be 100,000 of them
        name = names.pop()
        inner = folders.get(name)
        if inner is None:
            full = prefix + name
            yield (full, before + name) if full.isascii() or _is_text(full) else _no_text(before + name)
            continue
        try:
            here = _identity(inner.stat())
        except OSError as problem:
            yield _not_listed(inner.path, problem)
            continue
        if here in above:
            says = "this link leads back to a folder above it; remove the link or narrow the glob"
            yield Fault(Place(inner.path), says)
            continue
        below = None if depth is None else depth - 1
        yield from _walk(inner.path, f"{prefix}{name}/", below, (*above, here), fits)


def _list(
    folder: str, prefix: str, fits: Callable[[str], object], *, deeper: bool
) -> tuple[list[str], dict[str, os.DirEntry[str]]]:
    """List the names of the files that fit and, where it goes deeper, of the folders; the latter are in the mapping."""
    composed = unicodedata.normalize("NFC", prefix)
    names: list[str] = []
    folders: dict[str, os.DirEntry[str]] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if _is_folder(entry):
                if deeper:
                    folders[name] = entry
                    names.append(name)
            elif fits(composed + (name if name.isascii() else unicodedata.normalize("NFC", name))):
                names.append(name)
    return names, folders


def _not_listed(folder: str, problem: OSError) -> Fault:
    return Fault(Place(folder), f"can not be listed ({problem.strerror}); restore the folder or its permissions")


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link to itself: whoever reads it is told


def _is_text(name: str) -> bool:
    """Whether a name can be an id: Python stands lone surrogates in for bytes that are not UTF-8."""
    return not any("\ud800" <= mark <= "\udfff" for mark in name)


def _no_text(path: str) -> Fault:
    return Fault(Place(path), f"its name is not UTF-8 ({os.fsencode(path)!r}); rename it, or narrow the glob")


def read(path: str) -> Content | Fault:
    """Read a file: text when it is UTF-8, else its bytes. Newlines, marks and NULs stay as they are."""
    global _newest  # noqa: PLW0603 - asking for the time of each file again takes longer than reading it
    try:
        # A third faster than `open`, and a run opens two files a case. A pipe without a writer must not hold us up.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            data = os.read(file, _CHUNK)
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return Fault(Place(path), "is a pipe or a device, and a file is due; put a file in its place")
            if len(data) == _CHUNK:
                data += io.FileIO(file, closefd=False).readall()
        finally:
            os.close(file)
    except OSError as problem:
        return Fault(Place(path), f"can not be read ({problem.strerror}); restore the file or its permissions")
    if status.st_ctime > _newest.when:
        _newest = Change(status.st_ctime, path)
    return as_content(data)


def last_changed() -> Change:
    """Return the newest of all files that were read so far."""
    return _newest


def as_content(data: bytes) -> Content:
    """Text when it is UTF-8, else the bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def shared(root: Path, globs: Sequence[str]) -> Iterator[Shared | Misfit | Fault]:
    """Read the files that the cases of a suite share; their names are relative to their glob's fixed folder."""
    files: dict[str, Content] = {}
    paths: set[str] = set()
    for glob in globs:
        empty = True
        for found in find(root, glob):
            empty = False
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
                paths.add(os.path.realpath(path))
        if empty:
            yield nothing_fits("shared", glob, root)
    yield Shared(files, frozenset(paths))


def nothing_fits(option: str, glob: str, root: Path) -> Misfit:
    """Say that a glob of the config matches no file."""
    base = fixed_folder(glob)
    folder = Place(os.path.join(root, base))
    why = f"{folder} holds no such file" if os.path.isdir(folder.path) else f"there is no folder {folder}"
    return Misfit(option, f"{option} {glob!r} matches nothing: {why}; correct the glob or [source] root")
