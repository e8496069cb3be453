"""What the port did in one failing case, freed from what is the case's own: outcome, error or difference, function.

Two failures with one `exact` symptom have most likely one cause; `sort` is coarser, for where nothing better is known.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digest.diff import first_difference, printable, shorten, spelled
from harness.digest.frames import innermost
from harness.digest.tree import parts, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Json
    from harness.records import StoredResult

_WIDTH = 120
_SHORT = 24
"""A difference of up to so many characters is told as it is; a longer one by its shape."""
_VARYING = re.compile(r"0x[0-9a-fA-F]+|(?<![\w<])(?:[A-Za-z]:)?(?:/[\w.+~@-]+){2,}|\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")
_QUOTED = re.compile(
    r'"(?:[^"\\\n]|\\.)*"|(?<!\w)\'(?:[^\'\\\n]|\\.)*\'|`[^`\n]*`|\u2018[^\u2019\n]*\u2019|\u201c[^\u201d\n]*\u201d'
)
_KIND = re.compile(r"kind '(\w+)' \(want '(\w+)'\)")
_UNLIKE = re.compile(r" _ \(want _(?:; similar # < #)?\)")
_SAME_QUOTES = str.maketrans("'\"`", '"""')
_DIFFERS = "output differs"
_BLANKS, _ORDER, _QUOTES = (f"{_DIFFERS}: {how}" for how in ("white space", "order", "quotes"))
_SIDE = re.compile(r"\w+|\s+|[^\w\s]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What is alike in failures of one cause."""

    outcome: str
    sort: str
    """In the words of a reader, names and numbers left out."""
    exact: str
    """The same with its names, or the difference itself."""
    function: str
    """Where the port broke, if it told."""

    @property
    def vague(self) -> bool:
        """Whether the sort says so little that it may have any number of causes."""
        return self.outcome == "no_error" or self.sort in {_DIFFERS, _BLANKS, _ORDER, _QUOTES}

    @property
    def title(self) -> str:
        """What a reader is told."""
        return f"{self.sort} in {self.function}" if self.function and self.function not in self.sort else self.sort

    @property
    def brief(self) -> str:
        """What a reader is told who is told nothing more."""
        return f"{self.sort} {self.exact}" if self.vague and self.outcome != "no_error" else self.title


def symptom(result: StoredResult) -> Symptom:
    """Read the symptom off a stored result. Linear in the reply."""
    reply, why = result.reply or {}, result.why or ""
    told: Mapping[str, Json] = reply.get("error") or reply.get("panic") or {}
    function = innermost(told.get("frames", ()), result.stderr)
    if result.outcome == "no_error" and result.detail and result.detail["references"]:
        due = (text_of(result.detail["references"][0]["contents"][0]) or "")[: 8 * _WIDTH]
        return Symptom(result.outcome, holes(why), _holes_of_numbers(due), function)
    accepted = "accepted" in (result.detail or {})
    flaky = "flaky: " if why.startswith("flaky ") else ""
    if "output" in reply or "outputs" in reply or accepted:
        want, got = texts(result)
        if want is not None and got is not None:
            sort, exact = difference(want, got)
            sort = flaky + (f"not what was accepted: {sort}" if accepted else sort)
            return Symptom(result.outcome, sort, exact, function)
    if result.outcome == "unsupported":
        why = f"unsupported: {why}"
    sort = _UNLIKE.sub("", holes(_KIND.sub(r"kind \1 (want \2)", why)))
    return Symptom(result.outcome, sort, _holes_of_numbers(why), function)


def difference(want: str, got: str) -> tuple[str, str]:
    """Name the first difference of two texts: its sort, and what it is."""
    if want.split() == got.split():
        return _BLANKS, _blanks(want, got)
    if want.translate(_SAME_QUOTES) == got.translate(_SAME_QUOTES):
        return _QUOTES, ""
    tree, other = read(want), read(got)
    if tree is not None and other is not None:
        part = next(parts(tree, other), None)
        if part is not None:
            path = re.sub(r"\d+", "#", part.path)
            return _DIFFERS, f"{path} -{_shape(part.want or '')} +{_shape(part.got or '')}"
    _, *lines = first_difference(want, got)
    wanted, found = _middle(*lines)
    exact = f"-{_shape(wanted)} +{_shape(found)}"
    plain = html.unescape(wanted)
    if plain == html.unescape(found):
        return (
            f"{_DIFFERS}: {'not escaped' if found == plain else 'escaped' if wanted == plain else 'escaped otherwise'}",
            exact,
        )
    if html.unescape(lines[0]) == html.unescape(lines[1]):
        return f"{_DIFFERS}: escaped otherwise", exact
    if wanted.casefold() == found.casefold():
        return f"{_DIFFERS}: letter case, {_letters(found)} for {_letters(wanted)}", exact
    if sorted(_SIDE.findall(wanted)) == sorted(_SIDE.findall(found)):
        return _ORDER, ""
    if wanted.translate(_SAME_QUOTES) == found.translate(_SAME_QUOTES):
        return _QUOTES, exact
    return _DIFFERS, exact


def _letters(text: str) -> str:
    if text.isupper() or text.islower():
        return "upper" if text.isupper() else "lower"
    return "title" if text.istitle() else "mixed"


def holes(text: str) -> str:
    """Replace quoted texts, numbers, paths and addresses, so that alike messages are alike."""
    return shorten(_VARYING.sub("#", _QUOTED.sub("_", printable(text))), 2 * _WIDTH)


def _holes_of_numbers(text: str) -> str:
    return shorten(_VARYING.sub("#", printable(text)), 2 * _WIDTH)


def words(text: str) -> frozenset[str]:
    """Return the words of what a port told."""
    return frozenset(re.findall(r"[^\W\d]\w*", text[: 8 * _WIDTH]))


def texts(result: StoredResult) -> tuple[str | None, str | None]:
    """Return the wanted and the actual text of the output that was compared, where both are text.

    What was accepted is wanted in the place of the references.
    """
    detail, reply = result.detail, result.reply
    if not detail or not reply or not detail["references"]:
        return None, None
    if "accepted" in detail:
        return spelled(detail["accepted"]), spelled(reply)
    outputs: Json = reply.get("outputs", {"output": reply["output"]} if "output" in reply else {})
    for reference in detail["references"]:
        want, got = reference["contents"][0], outputs.get(reference["name"])
        if isinstance(want, str) and isinstance(got, str) and want != got:
            return want, got
    return None, None


def _middle(wanted: str, found: str) -> tuple[str, str]:
    """Leave out what two lines have in common at both ends, by whole words."""
    one, other = _SIDE.findall(wanted), _SIDE.findall(found)
    before = _common(one, other)
    after = _common(one[before:][::-1], other[before:][::-1])
    return "".join(one[before : len(one) - after]), "".join(other[before : len(other) - after])


def _common(one: list[str], other: list[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shape(side: str) -> str:
    if len(side) <= _SHORT:
        return printable(side)
    return shorten(re.sub(r"[A-Za-z_]\w*", "_", _VARYING.sub("#", _QUOTED.sub("_", printable(side)))), _WIDTH)


def _blanks(want: str, got: str) -> str:
    """Say where two texts that differ only in white space part."""
    if want.rstrip() == got.rstrip():
        return f"at the end -{want[len(want.rstrip()) :]!r} +{got[len(got.rstrip()) :]!r}"
    return "within"


def text_of(content: Json) -> str | None:
    """Return a stored content where it is text; None for bytes."""
    return content if isinstance(content, str) else None
