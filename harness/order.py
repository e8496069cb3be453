"""Which cases come out otherwise when others ran before them: the port, or its worker, keeps something between cases.

One worker runs everything in the order of reading, then in the reverse, and then each group has a worker of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness import runner
from harness.judge import judge
from harness.model import Passed
from harness.reading import Entry, Reading, Selection, taken
from harness.record import ask, prepare
from harness.session import load_skiplist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from harness.config import TargetConfig
    from harness.model import Outcome
    from harness.runner import Stop
    from harness.session import Workspace

Group: TypeAlias = tuple[Entry, ...]
Order: TypeAlias = Literal["in the order of reading", "in reverse order"]


@dataclass(frozen=True, slots=True)
class Dependent:
    """A case whose outcome is another one after others."""

    case: str
    alone: str
    after: str
    order: Order
    leak: str | None
    """The case that is enough before it; empty where it takes several, None where that was not looked for."""


@dataclass(frozen=True, slots=True)
class Unsteady:
    """A case whose outcome changes though nothing ran before it, or could not be had again: that is no leak."""

    case: str


def groups_of(workspace: Workspace, target: TargetConfig) -> list[Group]:
    """Read all that a target is asked in a whole run, in the groups in which it is asked. Raises InputError."""
    entries = Reading(workspace, target, load_skiplist(workspace, target), Selection()).entries()
    asked = (entry for entry in entries if taken(target, entry.suite) and (not (e := entry.plan.excuse) or e.run))
    return [tuple(group) for _, group in groupby(asked, key=_key)]


def _key(entry: Entry) -> tuple[str, str]:
    case = entry.job.case
    return (case.suite, case.group) if case.group else ("", case.id)


def dependents(
    workspace: Workspace, target: TargetConfig, groups: Sequence[Group], stop: Stop, most: int | None
) -> Iterator[Dependent | Unsteady]:
    """Build a target and yield the cases that depend on others; of the first `most` (or all) say on which.

    What comes after `stop` was requested is worth nothing. Raises TargetError.
    """
    prepare(workspace, target, stop)

    def outcomes(places: Iterable[int], *, isolate: bool = False) -> Mapping[str, str]:
        return _outcomes(workspace, target, [groups[place] for place in places], stop, isolate=isolate)

    every = range(len(groups))
    alone = outcomes(every, isolate=True)
    orders: dict[Order, range] = {"in the order of reading": every, "in reverse order": every[::-1]}
    after = {order: outcomes(places) for order, places in orders.items()}
    leaks: dict[int, None] = {}
    left = len(alone) if most is None else most
    for place, case in [(number, entry.job.case.id) for number in every for entry in groups[number]]:
        order = next((order for order in orders if after[order].get(case) != alone.get(case)), None)
        if order is None or stop.reason:
            continue
        before = orders[order][: orders[order].index(place)]

        def spoils(others: Sequence[int], case: str = case, place: int = place) -> bool:
            return outcomes([*others, place]).get(case) != alone[case]

        if any(outcomes([place], isolate=True).get(case) != alone[case] for _ in range(2)):
            yield Unsteady(case)
        elif not left:
            yield Dependent(case, alone[case], after[order][case], order, None)
        else:
            left -= 1
            known = next((one for one in leaks if one in before and spoils([one])), None)
            if known is None and not spoils(before):
                yield Unsteady(case)
                continue
            culprit = known if known is not None else _culprit(before, spoils)
            leaks |= {culprit: None} if culprit is not None else {}
            leak = groups[culprit][-1].job.case.id if culprit is not None else ""
            yield Dependent(case, alone[case], after[order][case], order, leak)


def _culprit(before: Sequence[int], spoils: Callable[[Sequence[int]], bool]) -> int | None:
    """Halve what ran before for as long as one half is enough; None where it takes more than one group."""
    while len(before) > 1:
        half = len(before) // 2
        enough = next((part for part in (before[half:], before[:half]) if spoils(part)), None)
        if enough is None:
            return None
        before = enough
    return before[0]


def _outcomes(
    workspace: Workspace, target: TargetConfig, groups: Sequence[Group], stop: Stop, *, isolate: bool
) -> Mapping[str, str]:
    """Run groups, by one worker unless they are isolated; returns what became of each case in a word or two."""
    plans = {entry.job.number: entry.plan for group in groups for entry in group}
    asked = target if isolate else replace(target, workers=1)
    jobs = [tuple(entry.job for entry in group) for group in groups]
    found: dict[str, str] = {}
    for event in ask(workspace, asked, jobs, stop, isolate=isolate):
        if isinstance(event, runner.Seen):
            found[event.job.case.id] = _word(judge(plans[event.job.number], event.observed.observation))
    return found


def _word(outcome: Outcome) -> str:
    return f"passed ({outcome.achieved})" if isinstance(outcome, Passed) else outcome.word
