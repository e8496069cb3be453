"""(case's plan, observation) -> outcome. Pure: no clock, no files."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, assert_never

from harness.files import as_content
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
        case Died(code, said, at):
            how = f" in the middle of {said[:60]!r}" if said else " before it answered"
            return Crashed(f"not asked: the worker of its group {ended(code)} at {at}" if at else ended(code) + how)
        case Hung(seconds):
            return TimedOut(f"no answer within {seconds:g} s")
        case Garbage(why, said):
            return Garbled(f"{why}: {said[:80]!r}" if said else why)
        case Oversize(size, limit):
            return TooLarge(f"a reply of {'at least ' if size > limit else ''}{size} bytes; the limit is {limit}")
        case _:
            assert_never(observation)


def ended(code: int) -> str:
    """Put an exit code, or minus a signal, into words."""
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal
        return f"was killed by signal {-code}"


def same(reference: Content, got: Output | ErrorReply, canonical: Canonical) -> bool:
    """Equality as the source format has it: texts by their canonical form, anything else byte by byte."""
    match got:
        case str() if isinstance(reference, str):
            return got == reference or canonical(got) == canonical(reference)
        case str():
            return reference == got.encode("utf-8", "surrogatepass")
        case bytes():
            return reference == got
        case int():
            return isinstance(reference, str) and reference.strip() == str(got)  # `echo $?` writes a newline too
        case Structured() | ErrorReply():
            return False
        case _:
            assert_never(got)


def differs(got: Output | ErrorReply) -> Mismatch:
    """Say that an output is not the reference."""
    return Mismatch("a value where text is due" if isinstance(got, Structured) else "output differs")


def accepted(plan: Plan, observation: Observation) -> bool:
    """Whether a reply is the very one that an `accepted` entry of the skip list recorded.

    An error by all of its fields. Of several outputs, each is as recorded or meets its reference.
    """
    match plan.excuse.reply if plan.excuse is not None else None, observation:
        case Outputs(known), Outputs() as got:
            meets = {check.reference.name for check in plan.checks if _meets(check, got, plan.canonical)}
            rest = {*known, *(check.reference.name for check in plan.checks)} - meets
            return all(_alike(known.get(name), _named(got, name), plan.canonical) for name in rest)
        case ErrorReply(known), ErrorReply(fields):
            return known == fields
        case _:
            return False


def _meets(check: Check, outputs: Outputs, canonical: Canonical) -> bool:
    got = _named(outputs, check.reference.name)
    if got is None or check.rule.matcher.wants == "error":
        return False
    return isinstance(_any_of(check, got, canonical), Match)


def _alike(known: Output | None, got: Output | None, canonical: Canonical) -> bool:
    if isinstance(known, str | bytes) and isinstance(got, str | bytes):
        return same(known, got, canonical)
    return known is not None and known == got


def _judge_outputs(plan: Plan, outputs: Outputs) -> Ran:
    matches: list[tuple[Check, Match]] = []
    for check in plan.checks:
        name = check.reference.name
        if check.rule.matcher.wants == "error":
            return NoError("an output where an error is due")
        got = _named(outputs, name)
        if got is None:
            return Failed(f"no output named {name!r}; the reply has {', '.join(sorted(outputs.named)) or 'none'}")
        verdict = _any_of(check, got, plan.canonical)
        if isinstance(verdict, Mismatch):
            return Failed(verdict.why if len(plan.checks) == 1 else f"{name}: {verdict.why}")
        matches.append((check, verdict))
    return _passed(matches)


def _named(outputs: Outputs, name: str) -> Output | None:
    """Find an output; bytes that are UTF-8 after all are the text that they spell."""
    got = outputs.named.get(name)
    return as_content(got) if isinstance(got, bytes) else got


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
    if len(check.reference.contents) == 1:
        return check.rule.matcher.match(check.reference.contents[0], got, canonical)
    verdicts = [check.rule.matcher.match(content, got, canonical) for content in check.reference.contents]
    matches = [verdict for verdict in verdicts if isinstance(verdict, Match)]
    return max(matches, key=lambda match: match.achieved.rank) if matches else verdicts[0]


def _passed(matches: list[tuple[Check, Match]]) -> Passed:
    if len(matches) == 1 and not matches[0][1].used:
        return Passed(matches[0][1].achieved, matches[0][0].rule.matcher.allowed)
    return Passed(
        achieved=min((match.achieved for _, match in matches), key=lambda strength: strength.rank),
        allowed=min((check.rule.matcher.allowed for check, _ in matches), key=lambda strength: strength.rank),
        used=tuple((check.rule.label, name) for check, match in matches for name in match.used),
    )
