"""`json`: equal as JSON values. Numbers are compared by their digits, or with a tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import tolerance, trees
from harness.judge import same
from harness.model import (
    Canonical,
    Content,
    ErrorReply,
    Json,
    Match,
    Mismatch,
    Output,
    ReferenceFault,
    Strength,
    Structured,
    Wants,
)
from harness.trees import (
    Difference,
    Leaf,
    NoTree,
    Way,
    differences,
    of_json,
    parse_json,
    settle,
    settle_reference,
    ways_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPTIONS: Mapping[str, Json] = {
    **trees.OPTIONS,
    "numbers": {
        "type": "object",
        "properties": dict(tolerance.OPTIONS),
        "additionalProperties": False,
        "minProperties": 1,
    },
}


class JsonValues:
    """White space, the order of keys and the spelling of strings are forgiven; what else, the config says."""

    wants: Wants = "output"

    def __init__(self, ways: tuple[Way, ...], near: tolerance.Tolerance | None) -> None:
        self._ways = ways
        self._tolerance = near
        self.loosenings = (*map(str, ways), *(("numbers",) if self._tolerance else ()))
        self.allowed = _worth(ways, near=bool(self._tolerance))

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare as strictly as possible first; raises ReferenceFault for a reference that is not JSON."""
        if reference and same(reference, got, canonical):  # nothing is no JSON, and must not pass for it
            return Match(Strength.EXACT)
        want = parse_json(reference) if isinstance(reference, str) else NoTree("not JSON: it is not text")
        if isinstance(want, NoTree):
            raise ReferenceFault(f"is {want.why}; restore it, or narrow the rule")
        try:
            settled, used = settle_reference(want, self._ways)
        except ValueError as problem:
            raise ReferenceFault(str(problem)) from problem
        have = _read(got)
        if isinstance(have, NoTree):
            return Mismatch(have.why)
        if not any(differences(want, have, _equal)):
            return Match(Strength.STRUCTURAL)
        found, more = settle(have, self._ways)
        apart = list(differences(settled, found, _equal))
        for one in apart:
            if not self._near(one):
                return Mismatch(str(one))
        ways = [way for way in self._ways if way in used | more]
        return Match(_worth(ways, near=bool(apart)), (*map(str, ways), *(("numbers",) if apart else ())))

    def _near(self, difference: Difference) -> bool:
        want, got = difference.want, difference.got
        if self._tolerance is None or not isinstance(want, Leaf) or not isinstance(got, Leaf):
            return False
        return not want.quote and not got.quote and self._tolerance.near(want.text, got.text)


def make(options: Mapping[str, Json]) -> JsonValues:
    """Raises ValueError for a path that fits everything."""
    return JsonValues(ways_of(options), tolerance.tolerance(options.get("numbers", {})))


def _read(got: Output | ErrorReply) -> trees.Tree | NoTree:
    match got:
        case Structured(value):
            return of_json(value)
        case str() | int():
            return parse_json(str(got))
        case _:
            return NoTree("not JSON: it is not text")


def _worth(ways: Sequence[Way], *, near: bool) -> Strength:
    if any(way.partial for way in ways):
        return Strength.FIELDS
    return Strength.NUMERIC if near else Strength.STRUCTURAL


def _equal(one: Leaf, other: Leaf) -> bool:
    """1.50 is 1.5 and 15e-1; but 1 is not 1.0, 0.0 is not -0.0, and nothing is equal to NaN but NaN."""
    if one == other:
        return True
    if one.quote or other.quote or one.text.lstrip("-").isdigit() or other.text.lstrip("-").isdigit():
        return False
    want, got = tolerance.number(one.text), tolerance.number(other.text)
    return want is not None and got is not None and want == got and want.is_signed() == got.is_signed()
