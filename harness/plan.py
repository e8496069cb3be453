"""What judges a case, and its fingerprint.

Two plans with one hash judge alike: the hash covers the input, params, settings, shared files, references, the rules
that fit (not those that do not), limits, the format's rule of equality, how the target is driven, and the skip entry.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness import wire
from harness.errors import Fault
from harness.model import Check, ErrorReply, Plan, ReferenceFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.model import Canonical, Case, Content, Excuse, Json, Limits, Reference, Rule

_ANY_ERROR = ErrorReply({"kind": ""})
_SHORT = 16  # hex digits: people see these


def fingerprint(shared: Mapping[str, Content], limits: Limits, canonical: Canonical, target: Json) -> bytes:
    """Hash what all cases of one suite have in common, once."""
    pieces: list[Content] = [piece for name, content in sorted(shared.items()) for piece in (name, content)]
    pieces.append(dumps([limits.seconds, limits.output, canonical.__module__, canonical.__qualname__, target]))
    return _hash(pieces).digest()


def plan(case: Case, rules: Sequence[Rule], excuse: Excuse | None, canonical: Canonical, common: bytes) -> Plan:
    """Choose the rule for each reference, the first that fits, and hash all that judges the case."""
    pieces: list[Content] = [common, case.id, case.input or ""]
    if case.params or case.settings or case.group:
        pieces.append(dumps([case.params, case.settings, case.group]))
    checks: list[Check] = []
    for reference in case.references:
        rule = _choose(rules, case.name, reference)
        checks.append(Check(reference, rule))
        pieces += (reference.name, *reference.contents, rule.spec)
    if excuse is not None:
        reply = wire.dumps(wire.saying(excuse.reply)) if excuse.reply is not None else ""
        pieces += (dumps([excuse.status, excuse.run]), reply)
    return Plan(tuple(checks), excuse, canonical, _hash(pieces).hexdigest(), content(case))


def content(case: Case) -> tuple[str, str]:
    """Hash the input, and the references: two cases that agree in one of them may be one under two names."""
    given = [case.input or "", dumps([case.params, case.settings]) if case.params or case.settings else ""]
    wanted = [piece for reference in case.references for piece in (reference.name, *reference.contents)]
    return _hash(given).hexdigest()[:_SHORT], _hash(wanted).hexdigest()[:_SHORT]


def _choose(rules: Sequence[Rule], name: str, reference: Reference) -> Rule:
    """Take the first rule that fits; the last of every suite fits all."""
    for rule in rules:
        if rule.fits(name, reference):
            return rule
    raise AssertionError(name)


def unreadable(plan: Plan) -> Iterator[Fault]:
    """Find the references that their matcher can not read: that must not wait for a port that fails where it should."""
    for check in plan.checks:
        if check.rule.matcher.wants == "error":
            for content in check.reference.contents:
                try:
                    check.rule.matcher.match(content, _ANY_ERROR, plan.canonical)
                except ReferenceFault as problem:
                    yield Fault(check.reference.place, f"{check.rule.label}: {problem}")


def dumps(value: Json) -> str:
    """Write JSON in the one form that is hashed: sorted, compact."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _hash(pieces: list[Content]) -> blake2b:
    """Hash texts and bytes as Python spells a list of them, so that no two lists look alike."""
    return blake2b(ascii(pieces).encode(), digest_size=16)
