"""`binary`: the very same bytes, whatever the source's format forgives; a mismatch is told by hash and first offset."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {}
_SHOWN = 8
_BLOCK = 1 << 16


class Binary:
    """Equal or not."""

    allowed = Strength.EXACT
    wants: Wants = "output"
    loosenings: tuple[str, ...] = ()

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:  # noqa: ARG002
        """Compare; text is its UTF-8."""
        if not isinstance(got, str | bytes):
            return Mismatch("bytes are due")
        want, have = _bytes(reference), _bytes(got)
        if want == have:
            return Match(Strength.EXACT)
        at = _first(want, have)
        ends = [data[at : at + _SHOWN].hex(" ") or "the end" for data in (want, have)]
        return Mismatch(f"{_told(want)}, got {_told(have)}; first differs at 0x{at:x}: {ends[0]}, got {ends[1]}")


def make(options: Mapping[str, Json]) -> Binary:  # noqa: ARG001 - every matcher is made from its options
    """`binary` has no options."""
    return Binary()


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def _told(data: bytes) -> str:
    return f"{len(data)} bytes {sha256(data).hexdigest()[:12]}"


def _first(want: bytes, have: bytes) -> int:
    """Find the first offset at which they differ: a block at a time, and then in it."""
    start = 0
    while start < min(len(want), len(have)) and want[start : start + _BLOCK] == have[start : start + _BLOCK]:
        start += _BLOCK
    pairs = zip(want[start : start + _BLOCK], have[start : start + _BLOCK], strict=False)
    inside = next((at for at, (one, other) in enumerate(pairs) if one != other), None)
    return min(len(want), len(have)) if inside is None else start + inside
