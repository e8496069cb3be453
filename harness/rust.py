"""Rust's texts: what its own library calls white space, string literals, and insta's rule of equality."""

from __future__ import annotations

import re
import sys

# What Rust's `trim_end` removes (Unicode White_Space); Python's `rstrip()` would take four control characters more.
_WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
LITERAL = r'r(?P<hash>#*)"(?s:.*?)"(?P=hash)|"(?s:[^"\\]|\\.)*"'
"""A string literal, raw or not."""

_RAW = re.compile(r'r(#*)"(?P<text>(?s:.*))"\1')
_PLAIN = re.compile(r'"(?P<text>(?s:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F_]+)\}|x([0-9a-fA-F]{2})|\n[ \t\n\r]*|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def canonical(text: str) -> str:
    """Insta's comparison, with its legacy form: as `normal`, leading newlines and one `---` line dropped."""
    return normal(text).lstrip("\r\n").removeprefix("---\n")


def normal(text: str) -> str:
    """What insta writes: white space at the end dropped, CRLF is LF."""
    return text.rstrip(_WHITE_SPACE).replace("\r\n", "\n")


def read_literal(source: str) -> str | None:
    """Read a string literal as Rust does; None when the text is none."""
    source = source.replace("\r\n", "\n")
    if raw := _RAW.fullmatch(source):
        return raw["text"]
    plain = _PLAIN.fullmatch(source)
    return None if plain is None else _ESCAPE.sub(_unescape, plain["text"])


def _unescape(found: re.Match[str]) -> str:
    digits = (found[1] or found[2] or "").replace("_", "")
    if digits:
        code = int(digits, 16)
        return chr(code) if code <= sys.maxunicode else found[0]
    return "" if found[3] is None else _LETTERS.get(found[3], found[3])
