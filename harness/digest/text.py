"""The digest as text: verdict first, then what to fix, then how to see more."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from functools import partial
from typing import TYPE_CHECKING

from harness.digest.budget import Part, fit
from harness.digest.diff import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.digest.told import Told
    from harness.model import Json
    from harness.records import Delta, StoredRun

BUDGET = 2000
"""Tokens, as estimated."""
_LINES = 12
_NAMES = 5
_NOTES_OF_A_SORT = 3
_SIGNIFICANT = 0.05
_SMALLEST_P = 0.001


def render(told: Told, budget: int) -> str:
    """Write the digest of a run within so many tokens, 0 for all of it; ends with a newline."""
    run, summary = told.run, told.run.summary
    stages = [stage for stage, _, _ in summary["stages"]]
    parts = []
    if len(stages) > 1 and "PASS" not in run.verdicts:
        line = " · ".join(f"{stage} {passed}/{scope}" for stage, passed, scope in summary["stages"])
        parts.append(Part((lambda: [shorten(line, 400)],)))
    gap = summary.get("gap")
    parts.append(Part((lambda: [_gap(gap)] if gap else [],)))
    parts += [_few(list(_target(run)), "said by the target"), *_changes(told), *_books(told)]
    now = [one for one in told.clusters if budget == 0 or one.stage == told.stage]
    if now:
        from harness.digest.item import part  # noqa: PLC0415 - 15 ms, and only where something fails

        parts += [part(told, one, number, whole=budget == 0) for number, one in enumerate(now)]
    if budget:
        parts += _later(told, stages)
    parts.append(_optional(list(_notes(run.notices))))
    name = now[0].members[0] if now else ""
    last = f"next: {told.typed.command(f'show {shlex.quote(printable(name))}')}" if now else ""
    again = told.typed.command(f"digest {run.id} --budget 0", target=False)
    lines = fit(
        headline(run, told.delta, len(told.clusters)),
        parts,
        lambda clusters, cases: f"omitted: {_count(clusters)} ({cases} cases): {again}",
        last,
        budget,
    )
    return "\n".join(lines) + "\n"


def headline(run: StoredRun, delta: Delta, clusters: int) -> str:
    """Write the first line: verdicts and counts."""
    summary = run.summary
    standings: Mapping[str, int] = summary["standings"]
    passed = standings.get("passed", 0) + standings.get("stale", 0)
    beyond = standings.get("out_of_scope", 0) + standings.get("not_attempted", 0)
    scope = sum(standings.values()) - beyond
    words = [" ".join(run.verdicts)]
    how = by_strength(summary["achieved"])
    if not standings:
        pass  # nothing was tried; the next lines say why
    elif not {*run.selection.split()} - {"--no-skips", "--isolate"}:
        words.append(f"{passed}/{scope} pass{how}")
    else:
        words.append(
            f"{passed} of {scope + summary['left_out']} selected{how}"
            if passed == scope
            else f"{passed}/{scope} pass{how} of {scope + summary['left_out']}"
        )
    parts = [" ".join(words), *summary["options"]]
    parts += [f"+{len(delta.fixed)} fixed"] if delta.fixed else []
    lost = len(delta.regressed) + len(delta.gone)
    parts += [f"{lost} REGRESSED"] if lost else []
    names = {
        "failed": "failed",
        "todo": "todo",
        "accepted": "accepted",
        "unsupported": "unsupported",
        "flaky": "flaky",
        "stale": "stale",
    }
    names |= {"not_run": "not run", "not_attempted": "not attempted", "out_of_scope": "out of scope"}
    if standings.get("failed", 0) > 1:
        names["failed"] = f"failed in {_count(clusters)}"
    parts += [f"{standings[key]} {name}" for key, name in names.items() if standings.get(key)]
    parts += [f"{summary['held_out']} held out"] if summary.get("held_out") else []
    parts += [f"incomplete: {summary['cut_short']}"] if summary["cut_short"] else []
    return " · ".join([*parts, f"{run.target} run {run.id}"])


def by_strength(achieved: Mapping[str, int]) -> str:
    """Say how strong passes are; nothing where all of them are exact."""
    exact = not set(achieved) - {"exact"}
    return "" if exact else f" ({', '.join(f'{count} {name}' for name, count in achieved.items())})"


def _gap(gap: Mapping[str, Json]) -> str:
    """Say how held-out cases stand against visible ones, and whether that means anything."""
    (held, of_held), (visible, of_visible) = gap["held_out"], gap["visible"]
    rates = f"{held}/{of_held} pass ({held / of_held:.1%}), visible {visible}/{of_visible} ({visible / of_visible:.1%})"
    size, low, high = (f"{100 * gap[key]:.1f}" for key in ("size", "low", "high"))
    chance = "chance does not explain it" if gap["p"] < _SIGNIFICANT else "chance may explain it"
    p = f"p = {gap['p']:.3f}" if gap["p"] >= _SMALLEST_P else f"p < {_SMALLEST_P}"
    return f"held out  {rates}: a gap of {size} points (95 %: {low} to {high}); {chance} (Fisher's exact test, {p})"


def _changes(told: Told) -> list[Part]:
    delta = told.delta
    cluster_of = {case: f"[{one.id}]" for one in told.clusters for case in one.members}
    named = {case: f"{printable(case)} {cluster_of.get(case, '')}".rstrip() for case in delta.regressed}
    by_cluster = Counter(cluster_of.get(case, "[-]") for case in delta.regressed)
    counts = ", ".join(
        f"{count} in {name}" for name, count in sorted(by_cluster.items(), key=lambda item: (-item[1], item[0]))
    )
    parts = []
    if delta.regressed:
        ids, each = ", ".join(named.values()), [f"REGRESSED {name}" for name in named.values()]
        parts.append(Part((lambda: [f"REGRESSED {shorten(counts, 400)}"], lambda: [f"REGRESSED {ids}"], lambda: each)))
    gone = "gone      {}: it was there in the last whole run; restore it, or change [source] rev"
    parts.append(_few([gone.format(printable(case)) for case in delta.gone], "gone"))
    stale = {one.id for one in told.stale}
    fixed = tuple(case for case in delta.fixed if case not in stale)
    for word, cases in (("fixed", fixed), ("changed", delta.changed)):
        if cases:
            some = ", ".join(map(printable, cases[:_NAMES])) + (
                f" +{len(cases) - _NAMES}" if len(cases) > _NAMES else ""
            )
            parts.append(_optional([f"{word:9} {some}{', wrong in another way' if word == 'changed' else ''}"]))
    return parts


def _books(told: Told) -> list[Part]:
    listed = "stale     {}: listed ({}), yet it passes; " + told.typed.command("skip prune")
    return [
        _few([listed.format(printable(result.id), _short(result.reason)) for result in told.stale], "stale"),
        _few([f"gate      {_breach(one)}" for one in told.run.summary["breaches"]], "for the gate"),
    ]


def _few(lines: list[str], what: str) -> Part:
    """Tell a number, the first lines, or all."""
    some = lines if len(lines) <= _LINES else [*lines[: _LINES - 1], f"+{len(lines) - _LINES + 1} more {what}"]
    return Part(
        (lambda: [f"{len(lines)} {what}"] if lines else [], lambda: some, *([] if some is lines else [lambda: lines]))
    )


def _count(clusters: int) -> str:
    return f"{clusters} cluster{'' if clusters == 1 else 's'}"


def _optional(lines: list[str]) -> Part:
    return Part((list, lambda: lines))


def _later(told: Told, stages: Sequence[str]) -> list[Part]:
    """Count what fails in other stages: most of it is an echo of the current one."""
    parts = []
    for stage in stages:
        those = [one for one in told.clusters if one.stage == stage]
        if those and stage != told.stage:
            cases = sum(len(one.members) for one in those)
            how = told.typed.command(f"digest {told.run.id} --stage {stage}", target=False)
            line = f"{stage}: {cases} failed in {_count(len(those))} ({how})"
            parts.append(Part((partial(list, [line]),)))
    return parts


def _breach(breach: Mapping[str, Json]) -> str:
    return _short(": ".join(part for part in (breach["place"], breach["case"], breach["says"]) if part))


def _notes(notices: Sequence[str]) -> Iterator[str]:
    """Write the notes, a few of each sort; `harness list` writes all that are about files."""
    sorts: dict[str, list[str]] = defaultdict(list)
    for note in notices:
        sorts[note.partition(": ")[2] or note].append(note)
    for alike in sorts.values():
        shown = alike if len(alike) <= _NOTES_OF_A_SORT else alike[: _NOTES_OF_A_SORT - 1]
        yield from (f"note: {_short(note)}" for note in shown)
        if len(shown) < len(alike):
            yield f"note: {len(alike) - len(shown)} more like this (harness list shows all)"


def _target(run: StoredRun) -> Iterator[str]:
    summary = run.summary
    if summary["target_down"]:
        yield f"target {run.target}: {_short(summary['target_down'])}"
    for line in summary["said"]:
        yield shorten(printable(line), 200)


def _short(text: str | None) -> str:
    return shorten(printable(text or ""), 300)
