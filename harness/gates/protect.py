"""Cases that no one may loosen or excuse, and an oracle that no one may pose as. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.model import Breach, OutOfScope, Strength
from harness.patterns import compile_glob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.config import Protected
    from harness.model import Matcher, Outcome, Plan


def fits(protected: Protected, case: str) -> bool:
    """Whether a case is one of those."""
    return any(compile_glob(glob).fullmatch(case) for glob in protected.cases)


def loosened(reason: str, case: str, plan: Plan, outcome: Outcome) -> Iterator[Breach]:
    """Say what makes a protected case worth less than it must be: only the harness's own matchers count as exact."""
    is_protected = f"is protected ({reason})"
    if plan.excuse is not None:
        says = f"{is_protected}, and the skip list must not have it; remove the entry"
        yield Breach(says, case, plan.excuse.place)
    if isinstance(outcome, OutOfScope):
        yield Breach(f"{is_protected}, and must not be out of scope; take its suite in again", case)
    for rule in (check.rule for check in plan.checks if not _is_exact(check.rule.matcher)):
        yield Breach(f"{is_protected}, and {rule.label} judges it less than exactly; let `exact` judge it", case)


def is_exact(plan: Plan) -> bool:
    """Whether a plan passes nothing but what is recorded."""
    return all(_is_exact(check.rule.matcher) for check in plan.checks)


def _is_exact(matcher: Matcher) -> bool:
    """A matcher of somebody's own only says so of itself."""
    return matcher.allowed is Strength.EXACT and type(matcher).__module__.startswith("harness.matchers.")


@dataclass(frozen=True, slots=True)
class Program:
    """What a target runs: its command, the content of the files in it, and what else it is given."""

    words: tuple[str, ...]
    files: tuple[str, ...]
    given: frozenset[str]


def poses(target: Program, oracle: Program) -> bool:
    """Whether a target runs the oracle's program: its files, by content, with at least its words and variables.

    Where the oracle is a script, its interpreter does not count. A wrapper that starts the oracle by itself is not seen
    here: a lock sees that the command has changed.
    """
    its = oracle.files[1:] or oracle.files
    by_name = "/" not in oracle.words[0] and os.path.basename(target.words[0]) != oracle.words[0]
    if (by_name and its == oracle.files) or not its:  # one program may do another thing by another name
        return target == oracle
    return set(its) <= set(target.files) and oracle.given <= target.given
