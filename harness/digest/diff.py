"""Where two texts part, and how to print what a port said: linear in the length, whatever the texts hold."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Json

_WINDOW = 500
"""So many lines after the first that differs are compared to find where the first hunk ends."""
_AROUND = 30
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def first_difference(want: str, got: str) -> tuple[int, str, str]:
    r"""Return (line, wanted line, actual line) of the first difference; lines count from 1 and end at `\n` only."""
    wanted, found = want.rstrip("\n").split("\n"), got.rstrip("\n").split("\n")
    for number, (one, other) in enumerate(zip(wanted, found, strict=False), 1):
        if one != other:
            return number, one, other
    number = min(len(wanted), len(found)) + 1
    missing = "(end of text)"
    return (
        number,
        wanted[number - 1] if number <= len(wanted) else missing,
        found[number - 1] if number <= len(found) else missing,
    )


def printable(text: str) -> str:
    """Make a port's text safe to print in one line: what would control the terminal is seen instead."""
    return (
        _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\x80" else f"\\u{ord(found[0]):04x}", text)
        .replace("\n", "\\n")
        .replace("\t", "\\t")
    )


def shorten(text: str, width: int) -> str:
    """Cut a text in the middle to a width in characters, and say how much is gone."""
    if len(text) <= width:
        return text
    keep = max(8, (width - 12) // 2)
    return f"{text[:keep]} …{len(text) - 2 * keep}… {text[-keep:]}"


def printable_lines(text: str) -> list[str]:
    r"""Split at `\n` only, each line safe to print; the newline at the end makes no line of its own."""
    return [_show(line, visible=False) for line in text.removesuffix("\n").split("\n")]


def spelled(reply: Mapping[str, Json]) -> str:
    """Write a reply out, to compare it with another: an output as it is, of anything else a line for each part."""
    if isinstance(reply.get("output"), str):
        text: str = reply["output"]
        return text
    lines: list[str] = []
    for kind, said in reply.items():
        parts = said if isinstance(said, dict) else {"": said}
        for name, part in parts.items():
            if name != "frames":
                lines.append(f"{kind} {name}: {part if isinstance(part, str) else json.dumps(part)}")
    return "\n".join(lines) + "\n"


def hunks(want: str, got: str, context: int) -> list[str]:
    r"""Compare line by line, split at `\n` only: ` same`, `-want`, `+got`, and `@@ line N` before each part."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - 7 ms, and only to look closer

    wanted, found = want.removesuffix("\n").split("\n"), got.removesuffix("\n").split("\n")
    before = _common(wanted, found)
    after = _common(wanted[before:][::-1], found[before:][::-1])
    one, other = wanted[before : len(wanted) - after], found[before : len(found) - after]
    if set(one).isdisjoint(other):  # the slowest to align, and there is nothing to align
        changes = [(0, len(one), 0, len(other))] if one or other else []
    else:
        every = Levenshtein.opcodes(one, other)
        changes = [(op.src_start, op.src_end, op.dest_start, op.dest_end) for op in every if op.tag != "equal"]
    starts = [change[0] + before for change in changes]
    lines: list[str] = []
    shown = -1
    for (_, ends, gets, got_ends), start, following in zip(changes, starts, [*starts, len(wanted)][1:], strict=True):
        end = ends + before
        first = max(shown, start - context, 0)
        if first > shown:
            lines.append(f"@@ line {first + 1}")
        shown = min(end + context, following)
        lines += [f" {_show(line, visible=False)}" for line in wanted[first:start]]
        lines += _changed(wanted[start:end], found[gets + before : got_ends + before])
        lines += [f" {_show(line, visible=False)}" for line in wanted[end:shown]]
    if want.endswith("\n") != got.endswith("\n"):
        who = "got" if want.endswith("\n") else "wanted"
        lines.append(f"\\ no newline at the end of what is {who}")
    return lines


def _common(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _changed(wanted: list[str], found: list[str]) -> list[str]:
    """Write replaced lines, as a block each; where nothing but white space differs, it is made visible."""
    visible = {
        number
        for number, (want, got) in enumerate(zip(wanted, found, strict=False))
        if want != got and want.split() == got.split()
    }
    return [
        mark + _show(line, visible=number in visible)
        for mark, side in (("-", wanted), ("+", found))
        for number, line in enumerate(side)
    ]


@dataclass(frozen=True, slots=True)
class Hunk:
    """The first place where two texts part, as lines: the one before it, what is wanted, what came."""

    line: int
    before: str | None
    wanted: tuple[str, ...]
    found: tuple[str, ...]
    last: bool
    """Whether the texts are equal from there on."""


def first_hunk(want: str, got: str) -> Hunk | None:
    r"""Find the first hunk, split at `\n` only; None where the texts differ in nothing but the newline at the end."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - 7 ms, and only where something fails

    wanted, found = want.removesuffix("\n").split("\n"), got.removesuffix("\n").split("\n")
    before = _common(wanted, found)
    if before == len(wanted) == len(found):
        return None
    one, other = wanted[before : before + _WINDOW], found[before : before + _WINDOW]
    changes = [op for op in Levenshtein.opcodes(one, other) if op.tag != "equal"]
    joined = next((n for n in range(1, len(changes)) if changes[n].src_start > changes[n - 1].src_end), len(changes))
    wants, gets = changes[joined - 1].src_end, changes[joined - 1].dest_end
    rest = wanted[before + wants :] == found[before + gets :]
    above = wanted[before - 1] if before else None
    return Hunk(before + 1, above, tuple(one[:wants]), tuple(other[:gets]), rest)


def sides(wanted: tuple[str, ...], found: tuple[str, ...], most: int, width: int) -> list[str]:
    """Write both sides of a hunk, each cut in the middle to so many lines, with carets below what differs in a line."""
    changed = _changed([*wanted], [*found])
    minus, plus = changed[: len(wanted)], changed[len(wanted) :]
    if len(minus) == len(plus) == 1:
        return pair(minus[0], plus[0], width)
    return [shorten(line, width) for side in (minus, plus) for line in _ends(side, most)]


def _ends(lines: list[str], most: int) -> list[str]:
    """Keep the head and the tail of a side, and say how many lines are between them."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"{lines[0][0]}… {len(lines) - most} lines …", lines[-1]]


def pair(minus: str, plus: str, width: int) -> list[str]:
    """Cut two lines to the part that differs, and put carets below it where it is hard to see."""
    before = next((n for n, (a, b) in enumerate(zip(minus[1:], plus[1:], strict=False)) if a != b), len(minus) - 1)
    after = next(
        (n for n, (a, b) in enumerate(zip(minus[:before:-1], plus[:before:-1], strict=False)) if a != b),
        min(len(minus), len(plus)) - 1 - before,
    )
    start = max(0, before - _AROUND) if max(len(minus), len(plus)) > width else 0
    cut = []
    for line in (minus, plus):
        end = len(line) - after
        stop = min(len(line), max(end + _AROUND, start + width))
        text = line[1 + start : stop] if len(line) > width else line[1:]
        more = "…" if len(line) > width and stop < len(line) else ""
        cut.append(f"{line[0]}{'…' if start else ''}{shorten(text, width)}{more}")
    changed = max(len(minus), len(plus)) - 1 - before - after
    if len(minus) > _AROUND and changed <= _AROUND and 4 * changed < len(minus):
        cut.append(" " * (1 + before - start + (1 if start else 0)) + "^" * max(1, changed))
    return cut


def _show(line: str, *, visible: bool) -> str:
    text = printable(line)
    return text.replace(" ", "·").replace("\\t", "→") if visible else text.replace("\\t", "\t")
