"""What judges a case, and its fingerprint.

Two plans with one hash judge alike: the hash covers the input, params, settings, shared files, references, the rules
that fit (not those that do not), limits, the format's rule of equality, how the target is driven, and the skip entry.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness.errors import Fault
from harness.model import Check, ErrorReply, Plan, ReferenceFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.model import Canonical, Case, Content, Excuse, Json, Limits, Rule

_ANY_ERROR = ErrorReply({"kind": ""})


def fingerprint(shared: Mapping[str, Content], limits: Limits, canonical: Canonical, target: Json) -> bytes:
    """Hash what all cases of one suite have in common, once."""
    digest = blake2b(digest_size=16)
    for name, content in sorted(shared.items()):
        _feed(digest, name)
        _feed(digest, content)
    _feed(digest, dumps([limits.seconds, limits.output, canonical.__module__, canonical.__qualname__, target]))
    return digest.digest()


def plan(case: Case, rules: Sequence[Rule], excuse: Excuse | None, canonical: Canonical, common: bytes) -> Plan:
    """Choose the rule for each reference, the first that fits, and hash all that judges the case."""
    checks = tuple(
        Check(reference, next(rule for rule in rules if rule.fits(case.name, reference)))
        for reference in case.references
    )
    digest = blake2b(common, digest_size=16)
    _feed(digest, case.id)
    _feed(digest, case.input or "")
    if case.params or case.settings or case.group:
        _feed(digest, dumps([case.params, case.settings, case.group]))
    for check in checks:
        _feed(digest, check.reference.name)
        for content in check.reference.contents:
            _feed(digest, content)
        _feed(digest, check.rule.spec)
    if excuse is not None:
        _feed(digest, dumps([excuse.status, excuse.run]))
        _feed(digest, excuse.reference or "")
    return Plan(checks, excuse, canonical, digest.hexdigest())


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


def _feed(digest: blake2b, content: Content) -> None:
    """Add one piece with its kind and length, so that no two lists of pieces look alike."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    digest.update(b"%c%d:" % (98 if isinstance(content, bytes) else 116, len(data)))
    digest.update(data)
