"""`.harness/loop.db`: what the loop has done, a row a step, each on the disk before the next one begins.

All that a loop knows is a fold over these rows (`state.py`), so a loop that is resumed knows what the killed one knew.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, TypeAlias

from harness.errors import StoreError, UsageError
from harness.store import FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.model import Json

NAME = "loop.db"


# --- the steps -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Began:
    """A loop has begun; `scratch` is where its clones lie, `base` the commit it starts from."""

    agent: str
    target: str
    branch: str
    base: str
    scratch: str
    budgets: Mapping[str, Json]
    goal: str
    workers: int
    sandbox: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """It goes on, perhaps with other budgets; the time in between is not counted."""

    scratch: str
    budgets: Mapping[str, Json]
    workers: int
    sandbox: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The main line has been checked: its counts. The whole run lies in the file `run`."""

    run: str
    tree: str
    counts: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Started:
    """An attempt begins: at these cases, from this commit."""

    attempt: int
    cluster: str
    stage: str
    cases: list[str]
    base: str


@dataclass(frozen=True, slots=True)
class Used:
    """Its agent has used this much more."""

    attempt: int
    usage: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Met:
    """A fault of its agent that is no end: it goes on after so many seconds."""

    attempt: int
    fault: str
    wait: float


@dataclass(frozen=True, slots=True)
class Worked:
    """Its agent has ended. What it left is in the file `patch`, if it left anything."""

    attempt: int
    seconds: float
    summary: str
    fault: str
    stop: bool
    """Whether the fault is one that no other attempt would escape."""
    patch: str
    violations: list[str]
    blocked: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """Its work is good, and lies in the main repository as a commit that no branch holds yet."""

    attempt: int
    commit: str
    parent: str
    tree: str
    run: str
    counts: Mapping[str, Json]
    gained: list[str]
    flaky: list[str]


@dataclass(frozen=True, slots=True)
class Closed:
    """It is over: kept, discarded, void (a cheat), idle, blocked, failed (the agent), or lost (the loop's end)."""

    attempt: int
    outcome: str
    why: str
    gained: list[str]
    broke: list[str]


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody says that a case can not be done."""

    case: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time has gone by."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The loop has ended in order."""

    reason: str
    says: str


Step: TypeAlias = (
    Began | Resumed | Measured | Started | Used | Met | Worked | Judged | Closed | Blocked | Ticked | Stopped
)
_STEPS: dict[str, type[Step]] = {
    step.__name__.lower(): step
    for step in (Began, Resumed, Measured, Started, Used, Met, Worked, Judged, Closed, Blocked, Ticked, Stopped)
}


# --- the file ------------------------------------------------------------------------------------------------------


class Journal:
    """The open journal of a workspace."""

    def __init__(self, folder: Path) -> None:
        """Open or create it. Raises StoreError."""
        self.folder = folder / FOLDER
        self.path = self.folder / NAME
        try:
            self.folder.mkdir(exist_ok=True)
            (self.folder / ".gitignore").write_text("*\n")
            self._db = sqlite3.connect(self.path, timeout=30.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS steps"
                " (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, step TEXT NOT NULL, said TEXT NOT NULL)"
            )
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(
                f"{self.path}: can not be used ({problem}); move it away, and a new one is made"
            ) from problem

    def add(self, step: Step) -> float:
        """Write a step; when this returns, it is on the disk. Returns the time it was given."""
        now = time.time()
        row = (now, type(step).__name__.lower(), json.dumps(asdict(step)))
        try:
            self._db.execute("INSERT INTO steps (at, step, said) VALUES (?, ?, ?)", row)
        except sqlite3.Error as problem:
            raise StoreError(
                f"{self.path}: could not be written ({problem}); make room, then harness loop resume"
            ) from problem
        return now

    def steps(self) -> list[tuple[float, Step]]:
        """Return the steps of the last loop, with the time of each in seconds since the epoch."""
        found = self._db.execute(
            """SELECT at, step, said FROM steps
            WHERE number >= (SELECT coalesce(max(number), 0) FROM steps WHERE step = 'began') ORDER BY number"""
        )
        return [(at, _STEPS[step](**json.loads(said))) for at, step, said in found]

    def close(self) -> None:
        """Close the file."""
        self._db.close()


# --- one loop at a time --------------------------------------------------------------------------------------------


def lock(folder: Path) -> IO[str]:
    """Hold a workspace for this process, until it ends: the system lets go of it, so no lock is ever stale.

    Raises UsageError when another loop has it.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    file = (folder / FOLDER / "loop.lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pid = holder(folder)
        file.close()
        raise UsageError(
            f"a loop runs here already (process {pid}); harness loop status, or harness loop stop"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def holder(folder: Path) -> int | None:
    """Return the process that runs a loop here; None when there is none."""
    with suppress(FileNotFoundError), (folder / FOLDER / "loop.lock").open("r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(file.read() or 0) or None
    return None
