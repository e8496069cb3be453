"""What fits: the parts of a digest, each in several lengths, within so many estimated tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.digest.diff import printable, shorten
from harness.tokens import estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FLOOR = 120
"""A smaller budget is taken for this one."""
_FIRST, _FOOT = 70, 25
"""Of the floor, so much is for the first line, and so much for each of the two at the end."""
_SHARE = 4
"""The first part with cases may have a fourth of the budget before others have a line."""
_LEAST = 8
"""With less than this nothing can grow."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something to tell. `forms` write it in one length each, the shortest first."""

    forms: tuple[Callable[[], list[str]], ...]
    cases: int = 0
    """How many failing cases it tells of."""


def fit(first: str, parts: Sequence[Part], left_out: Callable[[int, int], str], last: str, budget: int) -> list[str]:
    """Choose a length for each part, so that all lines together stay within the budget; 0 is no limit.

    All parts are told in their shortest form, in order, as far as that fits; `left_out(parts, cases)` counts the rest.
    Then the first part with cases grows as far as it can, and after it all, step by step.
    """
    first, foot = printable(first), [printable(last)] if last else []
    if budget == 0:
        return [first, *(line for part in parts for line in _told(part.forms[-1])), *foot]
    budget = max(budget, FLOOR)
    first = _cut(first, max(_FIRST, budget // 4))
    foot = [line for line in foot if _cost([line]) <= max(_FOOT, budget // 10)]
    room = budget - _cost([first, *foot])
    parts = _foremost_first(parts, budget // _SHARE)
    told, left = _take(parts, room)
    if len(told) < len(parts):
        whole = left_out(sum(1 for part in parts if part.cases), sum(part.cases for part in parts))
        told, left = _take(parts, room - min(_cost([whole]), _FOOT))
        rest = parts[len(told) :]
        line = left_out(sum(1 for part in rest if part.cases), sum(part.cases for part in rest))
        foot.insert(0, line if _cost([line]) <= _FOOT else line.partition("):")[0] + ")")
    _grow(told, parts, left)
    return [first, *(line for lines in told for line in lines), *foot]


def _foremost_first(parts: Sequence[Part], most: int) -> list[Part]:
    """Let the first part with cases be as long as its share allows: it is what will be worked on next."""
    number = next((number for number, part in enumerate(parts) if part.cases), len(parts))
    return [Part(_from(part.forms, most), part.cases) if at == number else part for at, part in enumerate(parts)]


def _from(forms: tuple[Callable[[], list[str]], ...], most: int) -> tuple[Callable[[], list[str]], ...]:
    longest = max((step for step, form in enumerate(forms) if _cost(_told(form)) <= most), default=0)
    return forms[longest:]


def _take(parts: Sequence[Part], room: int) -> tuple[list[list[str]], int]:
    """Tell parts in their shortest form up to the first with cases that does not fit; returns what room is left too."""
    told: list[list[str]] = []
    for part in parts:
        lines = _told(part.forms[0])
        price = _cost(lines)
        if price > room:
            if part.cases:
                break
            lines, price = [], 0
        told.append(lines)
        room -= price
    return told, room


def _grow(told: list[list[str]], parts: Sequence[Part], room: int) -> None:
    foremost = next((number for number, part in enumerate(parts[: len(told)]) if part.cases), 0)
    longest = max((len(part.forms) for part in parts[: len(told)]), default=0)
    turns = [(step, foremost) for step in range(1, longest)]
    turns += [(step, number) for step in range(1, longest) for number in range(len(told)) if number != foremost]
    for step, number in turns:
        if room < _LEAST:
            return
        if step < len(parts[number].forms):
            lines = _told(parts[number].forms[step])
            more = _cost(lines) - _cost(told[number])
            if more <= room:
                told[number], room = lines, room - more


def _told(form: Callable[[], list[str]]) -> list[str]:
    """The name of a case, a stage or a file may hold anything."""
    return [printable(line) for line in form()]


def _cut(line: str, most: int) -> str:
    """Leave out what stands before the last ` · `, from the right, and in the end letters."""
    parts = line.split(" · ")
    while len(parts) > 2 and _cost([" · ".join(parts)]) > most:  # noqa: PLR2004 - the verdict, and which run
        del parts[-2]
    line = " · ".join(parts)
    width = len(line)
    while _cost([line]) > most and width > FLOOR // 4:
        width = width * 3 // 4
        line = shorten(line, width)
    return line


def _cost(lines: Sequence[str]) -> int:
    return sum(estimate(line + "\n") for line in lines)
