"""`check --repeat N`: a case is worth what it is at its worst, and what differs between the runs is named. Pure."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness.model import (
    Crashed,
    Failed,
    Garbled,
    Missing,
    NoError,
    NotAttempted,
    Notice,
    NotRun,
    OutOfScope,
    Passed,
    Raised,
    TimedOut,
    TooLarge,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.events import Finished
    from harness.model import Observed

_WORSE = (
    Passed,
    NotRun,
    NotAttempted,
    OutOfScope,
    Failed,
    NoError,
    Raised,
    Garbled,
    TooLarge,
    TimedOut,
    Crashed,
    Missing,
)
"""The best first."""


@dataclass(slots=True)
class _Seen:
    """What the runs so far have shown of one case."""

    worst: Finished
    first: str
    outcomes: Counter[str] = field(default_factory=Counter)
    alike: bool = True


@dataclass(slots=True)
class Rounds:
    """The runs of one check: `left` are still to come after the present one."""

    times: int
    left: int
    _seen: dict[int, _Seen] = field(default_factory=dict)

    def add(self, finished: Finished) -> Finished:
        """Take what one run showed of a case; return what it comes to so far."""
        if self.times == 1:
            return finished
        reply = _fingerprint(finished.result.observed)
        seen = self._seen.setdefault(finished.result.job.number, _Seen(finished, reply))
        seen.outcomes[finished.result.outcome.word] += 1
        seen.alike = seen.alike and reply == seen.first
        seen.worst = max(seen.worst, finished, key=_badness)
        outcome = seen.worst.result.outcome
        if isinstance(outcome, Passed) or len(seen.outcomes) == 1:
            return seen.worst
        told = replace(outcome, why=f"{_flaky(seen)}; {outcome.why}")
        return replace(seen.worst, result=replace(seen.worst.result, outcome=told))

    def notices(self) -> Iterator[Notice]:
        """Name the cases that differ and do not stand as failed: of the others it is said where they fail."""
        for _, seen in sorted(self._seen.items()):
            if seen.worst.standing == "failed" or NotRun.word in seen.outcomes:
                continue
            case = seen.worst.result.job.case.id
            if len(seen.outcomes) > 1:
                yield Notice(f"{case}: {_flaky(seen)}")
            elif not seen.alike:
                yield Notice(f"{case}: its reply differs from run to run")


def _flaky(seen: _Seen) -> str:
    return f"flaky ({', '.join(f'{count} {word}' for word, count in sorted(seen.outcomes.items()))})"


def _badness(finished: Finished) -> tuple[bool, int, int, bool]:
    """Order by what counts: what nothing excuses is worse than any outcome that something does."""
    result = finished.result
    weak = -result.outcome.achieved.rank if isinstance(result.outcome, Passed) else 0
    return finished.standing == "failed", _WORSE.index(type(result.outcome)), weak, not result.accepted


def _fingerprint(observed: Observed | None) -> str:
    """Hash what was said, without where in the port it was said: a reply may be long, and there are many."""
    if observed is None:
        return ""
    fields = {name: value for name, value in asdict(observed.observation).items() if name != "frames"}
    said = json.dumps([type(observed.observation).__name__, fields], sort_keys=True, default=repr)
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
