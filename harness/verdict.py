"""What a whole run comes to. Pure: counts in, verdicts out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.model import NotAttempted, NotRun, OutOfScope, Passed, Strength, Verdict

if TYPE_CHECKING:
    from harness.model import Breach, Excuse, Gap, Json, Outcome

Standing: TypeAlias = str
"""passed | stale | failed | a skip-list status | not_run | not_attempted | out_of_scope"""


def standing(outcome: Outcome, excuse: Excuse | None, *, accepted: bool) -> Standing:
    """Lay the skip list over an outcome.

    `accepted` says whether a failing reply is the very one that an `accepted` entry recorded: no other is excused.
    """
    match outcome:
        case Passed():
            return "passed" if excuse is None or excuse.status == "flaky" else "stale"
        case NotAttempted() | OutOfScope():
            return outcome.word
        case NotRun():
            return excuse.status if excuse is not None and not excuse.run else "not_run"
        case _ if excuse is None or (excuse.status == "accepted" and not accepted):
            return "failed"
        case _:
            return excuse.status


@dataclass(slots=True)
class Tally:
    """Counts of a run, added up case by case."""

    stages: dict[str, list[int]] = field(default_factory=dict)
    """[passed, in scope] of each stage, in the order of the port."""
    standings: Counter[Standing] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    achieved: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    selection: str = ""
    """What was selected; empty for a whole run."""
    options: tuple[str, ...] = ()
    """How it was run, where that is not as usual."""
    left_out: int = 0
    """Cases that the selection left out."""
    holdout: str = ""
    """The share and salt that keep cases back."""
    held_out: int = 0
    """Cases that were kept back, of what was selected."""
    gap: Gap | None = None
    """How these stand against the visible ones, where they were run."""
    cut_short: str = ""
    """Why the run is incomplete."""
    gone: int = 0
    """Cases of the last whole run that are no more, though the source's revision is the same."""
    breaches: tuple[Breach, ...] = ()
    """What the gates found."""
    target_down: str = ""
    """Why there was nothing to run against."""
    checks_failed: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    """What the build, the worker or the linters said to that."""

    def add(self, outcome: Outcome, at: Standing, stage: str) -> None:
        """Count one case."""
        self.standings[at] += 1
        if at not in ("out_of_scope", "not_attempted"):
            counts = self.stages.setdefault(stage, [0, 0])
            counts[0] += at in ("passed", "stale")
            counts[1] += 1
        self.outcomes[outcome.word] += 1
        if isinstance(outcome, Passed):
            self.achieved[outcome.achieved] += 1
            self.allowed[outcome.allowed] += 1

    def as_json(self) -> dict[str, Json]:
        """Return what the store and the exports keep."""
        return {
            "standings": dict(sorted(self.standings.items())),
            "outcomes": dict(sorted(self.outcomes.items())),
            "achieved": dict(self.by_strength()),
            "allowed": dict(sorted(self.allowed.items())),
            "stages": [[stage, *counts] for stage, counts in self.stages.items() if counts[1]],
            "options": list(self.options),
            "left_out": self.left_out,
            "holdout": self.holdout,
            "held_out": self.held_out,
            "gap": None if self.gap is None else json.loads(json.dumps(asdict(self.gap))),  # tuples are lists there
            "cut_short": self.cut_short,
            "breaches": [
                {"case": one.case, "says": one.says, "place": str(one.place) if one.place is not None else None}
                for one in self.breaches
            ],
            "target_down": self.target_down,
            "checks_failed": list(self.checks_failed),
            "said": list(self.said),
        }

    @property
    def passed(self) -> int:
        """Cases that pass, stale ones among them."""
        return self.standings["passed"] + self.standings["stale"]

    @property
    def excused(self) -> int:
        """Failing cases that the skip list excuses."""
        return sum(self.standings[status] for status in ("todo", "accepted", "unsupported", "flaky"))

    @property
    def in_scope(self) -> int:
        """Cases that this target is to pass one day."""
        return self.standings.total() - self.standings["out_of_scope"] - self.standings["not_attempted"]

    def by_strength(self) -> list[tuple[str, int]]:
        """Passes by achieved strength, strongest first."""
        return [(strength.value, self.achieved[strength]) for strength in Strength if self.achieved[strength]]


def decide(tally: Tally) -> list[Verdict]:
    """Return every verdict that applies, the one that decides first."""
    applies = {
        Verdict.TARGET: bool(tally.target_down),
        Verdict.NOTHING: bool(tally.cut_short) or tally.standings["not_run"] > 0 or _empty(tally),
        Verdict.FAIL: tally.standings["failed"] > 0 or bool(tally.checks_failed),
        Verdict.GATE: tally.standings["stale"] > 0 or tally.gone > 0 or bool(tally.breaches),
    }
    return [verdict for verdict, true in applies.items() if true] or [Verdict.PASS]


def _empty(tally: Tally) -> bool:
    """Whether there is no pass to show. Where a selection holds only failures, that was asked for, and is no news."""
    asked_for = bool(tally.selection) and tally.standings["failed"] > 0
    return tally.passed == 0 and not asked_for
