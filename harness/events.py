"""What happens during a check, for those who show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.model import Ready

if TYPE_CHECKING:
    from harness.model import Result, Verdict


@dataclass(frozen=True, slots=True)
class Building:
    """A build or check command begins."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finished:
    """A case has its result, and its standing once the skip list is laid over it."""

    result: Result
    standing: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """A held-out case has its result. No report may show it and no store keep it: only `holdout release` looks."""

    result: Result


@dataclass(frozen=True, slots=True)
class Completed:
    """The run is in the store, under this id; `verdicts` are what the harness found, whatever a store says later."""

    run: str
    verdicts: tuple[Verdict, ...]


Event: TypeAlias = Building | Ready | Finished | Withheld | Completed
