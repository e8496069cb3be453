"""One case, as close as one can look: for `harness show`."""

from __future__ import annotations

import base64
import json
import shlex
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from harness.digest.diff import hunks, pair, printable, printable_lines, shorten, spelled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.model import Json
    from harness.records import StoredResult, StoredRun, Typed

_LINES = 60
_WIDTH = 400


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of a case: as it lies on disk, and as the last run that had it left it."""

    id: str
    detail: Mapping[str, Json]
    place: str
    run: StoredRun | None
    result: StoredResult | None
    stale: bool
    """Whether input, references or rules have changed since that run."""
    typed: Typed
    excuse: str = ""
    """Its entry in the skip list now."""
    forgiven: tuple[str, ...] = ()
    """What it passes only with: rule and normalisation of each."""


def render(page: Page, *, full: bool) -> str:
    """Write the page; ends with a newline."""
    return "\n".join(_lines(page, None) if full else _narrow(page, [*_lines(page, _LINES)])) + "\n"


def _narrow(page: Page, lines: list[str]) -> Iterator[str]:
    """Cut long lines in the middle, or where one has become another, to what differs. The command at the end stays."""
    last = lines.pop() if lines[-1].startswith("next: ") else None
    long = sum(len(line) > _WIDTH for line in lines)
    before, rest = "", deque(lines)
    while rest:
        line = rest.popleft()
        alone = [before[:1] == "-", line[:1] == "-", *(one[:1] == "+" for one in islice(rest, 2))]
        if alone[:3] == [False, True, True] and True not in alone[3:] and max(len(line), len(rest[0])) > _WIDTH:
            yield from pair(line, rest.popleft(), _WIDTH)
        else:
            yield shorten(line, _WIDTH)
        before = line if not line.startswith("--- ") else ""
    if long:
        yield f"note: {long} long lines are cut; {printable(_command(page, 'show --full'))}"
    if last is not None:
        yield last


def _lines(page: Page, most: int | None) -> Iterator[str]:
    result, detail = page.result, page.detail
    yield printable(_standing(page))
    if page.stale:
        yield printable(f"note: the case or its rules have changed since that run; {_command(page, 'check')}")
    yield printable(f"input      {page.place}")
    yield from (f"forgiven   {printable(how)}" for how in page.forgiven)
    for reference in detail["references"]:
        yield printable(f"reference  {reference['place']}  {reference['name']}, judged by {reference['rule']}")
    for name in ("params", "settings"):
        if detail[name]:
            yield f"{name:10} {printable(json.dumps(detail[name], ensure_ascii=False))}"
    yield from _block("input", _text(detail["input"]), most)
    yield from _reply(detail, result, most)
    if result is not None and result.stderr:
        yield from _block("stderr, its own: the case ran alone", result.stderr, most)
    if result is not None and result.standing != "passed":
        yield printable(f"next: {_command(page, 'repro')}")


def _reply(detail: Mapping[str, Json], result: StoredResult | None, most: int | None) -> Iterator[str]:
    reply = result.reply if result is not None else None
    if reply is None:
        for reference in detail["references"]:
            equal = " (the port's output equals it)" if result is not None and result.outcome == "passed" else ""
            yield from _block(f"{reference['name']} wanted{equal}", _text(reference["contents"][0]), most)
    elif "accepted" in detail and result is not None and result.standing == "failed":
        yield from _diff("-accepted +got", spelled(detail["accepted"]), spelled(reply), most)
    elif "error" in reply:
        yield from _error(detail, reply["error"], most)
    elif {"output", "outputs", "value"}.isdisjoint(reply):
        yield from _ending(detail, reply, most)
    else:
        yield from _compared(detail, reply, most, alike=result is not None and result.outcome != "no_error")


def _command(page: Page, word: str) -> str:
    return page.typed.command(f"{word} {shlex.quote(page.id)}")


def _standing(page: Page) -> str:
    result, run = page.result, page.run
    if result is None or run is None:
        return f"{page.id}  has not run" + (f"  [{page.excuse}]" if page.excuse else f" yet; {_command(page, 'check')}")
    words = f"{page.id}  {result.outcome}" + (f" ({result.achieved})" if result.achieved else "")
    words += f": {' '.join(printable_lines(result.why))}" if result.why else ""
    words += f"  [{result.standing}: {result.reason}]" if result.reason else ""
    took = f", {result.seconds * 1000:.1f} ms" if result.seconds is not None else ""
    return f"{words}  ({run.target} run {run.id}{took})"


def _compared(detail: Mapping[str, Json], reply: Mapping[str, Json], most: int | None, *, alike: bool) -> Iterator[str]:
    """Put want and got side by side: a diff where both are outputs, else one after the other."""
    outputs: Mapping[str, Json] = reply.get("outputs", {"output": reply["output"]} if "output" in reply else {})
    for reference in detail["references"]:
        name, want = reference["name"], _text(reference["contents"][0])
        got = outputs.get(name)
        if got is None or isinstance(got, int) or not alike:
            yield from _block(f"{name} wanted", want, most)
            if got is not None:
                yield from _block(f"{name} got", str(got) if isinstance(got, int) else _text(got), most)
        else:
            others = len(reference["contents"]) - 1
            more = f", the first of {others + 1} allowed" if others else ""
            yield from _diff(f"{name}: -want +got{more}", want, _text(got), most)
    if not outputs:
        yield f"--- got: {printable(json.dumps(reply, ensure_ascii=False))}"


def _ending(detail: Mapping[str, Json], reply: Mapping[str, Json], most: int | None) -> Iterator[str]:
    """Tell what there is in place of an answer; how it ended stands in the first line."""
    for reference in detail["references"]:
        yield from _block(f"{reference['name']} wanted", _text(reference["contents"][0]), most)
    match reply:
        case {"panic": {"message": str(message), "frames": list(frames)}}:
            yield from _block("panic", message, most)
            yield from _cut([f"  in {printable(frame)}" for frame in frames], most)
        case {"died": {"said": str(said)}} | {"garbage": {"said": str(said)}} if said:
            yield from _block("it had written", said, most)
        case {"oversize": {"head": str(head), "tail": str(tail)}}:
            yield from _block("its reply begins", head, most)
            yield from _block("and ends", tail, most)
        case _:
            pass


def _error(detail: Mapping[str, Json], error: Mapping[str, Json], most: int | None) -> Iterator[str]:
    """Put the fields first, which were compared. Two error texts differ in most lines: their diff is for `--full`."""
    fields = {key: str(value) for key, value in error.items() if key not in {"text", "frames"}}
    yield "--- error got"
    yield from (f"{printable(key):10} {printable(value)}" for key, value in fields.items())
    yield from (f"  in {printable(frame)}" for frame in error.get("frames", []))
    if most is not None and "text" in error and not fields.keys() - {"kind", "message"}:
        yield from _block("error text got", error["text"], most)
    for reference in detail["references"]:
        want = _text(reference["contents"][0])
        if most is None and "text" in error:
            yield from _diff(f"{reference['name']}: -want +got", want, error["text"], most)
        else:
            yield from _block(f"{reference['name']} wanted", want, most)


def _diff(title: str, want: str, got: str, most: int | None) -> Iterator[str]:
    lines = hunks(want, got, context=3)
    yield f"--- {title}" if lines else f"--- {title}: equal"
    yield from _cut(lines, most)


def _block(title: str, text: str, most: int | None) -> Iterator[str]:
    yield f"--- {title}"
    yield from _cut(printable_lines(text), most)


def _cut(lines: list[str], most: int | None) -> Iterator[str]:
    if most is None or len(lines) <= most:
        yield from lines
        return
    yield from lines[: most - most // 4]
    yield f"... {len(lines) - most} lines left out; --full shows them"
    yield from lines[-(most // 4) :]


def _text(content: Json) -> str:
    if isinstance(content, str):
        return content
    data = base64.b64decode(content["base64"])
    return "\n".join(f"{start:08x}  {data[start : start + 16].hex(' ')}" for start in range(0, len(data), 16))
