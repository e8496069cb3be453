"""The digest as text: verdict first, then what to fix, then how to see more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.digest.diff import first_difference, printable, shorten, spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.model import Json
    from harness.records import Delta, StoredResult, StoredRun, Typed

_WIDTH = 150
_LINES_A_GROUP = 12
_NOTES_OF_A_SORT = 3
_END = 12
_SIGNIFICANT = 0.05
_SMALLEST_P = 0.001


def render(
    run: StoredRun, failures: Iterable[StoredResult], stale: Iterable[StoredResult], delta: Delta, typed: Typed
) -> str:
    """Write the digest of a run; ends with a newline."""
    lines = [headline(run, delta)]
    order = [stage for stage, _, _ in run.summary["stages"]]
    if len(order) > 1 and "PASS" not in run.verdicts:
        lines.append(" · ".join(f"{stage} {passed}/{scope}" for stage, passed, scope in run.summary["stages"]))
    gap = run.summary.get("gap")
    lines += [_gap(gap)] if gap else []
    lines += _target(run)
    lines += _some([f"REGRESSED {case}" for case in delta.regressed], "REGRESSED")
    gone = "gone      {}: it was there in the last whole run; restore it, or change [source] rev"
    lines += _some([gone.format(case) for case in delta.gone], "gone")
    listed = "stale     {}: listed ({}), yet it passes; " + typed.command("skip prune")
    lines += _some([listed.format(result.id, _short(result.reason)) for result in stale], "stale")
    lines += _some([f"gate      {_breach(one)}" for one in run.summary["breaches"]], "for the gate")
    # Only what is printed is kept: a reply may be 16 MB, and there may be thousands.
    groups: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for result in failures:
        groups[result.stage, group_of(result)].append((result.id, one_line(result)))
    ordered = sorted(groups.items(), key=lambda item: (order.index(item[0][0]), -len(item[1]), item[0]))
    for (stage, group), members in ordered:
        lines += _group(stage, group, members, typed)
    lines += _notes(run.notices)
    if ordered:
        lines.append(f"next: {typed.command(f'show {ordered[0][1][0][0]}')}")
    return "\n".join(map(printable, lines)) + "\n"  # the name of a case may hold anything


def headline(run: StoredRun, delta: Delta) -> str:
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


def group_of(result: StoredResult) -> str:
    """Name what went wrong, without what is the case's own: quoted texts and numbers become holes."""
    why = result.why or ""
    return f"{result.outcome}: {shorten(holes(why), 100)}"


def holes(text: str) -> str:
    """Replace quoted texts and numbers, so that alike messages are alike."""
    out: list[str] = []
    quote = before = ""
    for char in printable(text):
        if quote:
            if char == quote and before != "\\":
                quote = ""
                out.append("_")
        elif char in "'\"`":
            quote = char
        elif char.isdigit():
            if not out or out[-1] != "#":
                out.append("#")
        else:
            out.append(char)
        before = char
    return "".join(out)


def _target(run: StoredRun) -> Iterator[str]:
    summary = run.summary
    if summary["target_down"]:
        yield f"target {run.target}: {_short(summary['target_down'])}"
    for line in summary["said"]:
        yield shorten(printable(line), 200)


def _group(stage: str, group: str, members: Sequence[tuple[str, str]], typed: Typed) -> Iterator[str]:
    yield f"[{stage}] x{len(members)} {group}"
    for case, line in members[:_LINES_A_GROUP]:
        yield f"  {case.partition('/')[2]}  {line}"
    if len(members) > _LINES_A_GROUP:
        rest = members[_LINES_A_GROUP:]
        names = shorten(", ".join(case.partition("/")[2] for case, _ in rest), _WIDTH)
        yield f"  +{len(rest)} more: {names} ({typed.command('list --standing failed')})"


def _some(lines: list[str], what: str) -> list[str]:
    """Keep the first lines of a kind, and count the rest."""
    left = len(lines) - _LINES_A_GROUP
    return lines if left <= 0 else [*lines[:_LINES_A_GROUP], f"+{left} more {what}"]


def one_line(result: StoredResult) -> str:
    """Say what is wrong with one case, in one line; each side of a difference is cut by itself."""
    want, got = texts(result)
    accepted = "accepted" in (result.detail or {})
    if want is None or got is None or not ((result.why or "").endswith("output differs") or accepted):
        return shorten(printable(result.why or ""), _WIDTH)
    if want.rstrip() == got.rstrip():
        return f"only the end differs: -{want[-_END:]!r} +{got[-_END:]!r}"
    number, expected, found = first_difference(want, got)
    half = _WIDTH // 2
    return f"line {number}: -{shorten(printable(expected), half)} +{shorten(printable(found), half)}"


def texts(result: StoredResult) -> tuple[str | None, str | None]:
    """Return the wanted and the actual text of the output that was compared, where both are text.

    What was accepted is wanted in the place of the references.
    """
    detail, reply = result.detail, result.reply
    if not detail or not reply or not detail["references"]:
        return None, None
    if "accepted" in detail:
        return spelled(detail["accepted"]), spelled(reply)
    outputs: Json = reply.get("outputs", {"output": reply["output"]} if "output" in reply else {})
    for reference in detail["references"]:
        want, got = reference["contents"][0], outputs.get(reference["name"])
        if isinstance(want, str) and isinstance(got, str) and want != got:
            return want, got
    return None, None


def _short(text: str | None) -> str:
    return shorten(printable(text or ""), 300)
