"""Standard ways in which a reply can be wrong. Pure: one reply always gives the same mutants.

Each mutator makes at most one mutant of an output, in the middle of what is not blank, so that no rule about leading or
trailing newlines can excuse it. A reply that a mutator can not change (no digit in it, say) gives none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.model import ErrorReply, Outputs, Structured

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from harness.model import Json, Output, Reply


@dataclass(frozen=True, slots=True)
class Mutant:
    """A reply that is wrong, and how it was made so."""

    mutator: str
    reply: Reply
    output: str = ""
    """The output that was changed; empty where the reply is another one as a whole."""


def mutants(reply: Reply, judged: Collection[str]) -> Iterator[Mutant]:
    """Yield the mutants of a reply; of its outputs only those that are judged, since no rule speaks of the others."""
    match reply:
        case Outputs(named):
            for name in sorted(named.keys() & judged):
                for mutator, changed in _of_output(named[name]):
                    yield Mutant(mutator, Outputs({**named, name: changed}), name)
            yield Mutant("error for output", ErrorReply({"kind": "MutantError", "detail": "an output was due"}))
        case ErrorReply(fields):
            for mutator, changes in _ERRORS.items():
                known = {field: changed for field, changed in changes.items() if field in fields}
                if known:
                    yield Mutant(mutator, replace(reply, fields={**fields, **known}))
            yield Mutant("output for error", Outputs({"output": reply.text or ""}))
        case _:
            return


_ERRORS: Mapping[str, Mapping[str, str | int]] = {
    "error kind": {"kind": "MutantKind"},
    "error line": {"line": 987654},
    "error name": {"name": "mutant.name"},
    "error message": {"detail": "entirely unlike: 0x00", "message": "entirely unlike: 0x00"},
}


def _of_output(output: Output) -> Iterator[tuple[str, Output]]:
    if isinstance(output, int):
        yield "digit", output + 1
    elif isinstance(output, Structured):
        for mutator, alter in _VALUE.items():
            value = _first(output.value, alter)
            if value is not None:
                yield mutator, Structured(value.value)
    elif isinstance(output, bytes) and output:
        yield "truncate", output[:-1]
    elif isinstance(output, str) and output.strip():
        for mutator, change in _TEXT.items():
            changed = change(output)
            if changed is not None and changed != output:
                yield mutator, changed


def _middle_line(text: str) -> tuple[list[str], int]:
    """Split a text at its newlines, and find the middle one of the lines that are not blank."""
    lines = text.split("\n")
    full = [number for number, line in enumerate(lines) if line.strip()]
    return lines, full[len(full) // 2]


def _drop(text: str) -> str:
    lines, middle = _middle_line(text)
    return "\n".join(lines[:middle] + lines[middle + 1 :])


def _repeat(text: str) -> str:
    lines, middle = _middle_line(text)
    return "\n".join([*lines[: middle + 1], *lines[middle:]])


def _empty(text: str) -> str:
    lines, middle = _middle_line(text)
    return "\n".join([*lines[:middle], "", *lines[middle + 1 :]])


def _swap(text: str) -> str | None:
    """Swap the first two neighbours, from the middle on or before it, that are not blank and not alike."""
    lines, middle = _middle_line(text)
    for number in [*range(middle, len(lines) - 1), *range(middle)]:
        one, other = lines[number], lines[number + 1]
        if one.strip() and other.strip() and one.strip() != other.strip():
            return "\n".join([*lines[:number], other, one, *lines[number + 2 :]])
    return None


def _sub(pattern: str, change: Callable[[re.Match[str]], str]) -> Callable[[str], str | None]:
    """Change the first match only."""
    compiled = re.compile(pattern)

    def changed(text: str) -> str | None:
        found = compiled.search(text)
        return None if found is None else text[: found.start()] + change(found) + text[found.end() :]

    return changed


_RAW = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#34;": '"', "&#39;": "'", "&#x27;": "'", "&#x2f;": "/"}

_TEXT: Mapping[str, Callable[[str], str | None]] = {
    "drop a line": _drop,
    "repeat a line": _repeat,
    "swap two lines": _swap,
    "empty a line": _empty,
    "digit": _sub(r"\d", lambda found: str((int(found[0]) + 1) % 10)),
    "sign": _sub(r"(?<![\w.-])-?(?=\d)", lambda found: "" if found[0] else "-"),
    "letter case": _sub(r"[a-zA-Z]", lambda found: found[0].swapcase()),
    "escape": _sub("|".join(map(re.escape, _RAW)), lambda found: _RAW[found[0]]),
    "add a blank": _sub(r"(?<=\S)(?=\S)", lambda _: " "),
    "strip a blank": _sub(r"(?<=\S)[ \t](?=\S)", lambda _: ""),
    "truncate": lambda text: text.rstrip()[:-1] if len(text.rstrip()) > 1 else None,
}


def _first(value: Json, change: Callable[[Json], Json]) -> Structured | None:
    """Change the first part of a value, outermost first, that can be changed so; None where none can."""
    changed = change(value)
    if changed is not None and changed != value:
        return Structured(changed)
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        found = _first(member, change)
        if found is not None:
            whole = value.copy()
            whole[key] = found.value
            return Structured(whole)
    return None


def _number(change: Callable[[float], float]) -> Callable[[Json], Json]:
    return lambda value: change(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(mutator: str) -> Callable[[Json], Json]:
    return lambda value: _TEXT[mutator](value) if isinstance(value, str) else None


def _drop_item(value: Json) -> Json:
    if isinstance(value, list) and value:
        return value[:-1]
    return dict(list(value.items())[:-1]) if isinstance(value, dict) and value else None


_VALUE: Mapping[str, Callable[[Json], Json]] = {
    "drop an item": _drop_item,
    "repeat an item": lambda value: [*value, value[-1]] if isinstance(value, list) and value else None,
    "swap two items": lambda value: [value[1], value[0], *value[2:]] if isinstance(value, list) and value[1:] else None,
    "digit": _number(lambda number: number + 1),
    "sign": _number(lambda number: -number),
    "truth": lambda value: not value if isinstance(value, bool) else None,
    "letter case": _text("letter case"),
    "truncate": _text("truncate"),
}
"""Each changes one part of a value that is no text; None where the part is of another kind."""
