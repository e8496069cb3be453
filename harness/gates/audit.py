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

    from harness.model import Case, Content, Observation, Plan, Reply

HOLLOW: tuple[str, ...] = ("null", "echo", "constant", "error", "crash", "unsupported")
"""Targets with no port in them; whatever they pass is a case that checks nothing."""


@dataclass(slots=True)
class Audit:
    """What became of the mutants, added up case by case."""

    cases: Counter[str] = field(default_factory=Counter)
    """Passing cases of each rule."""
    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Mutants by (rule, mutator)."""
    survivors: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """Case ids by (rule, mutator): what passed although it was wrong."""
    hollow: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in HOLLOW})
    """Case ids that a target without any port in it would pass."""

    def add(self, case: Case, plan: Plan, reply: Reply) -> None:
        """Audit one passing case with the reply that passed."""
        rule = plan.checks[0].rule.label
        self.cases[rule] += 1
        for mutant in mutants(reply):
            self.made[rule, mutant.mutator] += 1
            if isinstance(judge(plan, mutant.reply), Passed):
                self.survivors[rule, mutant.mutator].append(case.id)
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
