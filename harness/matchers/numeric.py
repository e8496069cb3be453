"""`numeric`: texts that are equal but for their numbers, and those are near enough."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness import tolerance
from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {
    **tolerance.OPTIONS,
    "integers": {"const": True},
    "columns": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "uniqueItems": True},
    "separator": {"type": "string", "minLength": 1},
}

_NUMBER = re.compile(r"((?<![\w.])[-+]?(?:\d++(?:\.\d++)?|\.\d++)(?:[eE][-+]?\d++)?(?!\w|\.\d))", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
_SHOWN = 60


class Numeric:
    """Numbers stand by themselves: those in names, versions and words with units are text."""

    allowed = Strength.NUMERIC
    wants: Wants = "output"
    loosenings: tuple[str, ...] = ("numeric",)

    def __init__(self, near: tolerance.Tolerance, options: Mapping[str, Json]) -> None:
        self._tolerance = near
        self._integers = "integers" in options
        self._columns = frozenset(options.get("columns", ()))
        self._separator = options.get("separator")

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare; raises ReferenceFault for a reference that is no text."""
        if not isinstance(reference, str):
            raise ReferenceFault("is not text, and has no numbers; restore it, or narrow the rule")
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(got, str):
            return differs(got)
        why = (self._rows if self._columns else self._text)(canonical(reference), canonical(got))
        return Mismatch(why) if why else Match(Strength.NUMERIC, ("numeric",))

    def _text(self, want: str, got: str) -> str:
        """Compare what lies between the numbers, and the numbers."""
        wanted, found = _NUMBER.split(want), _NUMBER.split(got)
        for at, (one, other) in enumerate(zip(wanted, found, strict=False)):
            if one != other and not (at % 2 and self._near(one, other)):
                return f"number {at // 2 + 1} is {one}, got {other}" if at % 2 else "output differs"
        return "output differs" if len(wanted) != len(found) else ""

    def _rows(self, want: str, got: str) -> str:
        """Compare line by line, and in each column by column."""
        wanted, found = want.split("\n"), got.split("\n")
        if len(wanted) != len(found):
            return f"{len(wanted)} lines, got {len(found)}"
        for line, (row, other) in enumerate(zip(wanted, found, strict=True), 1):
            cells, others = row.split(self._separator), other.split(self._separator)
            if len(cells) != len(others):
                return f"line {line}: {len(cells)} columns, got {len(others)}"
            for column, (one, two) in enumerate(zip(cells, others, strict=True), 1):
                if one != two and not (column in self._columns and self._near(one.strip(), two.strip())):
                    return f"line {line} column {column}: {one[:_SHOWN]!r}, got {two[:_SHOWN]!r}"
        return ""

    def _near(self, want: str, got: str) -> bool:
        if not (_NUMBER.fullmatch(want) and _NUMBER.fullmatch(got)):
            return False
        if not self._integers and _WHOLE.fullmatch(want) and _WHOLE.fullmatch(got):
            return False
        return self._tolerance.near(want, got)


def make(options: Mapping[str, Json]) -> Numeric:
    """Raises ValueError without a tolerance, or with a separator that separates nothing."""
    near = tolerance.tolerance(options)
    if near is None:
        raise ValueError("says no tolerance; write `absolute`, `relative` or `ulps`")
    if "separator" in options and "columns" not in options:
        raise ValueError("`separator` is for `columns`; name them, or drop it")
    return Numeric(near, options)
