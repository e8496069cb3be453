"""After the source project has moved: which cases are new, gone, renamed or changed; how the skip list follows.

Pure. A case is known again by its input or its references, where only one that is gone and one that is new have them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.patterns import compile_glob
from harness.skipedit import Change, Listed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable, Mapping

Contents: TypeAlias = "Mapping[str, tuple[str, str]]"
"""Case id -> hashes of its input and of its references."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How the cases of two states of the source differ; ids are sorted."""

    new: tuple[str, ...]
    gone: tuple[str, ...]
    renamed: Mapping[str, str]
    """Old id -> new id."""
    changed: Mapping[str, str]
    """New id -> what differs: `input`, `references`, or both; of renamed cases too."""


def compare(before: Contents, after: Contents) -> Moved:
    """Find what has moved between two states."""
    renamed: dict[str, str] = {}
    for key in (_both, _given, _wanted):
        gone = _only(before, (before.keys() - after.keys()) - renamed.keys(), key)
        new = _only(after, (after.keys() - before.keys()) - {*renamed.values()}, key)
        renamed |= {gone[one]: new[one] for one in gone.keys() & new.keys()}
    pairs = [*renamed.items(), *((case, case) for case in before.keys() & after.keys())]
    return Moved(
        new=tuple(sorted((after.keys() - before.keys()) - {*renamed.values()})),
        gone=tuple(sorted((before.keys() - after.keys()) - renamed.keys())),
        renamed=dict(sorted(renamed.items())),
        changed={new: _what(before[old], after[new]) for old, new in sorted(pairs) if before[old] != after[new]},
    )


def _both(_case: str, content: tuple[str, str]) -> Hashable:
    return content


def _given(_case: str, content: tuple[str, str]) -> Hashable:
    return content[0]


def _wanted(case: str, content: tuple[str, str]) -> Hashable:
    """Many cases want `true`: those of another suite are no kin."""
    return case.partition("/")[0], content[1]


def _only(
    contents: Contents, cases: Iterable[str], key: Callable[[str, tuple[str, str]], Hashable]
) -> dict[Hashable, str]:
    """Map each key that only one of the cases has -> that case."""
    found: dict[Hashable, list[str]] = defaultdict(list)
    for case in cases:
        found[key(case, contents[case])].append(case)
    return {one: alike[0] for one, alike in found.items() if len(alike) == 1}


def _what(old: tuple[str, str], new: tuple[str, str]) -> str:
    return " and ".join(
        name for name, one, other in zip(("input", "references"), old, new, strict=True) if one != other
    )


def follow(entries: Collection[Listed], moved: Moved, cases: Collection[str]) -> Change:
    """Say what becomes of the skip list: entries follow renames, and go with their case.

    A glob that fits no case any more goes; what it excused under another name gets an entry of its own.
    """
    exact = {(one.id, one.target) for one in entries if not one.glob}
    globs = [(compile_glob(one.key), one) for one in entries if one.glob]
    gone: list[Listed] = []
    new: dict[tuple[str, str | None], Listed] = {}
    for one in entries:
        if not one.glob and (one.id in moved.renamed or one.id in moved.gone):
            gone.append(one)
            if one.id in moved.renamed:
                _excuse(new, exact, one, moved.renamed[one.id])
    for pattern, one in globs:
        if not any(map(pattern.fullmatch, cases)):
            gone.append(one)
        for old, name in moved.renamed.items():
            fits = any(other.fullmatch(name) for other, it in globs if it.target == one.target)
            if pattern.fullmatch(old) and not fits and (old, one.target) not in exact:
                _excuse(new, exact, one, name)
    return Change(gone, list(new.values()))


def _excuse(
    new: dict[tuple[str, str | None], Listed], exact: Collection[tuple[str, str | None]], one: Listed, name: str
) -> None:
    """Give a case the entry of its old name, if it has none of its own."""
    if (name, one.target) not in exact:
        new.setdefault((name, one.target), Listed(one.status, glob=False, key=name, fields=one.fields))
