"""`accepts`: only whether the input was accepted or refused, for suites that say no more.

A reference named `error` wants any error, one of any other name any output. It is the weakest of all matchers, and what
it passes is told so: `any-error`, `any-output`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {}


class Accepts:
    """Which of the two came is the judge's to see; nothing else is asked."""

    allowed = Strength.ANY_OUTPUT
    wants: Wants = "either"
    loosenings: tuple[str, ...] = ()

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:  # noqa: ARG002
        """Take it; but a reference that says what must come out is not thrown away."""
        if isinstance(got, ErrorReply):
            return Match(Strength.ANY_ERROR)
        if reference:
            raise ReferenceFault("says what must come out, and `accepts` would not look at it; use another matcher")
        return Match(Strength.ANY_OUTPUT)


def make(options: Mapping[str, Json]) -> Accepts:  # noqa: ARG001 - every matcher is made from its options
    """`accepts` has no options."""
    return Accepts()
