"""`skiplist.toml`: the cases known to fail, each with a reason. Read side."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness import toml
from harness.errors import Fault, InputError, Place
from harness.files import read
from harness.model import Excuse
from harness.patterns import compile_glob

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from harness.model import Content, Json

NAME = "skiplist.toml"
Status: TypeAlias = Literal["todo", "accepted", "unsupported", "flaky"]
_STATUSES: tuple[Status, ...] = ("todo", "accepted", "unsupported", "flaky")

_KEY = re.compile(r'^[ \t]*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\')[ \t]*=', re.MULTILINE)


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

    Raises InputError where the file itself is unreadable. Other faults are in `faults`, for the caller to raise with its own.
    """
    if not path.exists():
        return EMPTY
    document, faults = toml.load(path, "skiplist")
    if faults:
        raise InputError(faults)
    exact: dict[str, Excuse] = {}
    globs: list[tuple[re.Pattern[str], Excuse]] = []
    for entry in _entries(document, faults):
        place = entry.excuse.place
        whose = entry.target or default
        if whose not in targets:
            faults.append(Fault(place, f"no target named {whose!r}{toml.nearest(whose, targets)}"))
        elif whose in oracles:
            faults.append(
                Fault(
                    place,
                    f"{whose!r} is the oracle, and nothing excuses the oracle; mend its worker or the suite's rules",
                )
            )
        elif whose != target:
            continue
        elif entry.glob:
            globs.append((compile_glob(entry.excuse.key), entry.excuse))
        elif entry.excuse.key in exact:
            other = exact[entry.excuse.key].place
            faults.append(
                Fault(place, f"{entry.excuse.key!r} is listed twice for {target}: also in line {other.line}; keep one")
            )
        else:
            exact[entry.excuse.key] = entry.excuse
    return SkipList(exact, tuple(globs), tuple(faults))


def _entries(document: toml.Document, faults: list[Fault]) -> Iterator[_Entry]:
    lines = {
        found[1] or found[2]: document.text.count("\n", 0, found.start()) + 1 for found in _KEY.finditer(document.text)
    }
    for status in _STATUSES:
        section = document.data.get(status, {})
        for key, value in section.items():
            glob = key == "glob" and status != "accepted"
            for inner, said in value.items() if glob else [(key, value)]:
                place = Place(str(document.path), lines.get(inner))
                for table in said if isinstance(said, list) else [said]:
                    excuse = _excuse(
                        document, status, inner, {"reason": table} if isinstance(table, str) else table, place
                    )
                    if isinstance(excuse, Fault):
                        faults.append(excuse)
                    else:
                        yield _Entry(None if isinstance(table, str) else table.get("target"), excuse, glob)


def _excuse(
    document: toml.Document, status: Status, key: str, table: Mapping[str, Json], place: Place
) -> Excuse | Fault:
    known: Content | None = None
    if "reference" in table:
        found = read(str(document.path.parent / table["reference"]))
        if isinstance(found, Fault):
            says = f"{key!r}: its recorded reference {table['reference']} can not be read; record it again"
            return Fault(place, says)
        known = found
    return Excuse(status, table["reason"], table.get("run", True), key, place, known)
