"""Nothing may be judged more gently than before, or come to less, unless a person has agreed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import Strength

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.gates.lock import Row

WORDS = {
    "source": "[source]",
    "command": "command",
    "build": "build",
    "check": "check",
    "environment": "env",
    "suites": "suites",
    "protect": "[[protect]]",
    "holdout": "[holdout]",
    "modules": "modules",
    "limits": "limits",
    "reader": "reader or its options",
    "shared": "shared files",
}
"""What a fingerprint that suites or targets share is called in a sentence."""

_DOWN = (
    ("passed",),
    ("failed",),
    ("raised", "no_error"),
    ("timed_out",),
    ("crashed", "garbled", "too_large"),
    ("unsupported",),
    ("not_run", "not_attempted", "out_of_scope"),
)
_DEPTH = {word: depth for depth, words in enumerate(_DOWN) for word in words}


def compared(before: Row, now: Row, *, stricter: bool) -> Iterator[str]:
    """Say what has changed about a case that a person has to agree to, a few words each.

    `stricter`: whether the rule is `exact` now, and that is no matter.
    """
    if now.parts.input != before.parts.input:
        yield "changed input"
    if now.parts.reference != before.parts.reference:
        yield "changed reference"
    if now.parts.rule != before.parts.rule and not stricter:
        how = "" if now.allowed == before.allowed else f" (may pass as {now.allowed}, was {before.allowed})"
        yield f"changed rule{how}"
    if now.parts.entry not in ("-", before.parts.entry):
        was = "" if before.parts.entry == "-" else f", was {before.parts.entry.partition('/')[0]}"
        yield f"now in the skip list as {now.parts.entry.partition('/')[0]}{was}"


def fell(before: Row, now: Row) -> str:
    """Say how a pass, or an accepted difference, came to less. A flaky case comes and goes."""
    held = before.outcome == "passed" or before.parts.entry.startswith("accepted")
    if not held or "-" in (before.outcome, now.outcome) or before.parts.entry == now.parts.entry == "flaky":
        return ""
    if _DEPTH[now.outcome] > _DEPTH[before.outcome]:
        return f"{now.outcome}, was {before.outcome}"
    if now.achieved != "-" != before.achieved and Strength(now.achieved).rank < Strength(before.achieved).rank:
        return f"passes as {now.achieved}, passed as {before.achieved}"
    return ""


def moved(before: Row, now: Row) -> bool:
    """Whether a case fails in another way than it did: that is told, and no matter."""
    tried = _DEPTH[now.outcome] < len(_DOWN) - 1
    return tried and "passed" not in (before.outcome, now.outcome) and "-" != before.outcome != now.outcome


def parted(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Say which of the parts that cases share are others than before."""
    return (name for name in WORDS if name in before and name in now and before[name] != now[name])
