"""Globs, with one meaning everywhere: in the config, in the skip list, on the command line.

`*` and `?` stop at `/`, `**/` spans folders, `{a,b}` are alternatives, `[abc]` and `[!abc]` are character classes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|\{[^{}]*\}|.", re.DOTALL)


@lru_cache(maxsize=4096)
def compile_glob(glob: str) -> re.Pattern[str]:
    """Translate a glob; use the result with `fullmatch`."""
    return re.compile(_translate(glob), re.DOTALL)


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
    simple = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    if token in simple:
        return simple[token]
    if token[0] == "{" and len(token) > 1:
        return "(?:" + "|".join(_translate(option) for option in token[1:-1].split(",")) + ")"
    if token[0] == "[" and len(token) > 1:
        inside = token[1:-1].replace("\\", "\\\\")
        return "[^" + inside[1:] + "]" if inside.startswith("!") else "[" + inside + "]"
    return re.escape(token)
