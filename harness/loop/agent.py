"""What the loop and an agent have to do with each other: what it is given, what it tells, what can befall it.

An agent is a program. It is started in its clone with the brief on stdin, and each line of its stdout is an event or
its own words. Whatever can be driven so has an `Agent` of a few lines: `launch` says how it is started, `hear` what a
line means. The verdict, the clock, the processes and the accounts are the loop's.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.model import Launch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Json


# --- what it is given ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt, as the agent sees it."""

    number: int
    brief: str
    """Markdown; it is given on stdin, and lies at `state / "brief.md"`."""
    folder: Path
    """A fresh clone, the agent's own: what it leaves here is its work."""
    state: Path
    """A folder for what it must remember; nothing in here is looked at, and it goes with the attempt."""
    quiet: float
    """After so many seconds without a line it is taken to hang."""
    wall: float
    """After so many seconds it is ended, whatever it does."""


# --- what it tells -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used since the last time: a difference, never a sum. None is unknown; `cost` is in US dollars."""

    messages: int | None = None
    tools: int | None = None
    tokens_in: int | None = None
    """All input, cached or not."""
    tokens_out: int | None = None
    tokens_cached: int | None = None
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """Add two differences; what neither knows stays unknown."""
        ours, theirs = asdict(self), asdict(other)
        known = {name for name in ours if ours[name] is not None or theirs[name] is not None}
        return Usage(**{name: (ours[name] or 0) + (theirs[name] or 0) for name in known})

    @property
    def tokens(self) -> int | None:
        """Input and output together."""
        if self.tokens_in is None and self.tokens_out is None:
            return None
        return (self.tokens_in or 0) + (self.tokens_out or 0)


@dataclass(frozen=True, slots=True)
class Said:
    """Its words. The last of them are its summary of the attempt."""

    text: str


# --- what can befall it --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RateLimited:
    """It may go on after so many seconds: no attempt is used."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Overloaded:
    """The service, or the way to it, is down: worth another try, later and later."""

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Wrong key, spending limit, unknown model: no retry helps, and the loop stops."""

    why: str


@dataclass(frozen=True, slots=True)
class ContextFull:
    """Its session is too long: it goes on in the same clone, in a new one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not do this."""

    why: str


@dataclass(frozen=True, slots=True)
class Crashed:
    """It ended with a code other than 0; minus a signal."""

    exit: int
    said: str


@dataclass(frozen=True, slots=True)
class Hung:
    """It was silent, or busy, for longer than it may be."""

    seconds: float


Fault: TypeAlias = RateLimited | Overloaded | Unavailable | ContextFull | Refused | Crashed | Hung
Event: TypeAlias = Usage | Said | Fault

FAULTS: Mapping[str, Callable[..., Fault]] = {
    "rate_limit": RateLimited,
    "overload": Overloaded,
    "unavailable": Unavailable,
    "context": ContextFull,
    "refused": Refused,
}
"""The faults that an agent can tell by itself, by their name on the wire."""


class Agent(Protocol):
    """One way of driving an agent."""

    def launch(self, task: Task) -> Launch:
        """Say how it is started: `environment` is added to the allow-listed one, `files` are laid into its state."""

    def hear(self, line: str) -> Iterator[Event]:
        """Say what a line of its stdout means."""


# --- any program ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Program:
    """Any program that reads the brief on stdin.

    It may tell what it uses, and what stands in its way, as JSON lines: `{"usage": {"cost": 0.1}}`,
    `{"fault": "rate_limit", "seconds": 30}`. All other lines are its words.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]

    def launch(self, task: Task) -> Launch:
        """Start it as the config says."""
        places = {"{clone}": str(task.folder), "{state}": str(task.state), "{brief}": str(task.state / "brief.md")}
        return Launch(tuple(_filled(word, places) for word in self.argv), self.environment)

    def hear(self, line: str) -> Iterator[Event]:
        """Take an event for what it is, and everything else as words."""
        yield event_of(line) or Said(line)


def event_of(line: str) -> Event | None:
    """Read one of the two JSON lines that any agent may write; None for every other line."""
    if not line.startswith(("{", " {")):
        return None
    try:
        match json.loads(line):
            case {"usage": dict(told)}:
                return Usage(**{name: value for name, value in told.items() if _is_count(value)})
            case {"fault": str(name), **rest}:
                return FAULTS[name](**{str(field): value for field, value in rest.items()})
            case _:
                pass
    except (ValueError, TypeError, LookupError):
        pass
    return None


def _is_count(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def _filled(word: str, places: Mapping[str, str]) -> str:
    for name, place in places.items():
        word = word.replace(name, place)
    return word
