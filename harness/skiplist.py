"""`skiplist.toml`: the cases known to fail, each with a reason. Read side."""

from __future__ import annotations

import os
import re
import tomllib
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness import accepted, toml
from harness.errors import Fault, InputError, Place
from harness.model import Excuse
from harness.patterns import compile_glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from harness.model import Json

NAME = "skiplist.toml"
Status: TypeAlias = Literal["todo", "accepted", "unsupported", "flaky"]
STATUSES: tuple[Status, ...] = ("todo", "accepted", "unsupported", "flaky")

_LINE = re.compile(r"""[ \t]*(?:\[([^\[\]]*)\]|("(?:[^"\\]|\\.)*"|'[^']*')[ \t]*=)""")
"""A `[section]`, or the quoted key of an entry."""


@dataclass(frozen=True, slots=True)
class SkipList:
    """The entries that concern one target."""

    exact: Mapping[str, Excuse]
    globs: tuple[tuple[re.Pattern[str], Excuse], ...]
    faults: tuple[Fault, ...] = ()

    def find(self, case_id: str) -> Excuse | None:
        """Return the entry for a case: its own line, else the first glob that fits."""
        excuse = self.exact.get(case_id)
        if excuse is not None:
            return excuse
        return next((excuse for pattern, excuse in self.globs if pattern.fullmatch(case_id)), None)

    def entries(self) -> Iterator[Excuse]:
        """List all entries."""
        yield from self.exact.values()
        for _, excuse in self.globs:
            yield excuse


EMPTY = SkipList({}, ())


@dataclass(frozen=True, slots=True)
class _Entry:
    target: str | None
    excuse: Excuse
    glob: bool


def load(path: Path, target: str, default: str, oracles: Collection[str], targets: Collection[str]) -> SkipList:
    """Read the list as it concerns one target; no file is an empty list.

    `faults` holds what is wrong with it, for the caller to raise.
    Raises InputError at once where nothing more can be said.
    """
    if not os.path.lexists(path):
        return EMPTY
    if path.exists() and not path.is_file():
        raise InputError([Fault(Place(str(path)), "is a folder, a pipe or a device; move it out of the way")])
    found, faults = document(path)
    exact: dict[str, Excuse] = {}
    globs: list[tuple[re.Pattern[str], Excuse]] = []
    for entry in _entries(found, faults):
        excuse, whose = entry.excuse, entry.target or default
        if whose not in targets:
            faults.append(Fault(excuse.place, f"no target named {whose!r}{toml.nearest(whose, targets)}"))
        elif whose in oracles:
            says = f"{whose!r} is the oracle, and nothing excuses the oracle; mend its worker or the suite's rules"
            faults.append(Fault(excuse.place, says))
        elif whose != target:
            continue
        elif entry.glob:
            globs.append((compile_glob(excuse.key), excuse))
        elif exact.setdefault(excuse.key, excuse) is not excuse:
            line = exact[excuse.key].place.line
            says = f"{excuse.key!r} is listed twice for {target}: also in line {line}; keep one"
            faults.append(Fault(excuse.place, says))
    return SkipList(exact, tuple(globs), tuple(sorted(faults, key=lambda fault: fault.place.line or 0)))


def document(path: Path) -> tuple[toml.Document, list[Fault]]:
    """Parse the file; see `toml.load`. A key that is there twice, as after a merge, is told with both its lines."""
    try:
        return toml.load(path, "skiplist")
    except InputError as problem:
        raise InputError([*_twice(path)] or problem.faults) from problem


def _twice(path: Path) -> Iterator[Fault]:
    """Find repeated keys and sections in what could not be parsed."""
    first: dict[tuple[str, str], int] = {}
    text = path.read_bytes().decode("utf-8-sig", "replace") if path.is_file() else ""
    for section, key, number in _marks(text):
        if first.setdefault((section, key), number) != number:
            line = first[section, key]
            one = f"{key!r} is listed twice in [{section}]: also in line {line}; keep one"
            says = one if key else f"a second [{section}]: the first is in line {line}; make them one"
            yield Fault(Place(str(path), number), says)


def _entries(document: toml.Document, faults: list[Fault]) -> Iterator[_Entry]:
    lines = _lines(document.text)
    for status in STATUSES:
        for section, glob, table in sections(document.data, status):
            for key, said in table.items():
                place = Place(str(document.path), lines.get((section, key)))
                for one in said if isinstance(said, list) else [said]:
                    fields = {"reason": one} if isinstance(one, str) else one
                    excuse = _excuse(document, status, unicodedata.normalize("NFC", key), fields, place)
                    if isinstance(excuse, Fault):
                        faults.append(excuse)
                    elif excuse is not None:
                        yield _Entry(fields.get("target"), excuse, glob)


def sections(data: Mapping[str, Json], status: Status) -> Iterator[tuple[str, bool, Mapping[str, Json]]]:
    """Yield (header, whether its keys are globs, entries)."""
    table: Mapping[str, Json] = data.get(status, {})
    if status == "accepted":
        yield status, False, table
    else:
        yield status, False, {key: said for key, said in table.items() if key != "glob"}
        yield f"{status}.glob", True, table.get("glob", {})


def _lines(text: str) -> Mapping[tuple[str, str], int]:
    """Find the line of each entry, as (section, key): in a list of thousands, that is what takes the time."""
    return {(section, key): number for section, key, number in _marks(text) if key}


def _marks(text: str) -> Iterator[tuple[str, str, int]]:
    """Yield (section, key, line) for each entry, and with an empty key for each `[section]`."""
    section = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = _LINE.match(line)
        if mark is None:
            continue
        key = ""
        if mark[2] is None:
            section = mark[1].replace(" ", "")
        else:
            key = mark[2][1:-1] if "\\" not in mark[2] or mark[2].startswith("'") else _unescaped(mark[2])
        yield section, key, number


def _unescaped(quoted: str) -> str:
    try:
        (key,) = tomllib.loads(f"{quoted} = 0")
    except tomllib.TOMLDecodeError:  # a line inside of a long text
        return quoted
    return key


def _excuse(
    document: toml.Document, status: Status, key: str, table: Mapping[str, Json], place: Place
) -> Excuse | Fault | None:
    """Make an entry; None for one that lacks what the schema has already asked for."""
    if "reason" not in table or (status == "accepted" and not {"reference", "of"} <= table.keys()):
        return None
    if status != "accepted":
        return Excuse(status, table["reason"], table.get("run", True), key, place)
    found = accepted.load(str(document.path.parent / table["reference"]))
    if isinstance(found, Fault):
        says = f"{key!r}: its recorded reference {table['reference']} {found.says}, or record it again"
        return Fault(place, says)
    return Excuse(status, table["reason"], run=True, key=key, place=place, reply=found, of=table["of"])
