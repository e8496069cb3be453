"""Where two texts part, and how to print what a port said: linear in the length, whatever the texts hold."""

from __future__ import annotations

import re

_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def first_difference(want: str, got: str) -> tuple[int, str, str]:
    r"""Return (line, the wanted line, the actual line) of the first difference; lines count from 1 and end at `\\n` only."""
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
    """Make a port's text safe to print in one line: no control characters, no escape sequences, no line breaks."""
    return (
        _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}" if len(found[0]) == 1 else "", text)
        .replace("\n", "\\n")
        .replace("\t", "\\t")
    )


def shorten(text: str, width: int) -> str:
    """Cut a text in the middle to a width in characters, and say how much is gone."""
    if len(text) <= width:
        return text
    keep = max(8, (width - 12) // 2)
    return f"{text[:keep]} …{len(text) - 2 * keep}… {text[-keep:]}"
