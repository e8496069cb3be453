"""`text`: equal after an ordered list of named normalisations, which are applied to both sides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from harness.judge import same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, Strength

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED: dict[str, tuple[str, str]] = {
    "trailing-newlines": (r"\n+\Z", ""),
    "trailing-whitespace": (r"[^\S\n]+(?=\n|\Z)", ""),
    "crlf": (r"\r\n", "\n"),
    "ansi": (r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", ""),
    "addresses": (r"\b0x[0-9a-fA-F]{6,16}\b", "<address>"),
    "temporary-paths": (r"(?:/private)?/(?:tmp|var/folders)/[^\s\"':,;)]+", "<tmp>"),
}

OPTIONS: Mapping[str, Json] = {
    "normalize": {
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [
                {"enum": sorted(_NAMED)},
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
    wants: Literal["output", "error"] = "output"

    def __init__(self, steps: tuple[tuple[str, re.Pattern[str], str], ...]) -> None:
        self._steps = steps
        self.loosenings = tuple(name for name, _, _ in steps)

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare as they are first: a pass that needed no loosening is exact."""
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(reference, str) or not isinstance(got, str):
            return Mismatch("output differs")
        used: list[str] = []
        for name, pattern, replacement in self._steps:
            want, have = pattern.sub(replacement, reference), pattern.sub(replacement, got)
            if (want, have) != (reference, got):
                used.append(name)
            reference, got = want, have
        if same(reference, got, canonical):
            return Match(Strength.NORMALIZED, tuple(used))
        return Mismatch("output differs")


def make(options: Mapping[str, Json]) -> Text:
    """Compile the normalisations; raises re.error for a pattern that the schema let through."""
    steps: list[tuple[str, re.Pattern[str], str]] = []
    for entry in options["normalize"]:
        if isinstance(entry, str):
            steps.append((entry, re.compile(_NAMED[entry][0]), _NAMED[entry][1]))
        else:
            steps.append((entry["name"], re.compile(entry["replace"], re.MULTILINE), entry.get("with", "")))
    return Text(tuple(steps))
