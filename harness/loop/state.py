"""What the steps of a journal come to, and what follows from it: what to try next, and when to stop. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.digest.cluster import clusters
from harness.loop.agent import Usage
from harness.loop.journal import (
    Began,
    Blocked,
    Closed,
    Judged,
    Measured,
    Met,
    Resumed,
    Started,
    Step,
    Stopped,
    Ticked,
    Used,
    Worked,
)
from harness.loop.settings import Budgets, Goal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.model import Json
    from harness.records import StoredResult

TRIES = 3
"""After so many attempts in a row that did not help it, a case is parked."""
VOIDS = 2
"""After so many in a row that the guard has voided, the loop stops."""


@dataclass(slots=True)
class Attempt:
    """One attempt, as far as it has come."""

    started: Started
    used: Usage = field(default_factory=Usage)
    faults: list[str] = field(default_factory=list)
    worked: Worked | None = None
    judged: Judged | None = None
    closed: Closed | None = None


@dataclass(slots=True)
class State:
    """A loop, as far as it has come."""

    began: Began | None = None
    budgets: Budgets = field(default_factory=Budgets)
    sandbox: str = ""
    scratch: list[str] = field(default_factory=list)
    """Every folder in which clones of this loop have lain."""
    seconds: float = 0.0
    """How long it has run, without the times between its restarts."""
    since: float = 0.0
    head: str = ""
    run: str = ""
    """The file with the last run of the main line."""
    first: Mapping[str, Json] = field(default_factory=dict)
    counts: Mapping[str, Json] = field(default_factory=dict)
    """What the main line passed at the start, and now."""
    attempts: dict[int, Attempt] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    """How many attempts in a row did not help a case."""
    blocked: dict[str, str] = field(default_factory=dict)
    voids: int = 0
    trees: set[str] = field(default_factory=set)
    """The contents that the main line has had."""
    unavailable: str = ""
    """Why no agent can work."""
    restarts: int = 0
    stopped: Stopped | None = None

    def take(self, at: float, step: Step) -> None:  # noqa: C901, PLR0912 - a line or two a step
        """Take the next step into account."""
        if not isinstance(step, Began | Resumed):
            self.seconds += max(0.0, at - self.since)
        self.since = at
        match step:
            case Began():
                self.began, self.budgets, self.head = step, Budgets(**step.budgets), step.base
                self.sandbox = step.sandbox
                self.scratch.append(step.scratch)
            case Resumed():
                self.budgets, self.sandbox, self.stopped = Budgets(**step.budgets), step.sandbox, None
                self.scratch.append(step.scratch)
                self.restarts, self.voids, self.unavailable = self.restarts + 1, 0, ""  # a person has seen to it
            case Measured(run, tree, counts):
                self.run, self.first, self.counts = run, counts, counts
                self.trees.add(tree)
            case Started():
                self.attempts[step.attempt] = Attempt(step)
            case Used():
                self.attempts[step.attempt].used += Usage(**step.usage)
            case Met():
                self.attempts[step.attempt].faults.append(step.fault)
            case Worked():
                self.attempts[step.attempt].worked = step
                self.unavailable = step.fault if step.stop else ""
            case Judged():
                self.attempts[step.attempt].judged = step
            case Closed():
                self._close(step)
            case Blocked(case, reason):
                self.blocked[case] = reason
            case Stopped():
                self.stopped = step
            case Ticked():
                pass

    def _close(self, step: Closed) -> None:
        attempt = self.attempts[step.attempt]
        attempt.closed = step
        if step.outcome == "lost":
            return
        self.voids = self.voids + 1 if step.outcome == "void" else 0
        if attempt.worked is not None:
            self.blocked |= attempt.worked.blocked
        if step.outcome == "kept" and attempt.judged is not None:
            self.head, self.run, self.counts = attempt.judged.commit, attempt.judged.run, attempt.judged.counts
            self.trees.add(attempt.judged.tree)
            for case in attempt.started.cases:
                del self.tries[case]  # the ground has changed
        else:
            self.tries.update(attempt.started.cases)

    @property
    def used(self) -> Usage:
        """What all attempts have used, those that were lost among them."""
        return sum((attempt.used for attempt in self.attempts.values()), Usage())

    @property
    def open(self) -> list[Attempt]:
        """The attempts that are not over."""
        return [attempt for attempt in self.attempts.values() if attempt.closed is None]

    @property
    def parked(self) -> set[str]:
        """The cases that are left to a person."""
        return {case for case, tries in self.tries.items() if tries >= TRIES}

    def notes(self, cases: Iterable[str]) -> list[Attempt]:
        """Return the attempts at any of these cases, oldest first, that are over and were not lost."""
        wanted = set(cases)
        return [
            attempt
            for attempt in self.attempts.values()
            if attempt.closed is not None and attempt.closed.outcome != "lost" and wanted & {*attempt.started.cases}
        ]


def fold(steps: Iterable[tuple[float, Step]]) -> State:
    """Take all steps into account."""
    state = State()
    for at, step in steps:
        state.take(at, step)
    return state


# --- what next? ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cases that fail for one likely reason."""

    key: str
    stage: str
    results: tuple[StoredResult, ...]

    @property
    def cases(self) -> list[str]:
        """The ids of its cases."""
        return [result.id for result in self.results]


def choose(results: Iterable[StoredResult], stages: list[str], state: State) -> Cluster | None:
    """Choose what to try next: the largest cluster of the first stage that has one, and nothing that is being tried."""
    beyond = state.parked | state.blocked.keys() | {case for one in state.open for case in one.started.cases}
    left = {result.id: result for result in results if is_open(result) and result.id not in beyond}
    found = min(
        clusters(left.values(), ()), key=lambda one: (stages.index(one.stage), -len(one.members), one.id), default=None
    )
    return Cluster(found.title, found.stage, tuple(left[case] for case in sorted(found.members))) if found else None


def is_open(result: StoredResult) -> bool:
    """Whether a case is work for the loop: it fails, excused for the time being or not at all."""
    return result.standing in ("failed", "todo")


def over(state: State, goal: Goal, *, left: bool) -> Stopped | None:
    """Say why the loop is over, if it is; `left` is whether an open case is neither parked nor blocked."""
    if state.voids >= VOIDS:
        return Stopped("guard", f"{VOIDS} attempts in a row touched what they may not edit")
    if state.unavailable:
        return Stopped("agent unavailable", state.unavailable)
    if reached(state.counts, goal):
        return Stopped("done", str(goal) or "every case in scope passes or is accepted")
    if spent := exhausted(state):
        return Stopped("budget", spent)
    if not left and not state.open:
        parked, blocked = len(state.parked), len(state.blocked)
        return Stopped("no progress", f"what is left is parked after {TRIES} tries ({parked}) or blocked ({blocked})")
    return None


def exhausted(state: State) -> str:
    """Say which budget is spent; empty when none is."""
    used, budgets = state.used, state.budgets
    pairs = (
        ("attempts", len(state.attempts) - len(state.open), budgets.attempts),
        ("seconds", round(state.seconds), budgets.seconds),
        ("tokens", used.tokens or 0, budgets.tokens),
        ("dollars", round(used.cost or 0.0, 4), budgets.cost),
    )
    return ", ".join(
        f"{spent:g} of {most:g} {what}" for what, spent, most in pairs if most is not None and spent >= most
    )


def reached(counts: Mapping[str, Json], goal: Goal) -> bool:
    """Whether the main line is where the loop was to bring it."""
    if goal.passes:
        return bool(counts["passed"] >= goal.passes)
    upto: list[list[Json]] = counts["stages"]
    names = [stage for stage, _, _ in upto]
    if goal.stage:
        upto = upto[: names.index(goal.stage) + 1] if goal.stage in names else upto
        return all(counts["open"].get(stage, 0) == 0 for stage, _, _ in upto)
    return not any(counts["open"].values())
