"""What a run leaves behind: the store's rows as data. The columns are described in `docs/reference/store.md`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Json


@dataclass(frozen=True, slots=True)
class StoredRun:
    """One row of `runs`. `started` is UTC in ISO 8601; `seconds` is None while the run is not complete."""

    id: str
    number: int
    started: str
    seconds: float | None
    target: str
    state: str
    whole: bool
    selection: str
    verdicts: tuple[str, ...]
    summary: Mapping[str, Json]
    program: Mapping[str, Json]
    environment: Mapping[str, str]
    worker: str
    source: str
    notices: tuple[str, ...]
    stderr: str

    @property
    def holdout(self) -> str:
        """The share and salt that kept cases back; empty where none did, or the run is older than that."""
        found: str = self.summary.get("holdout", "")
        return found


@dataclass(frozen=True, slots=True)
class StoredResult:
    """One row of `results`.

    `reply` is as on the wire, or how the worker ended; None when it equals the reference, or nothing ran.
    `detail` is there for all that did not pass: input, params, settings, references and the rules that judged them,
    and the reply that was accepted in their place.
    """

    run: str
    number: int
    id: str
    suite: str
    stage: str
    outcome: str
    standing: str
    why: str | None
    reason: str | None
    achieved: str | None
    allowed: str | None
    plan: str | None
    seconds: float | None
    alone: bool
    place: str
    reply: Mapping[str, Json] | None
    stderr: str
    detail: Mapping[str, Json] | None
    content: str | None
    """Hashes of the input and of the references, as the source project has them."""
    red: int
    """Whole runs in a row, with edits of the port between them, in which it failed."""


LETTERS_OF_ONE = 16 * 1024
"""So much of an input is looked at for what failing ones have in common."""


@dataclass(frozen=True, slots=True)
class Given:
    """What went into a case: the beginning of its text (nothing, where it is bytes), params and settings."""

    id: str
    input: str
    params: Mapping[str, Json]
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed between two whole runs of a target: ids of cases, sorted. A case that is gone has regressed too."""

    fixed: tuple[str, ...] = ()
    regressed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Failed in both, and not in the same way."""
    unchanged: frozenset[str] = frozenset()
    """Failed in both, in the same way."""


@dataclass(frozen=True, slots=True)
class Typed:
    """How a command has to be typed where the digest is read: which workspace, which target."""

    where: str = ""
    """` -C DIR`, or nothing where the workspace is found from the working folder."""
    target: str = ""
    """` --target NAME`, or nothing for the default target."""

    def command(self, words: str, *, target: bool = True) -> str:
        """Write a command as it works when pasted; one that names a run needs no target."""
        return f"harness{self.where} {words}{self.target if target else ''}"
