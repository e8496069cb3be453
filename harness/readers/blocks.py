"""`blocks`: many cases in one text file, told apart by a regular expression whose named groups are the fields.

What stands between two cases must be what the config says may stand there: no case is passed over in silence.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from harness import fields
from harness.errors import Fault, Place
from harness.files import as_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Content, Found, Json

_PATTERN = {"type": "string", "format": "regex", "minLength": 1}
OPTIONS: Mapping[str, Json] = {
    **fields.OPTIONS,
    "case": _PATTERN,
    "part": _PATTERN,
    "between": _PATTERN,
    "heading": _PATTERN,
}
REQUIRED = fields.REQUIRED


def canonical(text: str) -> str:
    """Nothing is forgiven: texts are what they are."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield the cases of each file, which is held in memory as a whole."""
    return fields.read(suite, root, options, partial(_open, _Patterns(options)))


class _Patterns:
    """The regular expressions of a suite; `^` and `$` are the ends of a line."""

    def __init__(self, options: Mapping[str, Json]) -> None:
        self.case = re.compile(options.get("case", r"(?s)\A.*\Z"), re.MULTILINE)
        self.part = re.compile(options["part"], re.MULTILINE) if "part" in options else None
        self.between = re.compile(options.get("between", r"\s*"), re.MULTILINE)
        self.heading = re.compile(options["heading"], re.MULTILINE) if "heading" in options else None


def _open(patterns: _Patterns, file: fields.File) -> fields.Records:
    # What is not UTF-8 goes through the patterns as lone surrogates, and comes out as the bytes that it was.
    raw = isinstance(file.content, bytes)
    text = file.content.decode("utf-8", "surrogateescape") if isinstance(file.content, bytes) else file.content
    matches = [found for found in patterns.case.finditer(text) if found.end() > found.start()]  # 200 bytes each
    return partial(_records, patterns, matches, text, file.path, raw=raw)


def _records(
    patterns: _Patterns, matches: Sequence[re.Match[str]], text: str, path: str, *, raw: bool
) -> Iterator[fields.Record | Fault]:
    headings: dict[str, str] = {}
    end, line = 0, 1
    for found in matches:
        yield from _between(patterns, text, end, found.start(), Place(path, line))
        if patterns.heading is not None:
            for heading in patterns.heading.finditer(text, end, found.start()):
                headings |= _given(heading)
        line += text.count("\n", end, found.start())
        place = Place(path, line)
        line += text.count("\n", found.start(), found.end())
        end = found.end()
        named = headings | _given(found)
        again = _parts(patterns.part, found, named)
        if again is not None:
            yield Fault(place, f"this case has a second {again!r}; correct `part` or `case`")
        else:
            yield fields.Record(partial(_find, named, raw=raw), place)
    if not end:
        yield Fault(Place(path, 1), "`case` fits nothing in it; correct the expression, or narrow `files`")
    else:
        yield from _between(patterns, text, end, len(text), Place(path, line))


def _between(patterns: _Patterns, text: str, start: int, end: int, place: Place) -> Iterator[Fault]:
    """Find what stands between two cases and is not what may stand there."""
    if start < end:
        fits = patterns.between.match(text, start, end)
        stop = fits.end() if fits else start
        if stop < end:
            line = (place.line or 1) + text.count("\n", start, stop)
            said = text[stop:end].lstrip().partition("\n")[0][:60].encode("utf-8", "backslashreplace").decode()
            yield Fault(
                Place(place.path, line + text.count("\n", stop, end - len(text[stop:end].lstrip()))),
                f"{said!r} is in no case, and `between` does not fit it; correct `case`, or widen `between`",
            )


def _given(found: re.Match[str]) -> dict[str, str]:
    return {name: value for name, value in found.groupdict().items() if value is not None}


def _parts(part: re.Pattern[str] | None, found: re.Match[str], named: dict[str, str]) -> str | None:
    """Add what stands below each inner heading (in the group `parts`, if there is one); return a name that is taken."""
    if part is None:
        return None
    start, end = found.span("parts" if "parts" in found.re.groupindex else 0)
    heads = list(part.finditer(found.string, start, end))
    for head, after in zip(heads, [*(one.start() for one in heads[1:]), end], strict=True):
        if head["part"] in named:
            return head["part"]
        named[head["part"]] = found.string[head.end() : after]
    return None


def _find(named: Mapping[str, str], field: str, *, raw: bool) -> list[Content]:
    if field not in named:
        return []
    return [as_content(named[field].encode("utf-8", "surrogateescape")) if raw else named[field]]
