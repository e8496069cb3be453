"""`harness.lock`: how every case is judged and what it came to when a person last agreed. Pure: text in, text out.

One sorted line a case, so that two branches merge and a diff reads as what it is: `docs/reference/lock.md`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import Fault, InputError, Place
from harness.model import Parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME = "harness.lock"
FORMAT = 1
Common: TypeAlias = "dict[tuple[str, str, str], dict[str, str]]"
"""`("target", TARGET, "-")` or `("suite", TARGET, SUITE)` -> what its cases share: fingerprints by part, and counts."""

_HEAD = (
    "# Written by `harness lock`: how each case is judged and what it came to; `harness check` sees to it.",
    "# case target outcome achieved/allowed entry input reference rule",
    f"format {FORMAT}",
)
_ROW = re.compile(r'("(?:[^"\\]|\\.)*") (\S+) ([\w-]+) ([\w-]+)/([\w-]+) (\S+) (\w+) (\w+) (\w+)')
_COMMON = re.compile(r"(target|suite) (\S+) (\S+)((?: [a-z]+=\w+)+)")
_MEND = "restore it from git, mend what a merge left, or remove the file and `harness lock` every target"


@dataclass(frozen=True, slots=True)
class Row:
    """One case of one target; `outcome` is `-` where none is known, `achieved` is `-` for what did not pass."""

    case: str
    target: str
    outcome: str
    achieved: str
    allowed: str
    parts: Parts

    def __str__(self) -> str:
        parts = self.parts
        return (
            f"{_key(self.case, self.target)}{self.outcome} {self.achieved}/{self.allowed}"
            f" {parts.entry} {parts.input} {parts.reference} {parts.rule}"
        )


@dataclass(slots=True)
class Lock:
    """The rows as sorted lines: 50,000 of them must fit; and which of them were asked for."""

    lines: list[str]
    common: Common
    seen: bytearray

    def find(self, row: Row) -> Row | None:
        """Return the row of a case as it was, the very same one where nothing differs; it counts as asked for."""
        line = str(row)
        at = bisect_left(self.lines, line)
        if at < len(self.lines) and self.lines[at] == line:
            self.seen[at] = 1
            return row
        key = _key(row.case, row.target)
        at = bisect_left(self.lines, key)
        if at == len(self.lines) or not self.lines[at].startswith(key):
            return None
        self.seen[at] = 1
        return read(self.lines[at])

    def unseen(self, target: str) -> Iterator[Row]:
        """Yield the rows of a target that nobody has asked for."""
        rows = (read(line) for line, seen in zip(self.lines, self.seen, strict=True) if not seen)
        return (row for row in rows if row.target == target)


def read(line: str) -> Row:
    """Read a line that `parse` has let through."""
    found = _ROW.fullmatch(line)
    if found is None:
        raise AssertionError(line)
    case, target, outcome, achieved, allowed, entry, given, reference, rule = found.groups()
    return Row(json.loads(case), target, outcome, achieved, allowed, Parts(given, reference, rule, entry))


def parse(text: str, path: str) -> Lock:
    """Read a lock. Raises InputError with every line that is none, and every count that is wrong."""
    lines: list[str] = []
    common: Common = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    names: set[int] = set()
    faults: list[Fault] = []
    for number, line in enumerate(text.split("\n"), 1):
        if found := _ROW.fullmatch(line):
            lines.append(line)
            name = hash((found[1], found[2]))  # the names themselves would take five times the room
            if name in names:
                faults.append(Fault(Place(path, number), f"lists {found[1]} of {found[2]!r} a second time; {_MEND}"))
            names.add(name)
            counts["suite", found[2], found[1][1:].partition("/")[0]] += 1
        elif found := _COMMON.fullmatch(line):
            common[found[1], found[2], found[3]] = dict(part.split("=") for part in found[4].split())
        elif line and not line.startswith("#") and line != f"format {FORMAT}":
            faults.append(Fault(Place(path, number), f"is no line of a lock of format {FORMAT}; {_MEND}"))
    for key in sorted(counts.keys() | {key for key in common if key[0] == "suite"}):
        said = common.get(key, {}).get("cases", "0")
        if said != str(counts[key]):
            says = f"says that suite {key[2]!r} of {key[1]!r} has {said} cases, and lists {counts[key]}; {_MEND}"
            faults.append(Fault(Place(path), says))
    lines.sort()
    if faults:
        raise InputError(faults)
    return Lock(lines, common, bytearray(len(lines)))


def write(before: Lock | None, target: str, rows: Iterable[Row], common: Common) -> str:
    """Write a lock anew for one target; what it says of others stays."""
    lines = [str(row) for row in rows]
    if before is not None:
        lines += [line for line in before.lines if read(line).target != target]
        common = {**{name: parts for name, parts in before.common.items() if name[1] != target}, **common}
    heads = [" ".join([*name, *(f"{key}={value}" for key, value in parts.items())]) for name, parts in common.items()]
    return "\n".join([*_HEAD, *sorted(heads), *sorted(lines), ""])


def _key(case: str, target: str) -> str:
    return f"{json.dumps(case, ensure_ascii=False)} {target} "
