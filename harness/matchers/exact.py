"""`exact`: nothing is forgiven beyond the source format's own rule of equality (insta's, for insta references)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {}


class Exact:
    """Equal or not."""

    allowed = Strength.EXACT
    wants: Wants = "output"
    loosenings: tuple[str, ...] = ()

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare."""
        return Match(Strength.EXACT) if same(reference, got, canonical) else differs(got)


def make(options: Mapping[str, Json]) -> Exact:  # noqa: ARG001 - every matcher is made from its options
    """`exact` has no options."""
    return Exact()
