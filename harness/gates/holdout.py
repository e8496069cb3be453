"""Cases that are kept back: which they are, and what the gap between them and the visible ones is worth. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from math import exp, lgamma, sqrt
from typing import TYPE_CHECKING

from harness.model import Breach, Gap
from harness.plan import digest, dumps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.config import HoldOut
    from harness.errors import Place
    from harness.model import Case, Parts

_Z = 1.959963984540054
"""The normal distribution's quantile for an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a case that is kept back: how it is judged, and nothing of what it comes to."""

    parts: Parts
    exact: bool
    """Whether only the harness's own exact matchers judge it."""


def folded(kept: Mapping[str, Kept], suite: str) -> dict[str, str]:
    """Fingerprint the cases of one suite as a whole, so that a lock tells of a change and names none of them."""
    lines = sorted(
        f"{one.parts.input}{one.parts.reference}{one.parts.rule} {case}"
        for case, one in kept.items()
        if case.startswith(f"{suite}/")
    )
    return {"held": str(len(lines)), "heldas": digest(*lines)}


def loosened(before: Kept, now: Kept | None) -> bool:
    """Whether a case that was kept back is another one, is gone, or has another rule that is not `exact`."""
    if now is None or (now.parts.input, now.parts.reference) != (before.parts.input, before.parts.reference):
        return True
    return now.parts.rule != before.parts.rule and not now.exact


def held_out(case: Case, holdout: HoldOut) -> bool:
    """Whether a case is kept back: decided by its group, else its input, so that no twin of it stays visible.

    What is decided for one case never depends on which others there are.
    """
    what = dumps([case.suite, case.group]) if case.group else case.input or dumps([case.params, case.settings])
    data = what if isinstance(what, bytes) else what.encode("utf-8", "surrogatepass")
    digest = blake2b(b"%b\0%b" % (holdout.salt.encode(), data), digest_size=8).digest()
    return int.from_bytes(digest, "big") < holdout.share * 2**64


def gap(visible: tuple[int, int], held: tuple[int, int]) -> Gap | None:
    """Compare two rates, each (passed, cases); None where one has no case."""
    if not visible[1] or not held[1]:
        return None
    low, high = difference(visible, held)
    size = visible[0] / visible[1] - held[0] / held[1]
    return Gap(visible, held, *(round(one, 6) for one in (size, low, high, fisher(visible, held))))


def breach(found: Gap, most: float, place: Place) -> Breach | None:
    """Hold a gap against the widest one that is allowed."""
    if found.size <= most:
        return None
    says = f"held-out cases pass {100 * found.size:.1f} points less often than visible ones, and max_gap allows"
    return Breach(f"{says} {100 * most:g}; look for what the port knows by heart", place=place)


def difference(one: tuple[int, int], other: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two independent rates: Newcombe's hybrid score interval.

    R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10; sound for small counts and rates of 0 and 1.
    """
    (rate, low, high), (rate2, low2, high2) = _wilson(*one), _wilson(*other)
    between = rate - rate2
    return between - sqrt((rate - low) ** 2 + (high2 - rate2) ** 2), between + sqrt(
        (high - rate) ** 2 + (rate2 - low2) ** 2
    )


def fisher(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the two-sided p of Fisher's exact test: how often chance alone would part equal rates so, or further."""
    (passed, cases), (passed2, cases2) = one, other
    passes, total = passed + passed2, cases + cases2
    everything = _ways(total, passes)

    def chance(count: int) -> float:
        return exp(_ways(cases, count) + _ways(cases2, passes - count) - everything)

    seen = chance(passed) * (1 + 1e-7)  # what is equally likely counts, whatever the rounding
    possible = range(max(0, passes - cases2), min(cases, passes) + 1)
    return min(1.0, sum(one for one in map(chance, possible) if one <= seen))


def _wilson(passed: int, cases: int) -> tuple[float, float, float]:
    """Return a rate and the ends of its score interval."""
    rate, spread = passed / cases, _Z**2 / cases
    middle, half = rate + spread / 2, _Z * sqrt(rate * (1 - rate) / cases + spread / cases / 4)
    return rate, (middle - half) / (1 + spread), (middle + half) / (1 + spread)


def _ways(cases: int, passed: int) -> float:
    """Return the logarithm of the binomial coefficient."""
    return lgamma(cases + 1) - lgamma(passed + 1) - lgamma(cases - passed + 1)
