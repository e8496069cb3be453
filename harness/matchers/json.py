"""`json`: equal as JSON values. Numbers are compared by their digits, or with a tolerance."""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Literal

from harness import trees
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
        "properties": {
            "absolute": {"type": "number", "minimum": 0},
            "relative": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
        },
        "additionalProperties": False,
        "minProperties": 1,
    },
}
_EXACT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
"""Digits enough for whatever a double or 128 bits hold; what overflows becomes infinite instead of an error."""


class JsonValues:
    """White space, the order of keys and the spelling of strings are forgiven; what else, the config says."""

    wants: Literal["output", "error", "either"] = "output"

    def __init__(self, ways: tuple[Way, ...], absolute: Decimal | None, relative: Decimal | None) -> None:
        self._ways = ways
        self._tolerance = None if absolute is None or relative is None else (absolute, relative)
        self.loosenings = (*map(str, ways), *(("numbers",) if self._tolerance else ()))
        self.allowed = _worth(ways, near=bool(self._tolerance))

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare as strictly as possible first; raises ReferenceFault for a reference that is not JSON."""
        if same(reference, got, canonical):
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
        return (
            self._tolerance is not None
            and isinstance(want, Leaf)
            and isinstance(got, Leaf)
            and _near(want, got, *self._tolerance)
        )


def make(options: Mapping[str, Json]) -> JsonValues:
    """Raises ValueError for a path that fits everything."""
    numbers = options.get("numbers", {})
    tolerances = [Decimal(str(numbers.get(key, 0))) if numbers else None for key in ("absolute", "relative")]
    return JsonValues(ways_of(options), *tolerances)


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


def _number(leaf: Leaf) -> Decimal | None:
    """Read a finite number; None for all else, the exponents that no library holds among them."""
    if leaf.quote or leaf.text[-1:].isalpha():
        return None
    found = _EXACT.create_decimal(leaf.text) if len(leaf.text) < _EXACT.prec else Decimal(leaf.text, _EXACT)
    return found if found.is_finite() else None


def _equal(one: Leaf, other: Leaf) -> bool:
    """1.50 is 1.5 and 15e-1; but 1 is not 1.0, 0.0 is not -0.0, and nothing is equal to NaN but NaN."""
    if one == other:
        return True
    if one.quote or other.quote or one.text.lstrip("-").isdigit() or other.text.lstrip("-").isdigit():
        return False
    want, got = _number(one), _number(other)
    return want is not None and got is not None and want == got and want.is_signed() == got.is_signed()


def _near(one: Leaf, other: Leaf, absolute: Decimal, relative: Decimal) -> bool:
    want, got = _number(one), _number(other)
    if want is None or got is None:
        return False
    far = _EXACT.abs(_EXACT.subtract(want, got))
    return far <= absolute or far <= _EXACT.multiply(relative, _EXACT.abs(want))
