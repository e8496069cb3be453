"""`text`: equal after an ordered list of named normalisations, which are applied to both sides."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Normalize: TypeAlias = Callable[[str], str]

# Each run of blanks is tried once, at its beginning: else a line of 100,000 blanks takes minutes.
_TRAILING = re.compile(r"(?<![ \t])[ \t]+(?=\r?\n|\Z)")
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-Za-z])")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b")
_TEMPORARY = re.compile(r"(?<![\w.~-])(?:/private)?/(?:tmp|var/folders/[^/\s]+/[^/\s]+/T)/[\w.+~-]+")

_NAMED: dict[str, Normalize] = {
    "trailing-newlines": lambda text: text.rstrip("\n"),
    "trailing-whitespace": partial(_TRAILING.sub, ""),
    "crlf": lambda text: text.replace("\r\n", "\n"),
    "ansi": partial(_ANSI.sub, ""),
    "addresses": partial(_ADDRESS.sub, "<address>"),
    "temporary-paths": partial(_TEMPORARY.sub, "<tmp>"),
}

OPTIONS: Mapping[str, Json] = {
    "normalize": {
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [
                {"type": "string", "enum": list(_NAMED)},
                {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "replace": {"type": "string", "format": "regex", "minLength": 1},
                        "with": {"type": "string"},
                    },
                    "required": ["name", "replace"],
                    "additionalProperties": False,
                },
            ],
        },
    },
}
REQUIRED = ("normalize",)


class Text:
    """What is forgiven is listed, named and counted."""

    allowed = Strength.NORMALIZED
    wants: Wants = "output"

    def __init__(self, steps: Mapping[str, Normalize]) -> None:
        self._steps = steps
        self.loosenings = tuple(steps)

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare as they are first: a pass that needed no loosening is exact."""
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(reference, str) or not isinstance(got, str):
            return differs(got)
        used: list[str] = []
        for name, normalize in self._steps.items():
            want, have = normalize(reference), normalize(got)
            if (want, have) != (reference, got):
                used.append(name)
            reference, got = want, have
        return Match(Strength.NORMALIZED, tuple(used)) if same(reference, got, canonical) else differs(got)


def make(options: Mapping[str, Json]) -> Text:
    """Compile the normalisations; raises ValueError for a name that is used twice, or a replacement that is none."""
    steps: dict[str, Normalize] = {}
    for entry in options["normalize"]:
        name = entry if isinstance(entry, str) else entry["name"]
        if name in steps:
            raise ValueError(f"two normalisations are named {name!r}; rename or remove one")
        steps[name] = _NAMED[entry] if isinstance(entry, str) else _replacing(entry)
    return Text(steps)


def _replacing(entry: Mapping[str, str]) -> Normalize:
    pattern, replacement = re.compile(entry["replace"], re.MULTILINE), entry.get("with", "")
    try:
        pattern.sub(replacement, "")  # reads the replacement's group references, whether the pattern fits or not
    except (re.error, IndexError) as problem:
        raise ValueError(f"`with` = {replacement!r} can not be read ({problem}); correct it") from problem
    return partial(pattern.sub, replacement)
