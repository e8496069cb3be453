"""`lines`: the same lines in any order, or at least those of the reference."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPTIONS: Mapping[str, Json] = {"unordered": {"const": True}, "subset": {"const": True}}
_SHOWN = 60


class Lines:
    r"""Lines end at `\n` only, and each is compared as it is, as often as it is there."""

    wants: Wants = "output"

    def __init__(self, *, unordered: bool, subset: bool) -> None:
        self._unordered, self._subset = unordered, subset
        self.loosenings = (*(("unordered",) if unordered else ()), *(("subset",) if subset else ()))
        self.allowed = Strength.FIELDS if subset else Strength.STRUCTURAL

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare; raises ReferenceFault for a reference that is no text, or that has no line to look for."""
        if not isinstance(reference, str):
            raise ReferenceFault("is not text, and has no lines; restore it, or narrow the rule")
        if self._subset and not reference.strip():
            raise ReferenceFault("has no line, so that `subset` would pass everything; narrow the rule")
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(got, str):
            return differs(got)
        want, have = canonical(reference).split("\n"), canonical(got).split("\n")
        if self._unordered and sorted(want) == sorted(have):
            return Match(Strength.STRUCTURAL, ("unordered",))
        if not self._subset:
            return _apart(want, have)
        want = want[:-1] if want[-1] == "" else want  # the end of the last line is no line
        rest = iter(have)
        if all(line in rest for line in want):
            return Match(Strength.FIELDS, ("subset",))
        missing = Counter(want) - Counter(have)
        if self._unordered and not missing:
            return Match(Strength.FIELDS, ("unordered", "subset"))
        return Mismatch(_told("lines missing", missing.elements()) if missing else "the lines are in another order")


def make(options: Mapping[str, Json]) -> Lines:
    """Raises ValueError when nothing is asked for."""
    if not options:
        raise ValueError('says nothing; write `unordered = true`, `subset = true`, or matcher = "exact"')
    return Lines(unordered="unordered" in options, subset="subset" in options)


def _apart(want: list[str], have: list[str]) -> Mismatch:
    missing, more = Counter(want) - Counter(have), Counter(have) - Counter(want)
    sides = [("lines missing", missing.elements()), ("too many", more.elements())]
    return Mismatch("; ".join(filter(None, (_told(word, lines) for word, lines in sides))))


def _told(word: str, lines: Iterable[str]) -> str:
    found = list(lines)
    return f"{len(found)} {word}, first {found[0][:_SHOWN]!r}" if found else ""
