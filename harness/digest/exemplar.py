"""One failing case in a few lines: what went in, and how what came differs from what is due.

What is not ours stands behind a mark of its own (`|`, `-`, `+`) and never at the beginning of a line.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.digest.diff import first_difference, first_hunk, printable, shorten, sides
from harness.digest.symptom import text_of, texts
from harness.digest.tree import parts, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.digest.factor import Factor
    from harness.model import Json
    from harness.records import StoredResult

_WIDTH = 160
_LINES = 4
_INPUT_LINES = 3
_PARTS = 4
_FRAMES = 3
_LINE = 150
_END = 12


def given(result: StoredResult, factor: Factor | None) -> list[str]:
    """Write the input: the lines with the common factor, else the first ones; and what went in beside it."""
    detail = result.detail or {}
    lines = [line for line in (text_of(detail.get("input", "")) or "").split("\n") if line.strip()]
    word = factor.token.split(" ")[-1].lstrip("|.%({<@#&$") if factor is not None else ""
    telling = [line for line in lines if word in line] if word else []
    kept = (telling or lines)[:_INPUT_LINES]
    shown = [f"  | {shorten(printable(line.strip()), _WIDTH)}" for line in kept]
    if shown and len(lines) > len(kept):
        shown[-1] += f"  (+{len(lines) - len(kept)} lines)"
    beside = [name for name in ("params", "settings") if detail.get(name)]
    return shown + [
        f"  | {name} {shorten(printable(json.dumps(detail[name], ensure_ascii=False)), _WIDTH)}" for name in beside
    ]


def wrong(result: StoredResult) -> list[str]:
    """Write how it failed: a hunk, the paths that differ, the fields, or how it ended."""
    return [f"  {line}" for line in _wrong(result)]


def brief(result: StoredResult) -> list[str]:
    """The same in two lines at most."""
    lines = wrong(result)
    marked = [line for line in lines if line[2:3] in {"-", "+"}]
    return [shorten(line, _WIDTH) for line in ([marked[0], marked[-1]] if len(marked) > 1 else lines[:1])]


def _wrong(result: StoredResult) -> Iterator[str]:
    if (result.why or "").startswith("flaky "):
        yield printable((result.why or "").partition(";")[0])
    reply: Mapping[str, Json] = result.reply or {}
    references = (result.detail or {}).get("references") or []
    due = text_of(references[0]["contents"][0]) if references else None
    want, got = texts(result)
    match result.outcome:
        case _ if "accepted" in (result.detail or {}) and want is not None and got is not None:
            yield from _compared(want, got)
        case "failed" if "error" in reply:
            yield from _fields(result.why or "")
        case "failed" if want is not None and got is not None:
            if not (result.why or "").endswith("output differs"):  # what its matcher says of it
                yield shorten(printable(result.why or ""), 2 * _WIDTH)
            yield from _compared(want, got)
        case "failed":
            yield from _fields(result.why or "")
        case "raised":
            yield from _heads("-", due or "")
            yield f"+error {_error(reply.get('error', {}))}"
        case "no_error":
            yield from _heads("-", due or "(an error)")
            yield from _heads("+", _output(reply))
        case _:
            yield shorten(printable(result.why or ""), 2 * _WIDTH)
            frames = reply.get("panic", {}).get("frames", [])
            yield from (f"in {shorten(printable(frame), _WIDTH)}" for frame in frames[:_FRAMES])
            said = [line for line in result.stderr.split("\n") if line.strip()][-_LINES:]
            yield from (f"| {shorten(printable(line), _WIDTH)}" for line in said)


def _compared(want: str, got: str) -> Iterator[str]:
    tree, other = read(want), read(got)
    if tree is not None and other is not None and (found := list(parts(tree, other))):
        for part in found[:_PARTS]:
            wanted, came = (shorten(printable(side or "nothing"), _WIDTH // 2) for side in (part.want, part.got))
            yield f"{shorten(printable(part.path), _WIDTH)}: -{wanted} +{came}"
        if found[_PARTS:]:
            yield f"(+{len(found) - _PARTS} more paths)"
        return
    hunk = first_hunk(want, got)
    if hunk is None:
        yield f"-{_end(want)}"
        yield f"+{_end(got)}"
        return
    if hunk.line > 1 or not hunk.last:
        yield f"@@ line {hunk.line}" + ("" if hunk.last else ", the first place that differs")
    if hunk.before is not None:
        yield f" {shorten(printable(hunk.before), _WIDTH)}"
    yield from sides(hunk.wanted, hunk.found, _LINES, _WIDTH)


def _end(text: str) -> str:
    newlines = len(text) - len(text.rstrip("\n"))
    return f"{newlines or 'no'} newline{'s' if newlines > 1 else ''} at the end"


def _heads(mark: str, text: str) -> Iterator[str]:
    lines = [line for line in text.split("\n") if line.strip()]
    yield from (f"{mark}{shorten(printable(line), _WIDTH)}" for line in lines[:_LINES])
    if lines[_LINES:]:
        yield f"{mark}… {len(lines) - _LINES} lines …"


def _fields(why: str) -> Iterator[str]:
    yield shorten(printable(why), 3 * _WIDTH)


def _error(error: Mapping[str, Json]) -> str:
    said = {name: value for name, value in error.items() if name not in {"text", "frames"}}
    kind = said.pop("kind", "")
    detail = said.pop("detail", said.pop("message", None))
    at = ", ".join(f"{name} {value}" for name, value in said.items() if name in {"name", "line"})
    return shorten(printable(f"{kind}{'' if detail is None else f': {detail}'}{f' ({at})' if at else ''}"), 2 * _WIDTH)


def _output(reply: Mapping[str, Json]) -> str:
    if "value" in reply:
        return json.dumps(reply["value"], ensure_ascii=False)
    outputs: Mapping[str, Json] = reply.get("outputs", {"output": reply.get("output", "")})
    return text_of(next(iter(outputs.values()), "")) or "(nothing)"


def one_line(result: StoredResult) -> str:
    """Say what is wrong with one case, in one line; each side of a difference is cut by itself."""
    want, got = texts(result)
    accepted = "accepted" in (result.detail or {})
    if want is None or got is None or not ((result.why or "").endswith("output differs") or accepted):
        return shorten(printable(result.why or ""), _LINE)
    if want.rstrip() == got.rstrip():
        return f"only the end differs: -{want[-_END:]!r} +{got[-_END:]!r}"
    number, expected, found = first_difference(want, got)
    half = _LINE // 2
    return f"line {number}: -{shorten(printable(expected), half)} +{shorten(printable(found), half)}"
