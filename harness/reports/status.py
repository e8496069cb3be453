"""The port at a glance: stages and strengths, the skip list, and how the last runs went. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from harness.model import Strength

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.records import StoredRun

_BARS = "▁▂▃▄▅▆▇█"
_OLDEST = 3
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
_BEYOND = {"out_of_scope", "not_attempted"}


@dataclass(frozen=True, slots=True)
class Glance:
    """What is known of one target."""

    target: str
    runs: Sequence[StoredRun]
    """Its whole runs, the oldest first."""
    counts: Sequence[tuple[str, str, str | None, int]]
    """Of the last of them: (stage, standing, achieved strength, cases)."""
    statuses: Counter[str]
    """Entries of the skip list."""
    oldest: Sequence[tuple[str, str]]
    """(age, key) of those entries whose age is known, the oldest first."""
    now: float
    """In seconds since the epoch."""


def render(glance: Glance) -> str:
    """Write it; ends with a newline."""
    return "\n".join(_lines(glance)) + "\n"


def _lines(glance: Glance) -> Iterator[str]:
    if not glance.runs:
        yield f"{glance.target}: no whole run yet; harness check makes one"
    else:
        run = glance.runs[-1]
        passed, scope = _passed(run)
        ago = _ago(glance.now - datetime.fromisoformat(run.started).timestamp())
        yield f"{glance.target}: {' '.join(run.verdicts)} {passed}/{scope} pass · run {run.id}, {ago}"
        yield from _stages(glance)
    entries = ", ".join(f"{count} {status}" for status, count in glance.statuses.items()) or "empty"
    oldest = ", ".join(f"{age} {key}" for age, key in glance.oldest[:_OLDEST])
    yield f"skip list  {entries}" + (f" · oldest {oldest}" if oldest else "")
    if len(glance.runs) > 1:
        shares = [passed for passed, _ in map(_passed, glance.runs)]
        since = glance.runs[0].started[:10]
        yield f"runs       {spark(shares)} {shares[0]} → {shares[-1]} pass in {len(shares)} whole runs since {since}"


def _stages(glance: Glance) -> Iterator[str]:
    """One line a stage; `>` marks the first that has a failure which nothing excuses."""
    order = [stage for stage, _, _ in glance.runs[-1].summary["stages"]]
    width = max(map(len, order), default=0)
    current = next((one for one in order if any(row[:2] == (one, "failed") for row in glance.counts)), None)
    for stage, passed, scope in glance.runs[-1].summary["stages"]:
        achieved: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for _, standing, strength, cases in (row for row in glance.counts if row[0] == stage):
            if strength is not None:
                achieved[strength] += cases
            elif standing not in _BEYOND:
                others[standing] += cases
        words = [f"{achieved[one]} {one.value}" for one in Strength if achieved[one]]
        words += [f"{cases} {standing.replace('_', ' ')}" for standing, cases in sorted(others.items())]
        yield f"{'>' if stage == current else ' '} {stage:{width}}  {passed}/{scope}  {', '.join(words)}"


def _passed(run: StoredRun) -> tuple[int, int]:
    standings: Counter[str] = Counter(run.summary["standings"])
    scope = sum(cases for standing, cases in standings.items() if standing not in _BEYOND)
    return standings["passed"] + standings["stale"], scope


def spark(values: Sequence[int]) -> str:
    """Draw values as bars between their least and their greatest."""
    low, high = min(values), max(values)
    return "".join(_BARS[(value - low) * (len(_BARS) - 1) // (high - low or 1)] for value in values)


def _ago(seconds: float) -> str:
    return next((f"{int(seconds // size)} {unit} ago" for size, unit in _UNITS if seconds >= size), "just now")
