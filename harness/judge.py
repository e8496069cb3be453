"""(case's plan, observation) -> outcome. Pure: no clock, no files."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from harness.model import (
    Canonical,
    Content,
    Crashed,
    Died,
    ErrorReply,
    Failed,
    Garbage,
    Garbled,
    Hung,
    Match,
    Mismatch,
    Missing,
    NoError,
    Output,
    Outputs,
    Oversize,
    Panic,
    Passed,
    Raised,
    Structured,
    TimedOut,
    TooLarge,
    Unsupported,
)

if TYPE_CHECKING:
    from harness.model import Check, Observation, Plan, Ran


def judge(plan: Plan, observation: Observation) -> Ran:
    """Say what an observation means for the case of this plan.

    Raises ReferenceFault when a matcher can not read a reference.
    """
    match observation:
        case Outputs():
            return _judge_outputs(plan, observation)
        case ErrorReply():
            return _judge_error(plan, observation)
        case Unsupported(reason):
            return Missing(reason)
        case Panic(message, frames):
            return Crashed(f"panic: {message}" + (f" in {frames[0]}" if frames else ""))
        case Died(code, said):
            return Crashed(ended(code) + (f" in the middle of {said[:60]!r}" if said else ""))
        case Hung(seconds):
            return TimedOut(f"no answer within {seconds:g} s")
        case Garbage(why, said):
            return Garbled(f"{why}: {said[:80]!r}")
        case Oversize(size, limit):
            return TooLarge(f"a reply of {'at least ' if size > limit else ''}{size} bytes; the limit is {limit}")
        case _:
            assert_never(observation)


def ended(code: int) -> str:
    """Put an exit code, or minus a signal, into words."""
    return f"killed by signal {-code}" if code < 0 else f"exited with {code} before it answered"


def same(reference: Content, got: Output | ErrorReply, canonical: Canonical) -> bool:
    """Equality as the source format has it: texts by their canonical form, anything else byte by byte."""
    match got:
        case str():
            text = reference if isinstance(reference, str) else None
            return (
                got == text
                or (text is not None and canonical(got) == canonical(text))
                or _bytes(reference) == _bytes(got)
            )
        case bytes():
            return _bytes(reference) == got
        case int():
            return reference == str(got)
        case Structured() | ErrorReply():
            return False
        case _:
            assert_never(got)


def accepted(plan: Plan, observation: Observation) -> bool:
    """Whether a reply is the very one that an `accepted` entry of the skip list recorded."""
    known = plan.excuse.reference if plan.excuse is not None else None
    if known is None:
        return False
    match observation:
        case Outputs(named) if len(plan.checks) == 1:
            got = named.get(plan.checks[0].reference.name)
            return got is not None and same(known, got, plan.canonical)
        case ErrorReply():
            return observation.text is not None and same(known, observation.text, plan.canonical)
        case _:
            return False


def _judge_outputs(plan: Plan, outputs: Outputs) -> Ran:
    matches: list[tuple[Check, Match]] = []
    for check in plan.checks:
        name = check.reference.name
        if check.rule.matcher.wants == "error":
            return NoError("an output where an error is due")
        if name not in outputs.named:
            return Failed(f"no output named {name!r}; the reply has {', '.join(sorted(outputs.named)) or 'none'}")
        verdict = _any_of(check, outputs.named[name], plan.canonical)
        if isinstance(verdict, Mismatch):
            return Failed(verdict.why if len(plan.checks) == 1 else f"{name}: {verdict.why}")
        matches.append((check, verdict))
    return _passed(matches)


def _judge_error(plan: Plan, error: ErrorReply) -> Ran:
    matches: list[tuple[Check, Match]] = []
    for check in plan.checks:
        if check.rule.matcher.wants == "output":
            return Raised(f"raises {describe(error)}")
        verdict = _any_of(check, error, plan.canonical)
        if isinstance(verdict, Mismatch):
            return Failed(verdict.why)
        matches.append((check, verdict))
    return _passed(matches)


def describe(error: ErrorReply) -> str:
    """Put an error reply into one line."""
    message = error.fields.get("detail", error.fields.get("message"))
    return f"{error.fields['kind']}" + ("" if message is None else f": {message}")


def _any_of(check: Check, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
    """Several references are allowed alternatives: the strongest match counts, else the first mismatch."""
    verdicts = [check.rule.matcher.match(content, got, canonical) for content in check.reference.contents]
    matches = [verdict for verdict in verdicts if isinstance(verdict, Match)]
    return max(matches, key=lambda match: match.achieved.rank) if matches else verdicts[0]


def _passed(matches: list[tuple[Check, Match]]) -> Passed:
    return Passed(
        achieved=min((match.achieved for _, match in matches), key=lambda strength: strength.rank),
        allowed=min((check.rule.matcher.allowed for check, _ in matches), key=lambda strength: strength.rank),
        used=tuple((check.rule.label, name) for check, match in matches for name in match.used),
    )


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
