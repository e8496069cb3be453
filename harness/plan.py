"""What judges a case, and its fingerprint.

Two plans with one hash judge alike: the hash covers the input, params, settings, shared files, references, the rules
that fit (not those that do not), limits, the format's rule of equality, how the target is driven, and the skip entry.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness import wire
from harness.errors import Fault
from harness.model import Check, ErrorReply, Parts, Plan, ReferenceFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.model import Canonical, Case, Content, Excuse, Json, Limits, Reference, Rule

_ANY_ERROR = ErrorReply({"kind": ""})
_SHORT = 16
"""Hex digits: people see these."""


def fingerprint(shared: Mapping[str, Content], limits: Limits, canonical: Canonical, target: Json) -> bytes:
    """Hash what all cases of one suite have in common, once."""
    pieces: list[Content] = [piece for name, content in sorted(shared.items()) for piece in (name, content)]
    pieces.append(dumps([limits.seconds, limits.output, canonical.__module__, canonical.__qualname__, target]))
    return _hash(pieces).digest()


def plan(case: Case, rules: Sequence[Rule], excuse: Excuse | None, canonical: Canonical, common: bytes) -> Plan:
    """Choose the rule for each reference, the first that fits, and hash all that judges the case."""
    checks = [Check(reference, _choose(rules, case.name, reference)) for reference in case.references]
    found = content(case)
    parts = _parts(case, found, [check.rule.spec for check in checks], excuse)
    # All but the id, which comes last, are of one length or hold no blank: no two plans spell alike.
    whole = f"{parts.input}{parts.reference}{parts.rule}{parts.entry} {case.id}".encode("utf-8", "surrogatepass")
    return Plan(tuple(checks), excuse, canonical, blake2b(common + whole, digest_size=16).hexdigest(), parts, found)


def _parts(case: Case, found: tuple[str, str], specs: list[str], excuse: Excuse | None) -> Parts:
    """Fingerprint what is the case's own; a group is rare, and no part of its content."""
    given, wanted = found
    if case.group:
        given = digest(given, case.group)
    return Parts(given, wanted, _rules(*specs), entry(excuse))


@cache
def _rules(*specs: str) -> str:
    """Fingerprint the rules of a case: there are few of them, and they judge thousands."""
    return digest(*specs)


def digest(*pieces: Content) -> str:
    """Fingerprint a list of pieces."""
    return _hash(list(pieces)).hexdigest()[:_SHORT]


def entry(excuse: Excuse | None) -> str:
    """Write what a skip entry means for a case, without its reason."""
    if excuse is None:
        return "-"
    known = "" if excuse.reply is None else f"/{digest(wire.dumps(wire.saying(excuse.reply)))}"
    return excuse.status + known + ("" if excuse.run else "/norun")


def content(case: Case) -> tuple[str, str]:
    """Hash the input, and the references: two cases that agree in one of them may be one under two names."""
    given: list[Content] = [case.input or ""]
    if case.params or case.settings:
        given.append(dumps([case.params, case.settings]))
    wanted = [
        piece
        for reference in case.references
        for piece in (reference.name, str(len(reference.contents)), *reference.contents)
    ]
    return digest(*given), digest(*wanted)


def _choose(rules: Sequence[Rule], name: str, reference: Reference) -> Rule:
    """Take the first rule that fits; the last of every suite fits all."""
    for rule in rules:
        if rule.fits(name, reference):
            return rule
    raise AssertionError(name)


def unreadable(plan: Plan) -> Iterator[Fault]:
    """Find the references that their matcher can not read: that must not wait for a port that fails where it should."""
    for check in plan.checks:
        anything = _ANY_ERROR if check.wants == "error" else ""
        for content in check.reference.contents:
            try:
                check.rule.matcher.match(content, anything, plan.canonical)
            except ReferenceFault as problem:
                yield Fault(check.reference.place, f"{check.rule.label}: {problem}")


def dumps(value: Json) -> str:
    """Write JSON in the one form that is hashed: sorted, compact."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _hash(pieces: list[Content]) -> blake2b:
    """Hash texts and bytes as Python spells a list of them, so that no two lists look alike."""
    return blake2b(ascii(pieces).encode(), digest_size=16)
