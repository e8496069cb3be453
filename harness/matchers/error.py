"""`error`: the case must fail, and with the right error.

The reference is text. A pattern with named groups takes the fields out of it, and each is compared with the field of
the same name in the worker's error reply. An error whose whole `text` equals the reference is exact.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from rapidfuzz.fuzz import ratio

from harness.judge import same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS: Mapping[str, Json] = {
    "pattern": {"type": "string", "format": "regex", "minLength": 1},
    "fields": {
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "enum": ["exact", "ignored"]},
                {
                    "type": "object",
                    "properties": {
                        "similar": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                        "map": {
                            "type": "object",
                            "additionalProperties": {"type": "array", "items": {"type": "string"}},
                        },
                        "quoted": {"type": "boolean"},
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                },
            ],
        },
    },
}
REQUIRED = ("pattern", "fields")

_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
_PLACES = 6
"""Likeness is a fraction in binary: 0.1 must reach a threshold of 0.1, however it was computed."""


class Error:
    """Kind, line, name and wording, each as strictly as the config says."""

    wants: Wants = "error"
    loosenings: tuple[str, ...] = ()

    def __init__(self, pattern: re.Pattern[str], fields: Mapping[str, Json]) -> None:
        self._pattern = pattern
        self._fields = fields
        ignored = all(spec == "ignored" for spec in fields.values())
        self.allowed = Strength.ANY_ERROR if ignored else Strength.FIELDS

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare field by field; a field that the reference leaves out is not compared."""
        if not isinstance(reference, str):
            raise ReferenceFault("is not text, and `pattern` reads text; restore it, or narrow the rule")
        if not isinstance(got, ErrorReply):
            return Mismatch("an error is due")
        found = self._pattern.search(reference)
        if found is None:
            raise ReferenceFault("`pattern` finds nothing in this reference; widen it, or narrow the rule")
        wanted = {name: found[name] for name in self._fields if found[name] is not None}
        if not wanted:
            raise ReferenceFault("`pattern` takes no field out of this reference; widen it, or narrow the rule")
        # An equal text says it all; but what is told beside it must not say otherwise.
        whole = got.text is not None and same(reference, got.text, canonical)
        wrong: list[str] = []
        for name, want in wanted.items():
            spec, have = self._fields[name], got.fields.get(name)
            if spec != "ignored" and not (whole and have is None):
                why = _differs(name, want, have, {} if spec == "exact" else spec)
                wrong += [why] if why else []
        if wrong:
            return Mismatch("wrong error: " + ", ".join(wrong))
        return Match(Strength.EXACT if whole else self.allowed)


def make(options: Mapping[str, Json]) -> Error:
    """Compile the pattern; raises ValueError when pattern and fields do not speak of the same names."""
    pattern = re.compile(options["pattern"])
    fields: Mapping[str, Json] = options["fields"]
    missing = sorted(set(fields) - set(pattern.groupindex))
    if missing:
        raise ValueError(f"`pattern` has no group named {', '.join(missing)}; write (?P<{missing[0]}>...)")
    unsaid = sorted(set(pattern.groupindex) - set(fields))
    if unsaid:
        raise ValueError(f'`fields` does not say how to compare {", ".join(unsaid)}; write {unsaid[0]} = "exact"')
    return Error(pattern, fields)


def _differs(name: str, want: str, got: str | float | None, spec: Mapping[str, Json]) -> str | None:
    if spec.get("quoted"):
        want = _ESCAPE.sub(_unescape, want)
    if got is None:
        return f"no {name} (want {want!r})"
    have = str(got).lower() if isinstance(got, bool) else str(got)
    if have == want or have in spec.get("map", {}).get(want, ()):
        return None
    if "similar" not in spec:
        return f"{name} {have!r} (want {want!r})"
    likeness = round(ratio(want, have) / 100, _PLACES)
    if likeness >= spec["similar"]:
        return None
    return f"{name} {have!r} (want {want!r}; similar {likeness:.3f} < {spec['similar']})"


def _unescape(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2] or escape[3]
    if not digits:
        return _LETTERS.get(escape[4], escape[4])
    code = int(digits, 16)
    return chr(code) if code <= sys.maxunicode else escape[0]
