"""`similar`: so much of both texts is alike, counted in characters that would have to be inserted or deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rapidfuzz.distance import Indel

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {"floor": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1}}
"""Below one half, texts pass that have nothing in common but their alphabet."""
REQUIRED = ("floor",)

_MOST = 4_000_000_000
"""The product of two lengths that is compared in less than a tenth of a second."""
_PLACES = 6


class Similar:
    """At least at the floor."""

    allowed = Strength.SIMILAR
    wants: Wants = "output"
    loosenings: tuple[str, ...] = ("similar",)

    def __init__(self, floor: float) -> None:
        self._floor = floor

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare; raises ReferenceFault for a reference that is no text."""
        if not isinstance(reference, str):
            raise ReferenceFault("is not text, and is similar to nothing; restore it, or narrow the rule")
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(got, str):
            return differs(got)
        likeness = round(_alike(canonical(reference), canonical(got)), _PLACES)
        if likeness >= self._floor:
            return Match(Strength.SIMILAR, ("similar",))
        return Mismatch(f"similar {likeness:.3f} < {self._floor:g}")


def make(options: Mapping[str, Json]) -> Similar:
    """Take the floor."""
    return Similar(options["floor"])


def _alike(want: str, got: str) -> float:
    """Long texts are compared by whole lines, which is stricter; what is too long for that is not alike."""
    if len(want) * len(got) <= _MOST:
        return Indel.normalized_similarity(want, got)
    lines = want.split("\n"), got.split("\n")
    if len(lines[0]) * len(lines[1]) <= _MOST:
        return Indel.normalized_similarity(*lines)
    return 0.0
