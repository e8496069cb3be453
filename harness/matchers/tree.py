"""`tree`: texts that print a structure, compared as trees: Rust's `{:#?}`, Python's repr, Go's `%#v`, JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants
from harness.trees import OPTIONS, NoTree, Way, differences, parse, settle, settle_reference, ways_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["OPTIONS", "make"]


class Tree:
    """White space, trailing commas, the order of named fields and the spelling of strings are forgiven."""

    wants: Wants = "output"

    def __init__(self, ways: tuple[Way, ...]) -> None:
        self._ways = ways
        self.loosenings = tuple(map(str, ways))
        self.allowed = _worth(ways)

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare as strictly as possible first; raises ReferenceFault for a reference that is no tree."""
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        want = parse(reference) if isinstance(reference, str) else NoTree("it is not text")
        if isinstance(want, NoTree):
            raise ReferenceFault(f"is no tree: {want.why}; restore it, or narrow the rule")
        try:
            settled, used = settle_reference(want, self._ways)
        except ValueError as problem:
            raise ReferenceFault(str(problem)) from problem
        if not isinstance(got, str):
            return differs(got)
        have = parse(got)
        if isinstance(have, NoTree):
            return Mismatch(f"no tree: {have.why}")
        if not any(differences(want, have)):
            return Match(Strength.STRUCTURAL)
        found, more = settle(have, self._ways)
        for difference in differences(settled, found):
            return Mismatch(str(difference))
        ways = [way for way in self._ways if way in used | more]
        return Match(_worth(ways), tuple(map(str, ways)))


def make(options: Mapping[str, Json]) -> Tree:
    """Raises ValueError for a path that fits everything."""
    return Tree(ways_of(options))


def _worth(ways: Sequence[Way]) -> Strength:
    return Strength.FIELDS if any(way.partial for way in ways) else Strength.STRUCTURAL
