"""Globs, with one meaning everywhere: in the config, in the skip list, on the command line.

`*` and `?` stop at `/`, `**` spans folders, `{a,b}` are alternatives (which do not nest), `[abc]`, `[a-z]` and `[!abc]`
are one character, never `/`. A `[` or `{` that is not closed stands for itself. Globs are held against names in NFC.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?+\]?+[^\]]*\]|\{[^{}]*\}|.", re.DOTALL)
_MEMBER = re.compile(r"(.)-(.)|(.)", re.DOTALL)
_SIMPLE = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@lru_cache(maxsize=4096)
def compile_glob(glob: str) -> re.Pattern[str]:
    """Translate a glob, whatever it is; use the result with `fullmatch`."""
    return re.compile(_translate(unicodedata.normalize("NFC", glob)), re.DOTALL)


def is_glob(text: str) -> bool:
    """Whether a text is a pattern rather than one name."""
    return any(mark in text for mark in "*?[{")


def fixed_folder(glob: str) -> str:
    """Return the folders in front of the first wildcard, without a slash at the end: `a/b/*.txt` -> `a/b`."""
    parts = glob.split("/")[:-1]
    fixed: list[str] = []
    for part in parts:
        if is_glob(part):
            break
        fixed.append(part)
    return "/".join(fixed)


def _translate(glob: str) -> str:
    return "".join(_piece(token) for token in _TOKEN.findall(glob))


def _piece(token: str) -> str:
    if token in _SIMPLE:
        return _SIMPLE[token]
    if token[0] == "{" and len(token) > 1:
        return "(?:" + "|".join(_translate(option) for option in token[1:-1].split(",")) + ")"
    if token[0] == "[" and len(token) > 1:
        return _one_of(token[1:-1])
    return re.escape(token)


def _one_of(members: str) -> str:
    """Translate what stands between brackets; a range that runs backwards holds nothing."""
    outside = members.startswith("!")
    found = [_member(*one.groups()) for one in _MEMBER.finditer(members[outside:])]
    inside = "".join(found)
    if not inside:
        return "[^/]" if outside else r"(?!)"
    return f"(?!/)[{'^' if outside else ''}{inside}]"


def _member(first: str | None, last: str | None, single: str) -> str:
    if first is None or last is None:
        return re.escape(single)
    return f"{re.escape(first)}-{re.escape(last)}" if first <= last else ""
