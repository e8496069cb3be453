"""What a loop comes to, for the morning. Every figure is out of the journal; what is unknown is printed so. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.loop.state import TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.loop.state import Attempt, State
    from harness.model import Json

FORMAT = 1
_CASES = 6


def as_json(state: State) -> dict[str, Json]:
    """Return the report as data; the schema is what `docs/reference/loop.md` says, format 1."""
    began, used = state.began, state.used
    assert began is not None  # noqa: S101 - for the type checker
    closed = [attempt for attempt in state.attempts.values() if attempt.closed is not None]
    gained = state.counts.get("passed", 0) - state.first.get("passed", 0)
    return {
        "format": FORMAT,
        "stopped": asdict(state.stopped) if state.stopped else None,
        "agent": began.agent,
        "target": began.target,
        "branch": began.branch,
        "base": began.base,
        "head": state.head,
        "sandbox": state.sandbox,
        "start": state.first,
        "end": state.counts,
        "kept": [_attempt(one) for one in closed if one.closed and one.closed.outcome == "kept"],
        "others": [_attempt(one) for one in closed if one.closed and one.closed.outcome != "kept"],
        "regressions_prevented": sorted({case for one in closed if one.closed for case in one.closed.broke}),
        "parked": sorted(state.parked),
        "blocked": state.blocked,
        "figures": {
            "hours": round(state.seconds / 3600, 3),
            "restarts": state.restarts,
            "attempts": len(state.attempts),
            **asdict(used),
            "cases_per_dollar": round(gained / used.cost, 2) if used.cost else None,
        },
        "budgets": asdict(state.budgets),
    }


def _attempt(attempt: Attempt) -> dict[str, Json]:
    closed, judged, worked = attempt.closed, attempt.judged, attempt.worked
    assert closed is not None  # noqa: S101 - for the type checker
    return {
        "attempt": closed.attempt,
        "cluster": attempt.started.cluster,
        "cases": attempt.started.cases,
        "outcome": closed.outcome,
        "why": closed.why,
        "commit": judged.commit if judged and closed.outcome == "kept" else None,
        "gained": closed.gained,
        "broke": closed.broke,
        "flaky": judged.flaky if judged else [],
        "violations": worked.violations if worked else [],
        "faults": [*attempt.faults, *([worked.fault] if worked and worked.fault else [])],
        "summary": worked.summary if worked else "",
        "patch": worked.patch if worked else "",
        "used": asdict(attempt.used),
    }


def text(report: Json) -> str:
    """Write a report for a terminal: what must be known first, and a line an attempt."""
    return "\n".join(_text(report)) + "\n"


def _text(report: Json) -> Iterator[str]:
    start, end, figures = report["start"], report["end"], report["figures"]
    stopped = report["stopped"]
    yield f"{_reason(stopped)} · {start.get('passed', 0)} -> {end.get('passed', 0)} of {end.get('cases', 0)} cases pass"
    before = {stage: passed for stage, passed, _ in start.get("stages", ())}
    for stage, passed, cases in end.get("stages", ()):
        yield f"  {stage}  {before.get(stage, 0)} -> {passed} of {cases}"
    yield "strength: " + (", ".join(f"{count} {name}" for name, count in end.get("achieved", {}).items()) or "none")
    if end.get("held_out"):
        yield _held_out(end["held_out"])
    if not report["sandbox"].startswith("bubblewrap"):
        yield f"WARNING {report['sandbox']}: agents and targets could reach everything that you can"
    outcomes = Counter(one["outcome"] for one in report["others"])
    told = "".join(f" · {count} {outcome}" for outcome, count in outcomes.items())
    yield f"{figures['attempts']} attempts · {len(report['kept'])} kept{told}"
    for one in report["kept"]:
        yield f"  {one['commit'][:8]}  attempt {one['attempt']}  +{len(one['gained'])}  {_some(one['gained'])}"
    for one in report["others"]:
        yield f"  {one['outcome']:9} attempt {one['attempt']}  {one['why']}"
    prevented = report["regressions_prevented"]
    if prevented:
        yield f"regressions prevented: {len(prevented)}: {_some(prevented)}"
    if report["parked"]:
        yield f"parked after {TRIES} tries: {_some(report['parked'])}"
    for case, reason in report["blocked"].items():
        yield f"blocked: {case}: {reason}"
    yield _figures(figures)
    yield f"{report['branch']} {report['base'][:8]}..{report['head'][:8]} · agent {report['agent']}"


def _held_out(gap: Json) -> str:
    (held, of), (visible, cases) = gap["held_out"], gap["visible"]
    return f"held out  {held}/{of} pass, visible {visible}/{cases}: a gap of {100 * gap['size']:.1f} points"


def _reason(stopped: Json) -> str:
    return f"{stopped['reason'].upper()} ({stopped['says']})" if stopped else "NOT FINISHED (harness loop resume)"


def _figures(figures: Json) -> str:
    words = {
        "messages": "messages", "tools": "tool calls", "tokens_in": "tokens in", "tokens_cached": "cached",
        "tokens_out": "tokens out", "cost": "dollars", "cases_per_dollar": "cases a dollar",
    }  # fmt: skip
    told = [f"{figures['hours']:.2f} hours"]
    told += [f"{figures['restarts']} restarts"] if figures["restarts"] else []
    told += [f"{_number(figures[name])} {word}" for name, word in words.items() if figures[name] is not None]
    unknown = [word for name, word in words.items() if figures[name] is None]
    return " · ".join(told + ([f"unknown: {', '.join(unknown)}"] if unknown else []))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:_CASES]) + (f" +{len(names) - _CASES}" if len(names) > _CASES else "")


def markdown(report: Json) -> str:
    """Write a report as Markdown."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: Json) -> Iterator[str]:
    start, end = report["start"], report["end"]
    yield f"# {_reason(report['stopped'])}"
    yield ""
    yield "| | start | end | cases |"
    yield "| --- | --: | --: | --: |"
    before = {stage: passed for stage, passed, _ in start.get("stages", ())}
    for stage, passed, cases in end.get("stages", ()):
        yield f"| {stage} | {before.get(stage, 0)} | {passed} | {cases} |"
    yield f"| all | {start.get('passed', 0)} | {end.get('passed', 0)} | {end.get('cases', 0)} |"
    for name in sorted({*start.get("achieved", {}), *end.get("achieved", {})}):
        yield f"| {name} | {start['achieved'].get(name, 0)} | {end['achieved'].get(name, 0)} | |"
    yield ""
    yield f"Sandbox: **{report['sandbox']}**. {_figures(report['figures'])}."
    yield ""
    yield f"`{report['branch']}` {report['base'][:8]}..{report['head'][:8]}, agent {report['agent']}."
    if end.get("held_out"):
        yield from ("", _held_out(end["held_out"]) + ".")
    if report["kept"]:
        yield from ("", "## Kept", "", "| commit | attempt | cases |", "| --- | --: | --- |")
        yield from (f"| {one['commit'][:8]} | {one['attempt']} | {_some(one['gained'])} |" for one in report["kept"])
    if report["others"]:
        yield from ("", "## Not kept", "", "| attempt | | why |", "| --: | --- | --- |")
        yield from (f"| {one['attempt']} | {one['outcome']} | {_cell(one['why'])} |" for one in report["others"])
    for title, names in (("Regressions prevented", report["regressions_prevented"]), ("Parked", report["parked"])):
        if names:
            yield from ("", f"## {title}", "", *(f"- {name}" for name in names))
    if report["blocked"]:
        yield from ("", "## Blocked", "", *(f"- {case}: {_cell(reason)}" for case, reason in report["blocked"].items()))


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
