"""`skiplist.toml`, write side: an edit keeps comments, order and line endings, and is whole or not at all."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
import tomllib
import unicodedata
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import skiplist
from harness.errors import Fault, InputError, Place, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    import tomlrt

    from harness.model import Json
    from harness.skiplist import Status

_EMPTY = "format = 1\n"


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry as it stands in the file; where a key has a list, one of its items."""

    status: Status
    glob: bool
    key: str
    fields: Mapping[str, Json]
    """`reason`, and whatever else it says."""

    @property
    def target(self) -> str | None:
        """Whom it concerns; None for the default target."""
        target: str | None = self.fields.get("target")
        return target

    @property
    def id(self) -> str:
        """The key as ids are compared: in NFC."""
        return unicodedata.normalize("NFC", self.key)


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit takes out of the list, and what it adds at the ends of the sections."""

    gone: Collection[Listed] = ()
    new: Collection[Listed] = ()


def entries(data: Mapping[str, Json]) -> Iterator[Listed]:
    """List what a parsed file says, in the order of the sections."""
    for status in skiplist.STATUSES:
        for _, glob, table in skiplist.sections(data, status):
            for key, said in table.items():
                for one in said if isinstance(said, list) else [said]:
                    yield Listed(status, glob, key, {"reason": one} if isinstance(one, str) else one)


def edit(path: Path, decide: Callable[[tuple[Listed, ...]], Change]) -> Change:
    """Let `decide` see the entries and say what changes, and write that; nobody else edits meanwhile.

    The new file takes the old one's place at once, with its permissions; a link stays a link.
    Raises InputError when the file is not sound or can not be edited without a loss, UsageError when not written.
    """
    real = path.resolve()
    with _alone(real.parent):
        text, data = _read(path)
        change = decide(tuple(entries(data)))
        after = _changed(data, change)
        if after != data:
            _write(real, path, _rendered(text, data, after), after)
        return change


def read(path: Path) -> tuple[Listed, ...]:
    """List the entries for all targets. Raises InputError."""
    return tuple(entries(_read(path)[1]))


def _read(path: Path) -> tuple[str, dict[str, Json]]:
    if not os.path.lexists(path):
        return _EMPTY, tomllib.loads(_EMPTY)
    document, faults = skiplist.document(path)
    if faults:
        raise InputError(faults)
    return path.read_bytes().decode(), document.data


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder: the file itself is another one after each edit."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


# --- what it comes to ----------------------------------------------------------------------------------------------


def _changed(data: Mapping[str, Json], change: Change) -> dict[str, Json]:
    after = deepcopy(dict(data))
    for one in change.gone:
        table = _section(after, one)
        said = table[one.key]
        if isinstance(said, list) and len(said) > 1:
            said.remove(one.fields)
        else:
            del table[one.key]
    for one in change.new:
        table = _section(after, one)
        value = one.fields["reason"] if set(one.fields) == {"reason"} else dict(one.fields)
        before = table.get(one.key, [])
        items = before if isinstance(before, list) else [before]
        table[one.key] = [{"reason": it} if isinstance(it, str) else it for it in (*items, value)] if items else value
    return after


def _section(data: dict[str, Json], one: Listed) -> dict[str, Json]:
    table: dict[str, Json] = data.setdefault(one.status, {})
    return table.setdefault("glob", {}) if one.glob else table


# --- how it is written ---------------------------------------------------------------------------------------------


def _rendered(text: str, data: Mapping[str, Json], after: Mapping[str, Json]) -> str:
    """Write what differs into the text.

    An entry that goes is made one marked line first, and then the line goes: so the comments above it stay.
    """
    import tomlrt  # noqa: PLC0415 - 30 ms, and only to edit

    mark = secrets.token_hex(16)
    bom = text[:1] == "\ufeff"
    document = tomlrt.loads(text[bom:])
    for status in skiplist.STATUSES:
        olds, news = ({glob: table for _, glob, table in skiplist.sections(one, status)} for one in (data, after))
        for glob, new in news.items():
            old = olds[glob]
            if new == old:
                continue
            table = _table(document, status, glob=glob)
            for key in old.keys() - new.keys():
                table[key] = mark
            for key, value in new.items():
                if key not in old:
                    table[key] = value
                elif value != old[key]:
                    _set(table, key, old[key], value)
    lines = tomlrt.dumps(document).splitlines(keepends=True)
    return "\ufeff" * bom + "".join(line for line in lines if mark not in line)


def _table(document: tomlrt.Document, status: str, *, glob: bool) -> tomlrt.Table:
    import tomlrt  # noqa: PLC0415 - see above

    table: Json = document
    for name in (status, "glob") if glob else (status,):
        if name not in table:
            table[name] = tomlrt.Table.section()
        table = table[name]
    found: tomlrt.Table = table
    return found


def _set(table: Json, key: str, old: Json, new: Json) -> None:
    """Change a value; of a list only the items that differ, so that the others keep their lines and comments."""
    if not (isinstance(old, list) and isinstance(new, list)):
        table[key] = new
        return
    for number in reversed([number for number, one in enumerate(old) if one not in new]):
        del table[key][number]
    for one in new:
        if one not in old:
            table[key].append(one)


def put(path: Path, data: bytes, look: Callable[[bytes], None] = lambda _: None) -> None:
    """Put a file in its place, with the permissions of the one before, once it is on the disk as it should be.

    `look` sees what is on the disk, and raises if it is wrong. Raises UsageError when nothing can be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                file.write(data)
                if path.exists():
                    os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
                file.flush()
                os.fsync(file.fileno())
            look(beside.read_bytes())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as problem:
        says = f"{path}: can not be written ({problem.strerror}); see to the folder and its permissions"
        raise UsageError(says) from problem


def _write(real: Path, path: Path, text: str, after: Mapping[str, Json]) -> None:
    """Put a text in the place of the file, if it says what it should."""

    def look(written: bytes) -> None:
        try:
            if tomllib.loads(written.decode("utf-8-sig")) == after:
                return
        except tomllib.TOMLDecodeError:
            pass
        says = "can not be edited without a loss; write each entry as a line under its [section], or edit by hand"
        raise InputError([Fault(Place(str(path)), says)])

    put(real, text.encode(), look)
