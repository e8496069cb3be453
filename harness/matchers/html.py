"""`html`: equal as a browser's tokenizer reads them; the order of attributes and white space that never shows are free.

The tokenizer is our own, after the HTML standard: the standard library's changed what it reads between patch releases,
and needs quadratic time for some broken texts. No tree is built: what a browser would add or close by itself has to be
written alike.
"""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, TypeAlias

from harness.judge import differs, same
from harness.model import Canonical, Content, ErrorReply, Json, Match, Mismatch, Output, ReferenceFault, Strength, Wants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OPTIONS: Mapping[str, Json] = {}

Token: TypeAlias = tuple[str, ...]
"""`("text", ...)`, `("<name", attribute, ...)`, `("</name",)`, `("<!--", ...)` or `("<!", ...)`."""

_ATTRIBUTE = re.compile(r"""[\s/]*+([^\s/>][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>]*+))?""", re.ASCII)
_END = re.compile(r"[\s/]*+>", re.ASCII)
_NAME = re.compile(r"[a-zA-Z][^\s/>]*+", re.ASCII)
_REFERENCE = re.compile(r"&(?:#\d++|#[xX][0-9a-fA-F]++|[a-zA-Z][a-zA-Z0-9]*+);", re.ASCII)
_BLANKS = re.compile(r"[ \t\n\r\f]+")

_VERBATIM = {
    name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "textarea", "title")
}
_KEPT = frozenset({"pre", "textarea", "script", "style", "listing"})
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
_NAMES = """
    address article aside base blockquote body br caption col colgroup dd details dialog dir div dl dt fieldset
    figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li link main menu
    meta nav noframes ol optgroup option p param pre script section source style summary table tbody td template tfoot
    th thead title tr track ul
"""
_BLOCKS = frozenset(_NAMES.split())
_SHOWN = 60


class Html:
    """Escapes are never forgiven: `&lt;` is `&#60;`, and neither is `<`."""

    allowed = Strength.STRUCTURAL
    wants: Wants = "output"
    loosenings: tuple[str, ...] = ()

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Compare; raises ReferenceFault for a reference that is no text."""
        if not isinstance(reference, str):
            raise ReferenceFault("is not text, and no HTML; restore it, or narrow the rule")
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if not isinstance(got, str):
            return differs(got)
        want, have = list(_settled(reference)), list(_settled(got))
        at = next((at for at, (one, other) in enumerate(zip(want, have, strict=False)) if one != other), None)
        if at is None and len(want) == len(have):
            return Match(Strength.STRUCTURAL)
        at = min(len(want), len(have)) if at is None else at
        return Mismatch(f"{_told(want[at : at + 1])}, got {_told(have[at : at + 1])}")


def make(options: Mapping[str, Json]) -> Html:  # noqa: ARG001 - every matcher is made from its options
    """`html` has no options."""
    return Html()


def _told(tokens: list[Token]) -> str:
    if not tokens:
        return "the end"
    first, *rest = tokens[0]
    text = rest[0] if first == "text" else " ".join([first, *rest]) + ">"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _settled(text: str) -> Iterator[Token]:
    """Yield the tokens without the white space that shows nowhere: at the edges of blocks, and in runs."""
    kept = 0
    after_block = True
    waiting = ""
    for token in _tokens(text):
        if token[0] == "text":
            waiting += token[1]
            continue
        name = token[0].lstrip("</")
        block = name in _BLOCKS
        yield from _text(waiting, kept=bool(kept), left=after_block, right=block)
        waiting = ""
        if name in _KEPT:
            kept = max(0, kept - 1) if token[0].startswith("</") else kept + 1
        # A comment or a doctype shows nothing itself.
        after_block = block or (after_block and token[0].startswith("<!"))
        yield token
    yield from _text(waiting, kept=bool(kept), left=after_block, right=True)


def _text(text: str, *, kept: bool, left: bool, right: bool) -> Iterator[Token]:
    """Yield a text, if something of it is left."""
    if not kept:
        text = _BLANKS.sub(" ", text)
        text = text.removeprefix(" ") if left else text
        text = text.removesuffix(" ") if right else text
    if text:
        yield ("text", text)


def _tokens(text: str) -> Iterator[Token]:
    """Read a text from front to back; whatever is not closed reaches to the end, so that nothing is read twice."""
    at = 0
    while (opening := text.find("<", at)) >= 0:
        if opening > at:
            yield ("text", _decoded(text[at:opening]))
        token, at = _markup(text, opening)
        yield token
        tag = token[0][1:]
        if tag in _VERBATIM:
            end = _VERBATIM[tag].search(text, at)
            inner = text[at : end.start() if end else len(text)]
            at += len(inner)
            yield ("text", inner if tag in {"script", "style"} else _decoded(inner))
    if text[at:]:
        yield ("text", _decoded(text[at:]))


def _markup(text: str, opening: int) -> tuple[Token, int]:
    """Read what a `<` begins, and where it ends."""
    if name := _NAME.match(text, opening + 1):
        attributes, at = _attributes(text, name.end(), void=name[0].lower() in _VOID)
        return (f"<{name[0].lower()}", *attributes), at
    if name := _NAME.match(text, opening + 2) if text[opening + 1 : opening + 2] == "/" else None:
        at = _after(text, ">", opening)
        rest = text[name.end() : at].strip()
        return (f"</{name[0].lower()}", *(() if rest == ">" else (rest,))), at
    if text.startswith("<!--", opening):
        at = _after(text, "-->", opening + 4)
        return ("<!--", text[opening + 4 : at]), at
    if text.startswith(("<!", "<?"), opening):
        at = _after(text, ">", opening)
        return ("<!", _BLANKS.sub(" ", text[opening:at]).lower()), at
    return ("text", "<"), opening + 1


def _after(text: str, mark: str, at: int) -> int:
    found = text.find(mark, at)
    return len(text) if found < 0 else found + len(mark)


def _attributes(text: str, at: int, *, void: bool) -> tuple[list[str], int]:
    """Read up to the end of a tag: `name="value"`, sorted; what is no attribute stands in front."""
    begin, found = at, list[str]()
    while (end := _END.match(text, at)) is None:
        one = _ATTRIBUTE.match(text, at)
        if one is None:
            return ["(not closed)", text[begin:]], len(text)
        value = one[2] or ""
        value = value[1:-1] if value[:1] in {'"', "'"} and value[-1:] == value[:1] and len(value) > 1 else value
        found.append(f'{one[1].lower()}="{_decoded(value)}"')
        at = one.end()
    return [*(["/"] if "/" in end[0] and not void else []), *sorted(found)], end.end()


def _decoded(text: str) -> str:
    """Put a character for its reference, but for ASCII: there the escape is the point, and only its spelling free."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(reference: re.Match[str]) -> str:
    meant = unescape(reference[0])
    return f"&#{ord(meant)};" if len(meant) == 1 and meant.isascii() else meant
