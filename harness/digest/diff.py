"""Where two texts part, and how to print what a port said: linear in the length, whatever the texts hold."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Json

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
    middle = Levenshtein.opcodes(wanted[before : len(wanted) - after], found[before : len(found) - after])
    changes = [op for op in middle if op.tag != "equal"]
    starts = [op.src_start + before for op in changes]
    lines: list[str] = []
    shown = -1
    for op, start, following in zip(changes, starts, [*starts, len(wanted)][1:], strict=True):
        end = op.src_end + before
        first = max(shown, start - context, 0)
        if first > shown:
            lines.append(f"@@ line {first + 1}")
        shown = min(end + context, following)
        lines += [f" {_show(line, visible=False)}" for line in wanted[first:start]]
        lines += _changed(wanted[start:end], found[op.dest_start + before : op.dest_end + before])
        lines += [f" {_show(line, visible=False)}" for line in wanted[end:shown]]
    if want.endswith("\n") != got.endswith("\n"):
        who = "got" if want.endswith("\n") else "wanted"
        lines.append(f"\\ no newline at the end of what is {who}")
    return lines


def _common(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _changed(wanted: list[str], found: list[str]) -> list[str]:
    """Write replaced lines; where only white space differs, it is made visible."""
    lines: list[str] = []
    for number in range(max(len(wanted), len(found))):
        want, got = wanted[number : number + 1], found[number : number + 1]
        visible = bool(want and got) and want[0].split() == got[0].split()
        lines += [mark + _show(line, visible=visible) for mark, pair in (("-", want), ("+", got)) for line in pair]
    return lines


def _show(line: str, *, visible: bool) -> str:
    text = printable(line)
    return text.replace(" ", "·").replace("\\t", "→") if visible else text.replace("\\t", "\t")
