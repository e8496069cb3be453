"""How much a green is worth: wrong replies are judged, and every one that passes is a hole in a rule. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.gates.mutants import mutants
from harness.judge import judge
from harness.model import Died, ErrorReply, Outputs, Passed, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.gates.mutants import Mutant
    from harness.model import Case, Content, Observation, Plan, Reply, Strength

HOLLOW: tuple[str, ...] = ("null", "echo", "constant", "error", "crash", "unsupported")
"""Targets with no port in them; whatever they pass is a case that checks nothing."""


@dataclass(slots=True)
class Audit:
    """What became of the mutants, added up case by case."""

    achieved: dict[str, Counter[Strength]] = field(default_factory=lambda: defaultdict(Counter))
    """Audited passes of each suite, by strength."""
    made: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Mutants by (suite, rule, mutator)."""
    survivors: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """Case ids by the same: what passed although it was wrong."""
    hollow: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in HOLLOW})
    """Case ids that a target without any port in it would pass."""

    def add(self, case: Case, plan: Plan, reply: Reply, achieved: Strength) -> None:
        """Audit one passing case with the reply that passed."""
        self.achieved[case.suite][achieved] += 1
        for mutant in mutants(reply, {check.reference.name for check in plan.checks}):
            key = (case.suite, _judged_by(plan, mutant), mutant.mutator)
            self.made[key] += 1
            if isinstance(judge(plan, mutant.reply), Passed):
                self.survivors[key].append(case.id)

    def add_hollow(self, case: Case, plan: Plan) -> None:
        """See which hollow targets would pass a case, whatever the port makes of it."""
        for name in HOLLOW:
            if isinstance(judge(plan, hollow(name, case, plan)), Passed):
                self.hollow[name].append(case.id)

    @property
    def total(self) -> int:
        """All mutants."""
        return self.made.total()

    @property
    def detected(self) -> int:
        """Mutants that did not pass."""
        return self.total - sum(map(len, self.survivors.values()))

    def share(self, place: int, name: str) -> tuple[int, int]:
        """Return (detected, made) of one suite (place 0), rule (1) or mutator (2)."""
        made = sum(count for key, count in self.made.items() if key[place] == name)
        return made - sum(len(ids) for key, ids in self.survivors.items() if key[place] == name), made


def _judged_by(plan: Plan, mutant: Mutant) -> str:
    """Name the rule that lets a mutant through, if one does: that of the output that was changed."""
    named = [check for check in plan.checks if check.reference.name == mutant.output]
    return (named or plan.checks)[0].rule.label


def hollow(name: str, case: Case, plan: Plan) -> Observation:
    """Say what a target would answer that has nothing in it."""
    answers: Mapping[str, Content] = {"null": "", "echo": case.input or "", "constant": "constant"}
    match name:
        case "null" | "echo" | "constant":
            return Outputs({check.reference.name: answers[name] for check in plan.checks})
        case "error":
            return ErrorReply({"kind": "Error", "message": "error"})
        case "unsupported":
            return Unsupported("nothing is supported")
        case _:
            return Died(1)
