"""`.harness/store.db`: every run, whole. The schema is for people and agents to query: `docs/reference/store.md`.

A run is `incomplete` until its last row is written, so that whatever ends the harness leaves the earlier runs as they
were, and this one marked.
"""

from __future__ import annotations

import json
import os
import sqlite3
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING
from zlib import crc32

from harness import wire
from harness.errors import StoreError, UsageError
from harness.model import (
    Died,
    ErrorReply,
    Garbage,
    Hung,
    Json,
    NotAttempted,
    NotRun,
    OutOfScope,
    Outputs,
    Oversize,
    Panic,
    Passed,
    Result,
    Strength,
    Unsupported,
)
from harness.records import LETTERS_OF_ONE, Delta, Given, StoredResult, StoredRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.model import Observation

FOLDER = ".harness"
FORMAT = 2
KEPT_RUNS = 30
_BATCH = 1000
_SAMPLE = 500
"""So many of the passing inputs are kept of a run that has failures: what failing ones have, and they have not."""
_BATCH_LETTERS = 4 * 1024 * 1024
_LOCK_SECONDS = 30.0

_SCHEMA = """
CREATE TABLE meta (format INTEGER NOT NULL);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    started TEXT NOT NULL,
    seconds REAL,
    target TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('incomplete', 'complete')),
    whole INTEGER NOT NULL,
    selection TEXT NOT NULL,
    verdicts TEXT NOT NULL,
    summary TEXT NOT NULL,
    program TEXT NOT NULL,
    environment TEXT NOT NULL,
    worker TEXT NOT NULL,
    source TEXT NOT NULL,
    notices TEXT NOT NULL,
    stderr TEXT NOT NULL
);
CREATE TABLE results (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    suite TEXT NOT NULL,
    stage TEXT NOT NULL,
    outcome TEXT NOT NULL,
    standing TEXT NOT NULL,
    why TEXT,
    reason TEXT,
    achieved TEXT,
    allowed TEXT,
    plan TEXT,
    seconds REAL,
    alone INTEGER,
    place TEXT,
    reply TEXT,
    stderr TEXT,
    detail TEXT,
    content TEXT,
    red INTEGER NOT NULL
);
CREATE INDEX results_by_run ON results (run, id);
CREATE TABLE passing (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    id TEXT NOT NULL,
    given TEXT NOT NULL
);
CREATE INDEX passing_by_run ON passing (run);
CREATE VIEW latest AS
    SELECT * FROM runs
    WHERE number IN (SELECT max(number) FROM runs WHERE whole AND state = 'complete' GROUP BY target);
CREATE VIEW failures AS
    SELECT results.*, latest.target FROM results JOIN latest ON results.run = latest.id WHERE standing = 'failed';
CREATE VIEW progress AS
    SELECT runs.number, runs.id, runs.started, runs.target, results.stage, count(*) AS cases,
           sum(standing IN ('passed', 'stale')) AS passed, sum(standing = 'failed') AS failed
    FROM runs JOIN results ON results.run = runs.id GROUP BY runs.id, results.stage;
"""


class Store:
    """The open database of one workspace."""

    def __init__(self, folder: Path) -> None:
        """Open or create `.harness/` in a workspace. Raises StoreError, with the next step, when that can not be."""
        self.folder = folder / FOLDER
        try:
            self.folder.mkdir(exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as problem:
            raise StoreError(
                f"{self.folder}: can not be used as the store ({problem.strerror}); move what is there out of the way"
            ) from problem
        self.path = self.folder / "store.db"
        try:
            self._db = sqlite3.connect(self.path, timeout=_LOCK_SECONDS, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA foreign_keys = ON")
            self._db.execute("PRAGMA cache_size = -256")  # KiB: rows are written once, in order
            self._prepare()
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _prepare(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            for statement in _SCHEMA.split(";\n"):
                self._db.execute(statement)
            self._db.execute("INSERT INTO meta VALUES (?)", (FORMAT,))
        self._db.execute("COMMIT")
        (found,) = self._db.execute("SELECT format FROM meta").fetchone()
        if found != FORMAT:
            raise StoreError(
                f"{self.path}: format {found} is not the one this harness knows ({FORMAT});"
                " upgrade port-harness, or remove the file"
            )

    def _broken(self, problem: sqlite3.Error) -> StoreError:
        text = str(problem)
        if "full" in text or "I/O" in text:
            return StoreError(
                f"{self.path}: could not be written ({text}); make room and run again (earlier runs are as they were)"
            )
        if "locked" in text:
            return StoreError(f"{self.path}: another harness holds it ({text}); wait for it to end")
        return StoreError(f"{self.path}: can not be used ({text}); move it away, and a new one is made")

    # --- writing ---

    def begin(self, run: StoredRun) -> RunWriter:
        """Write a run's first row, marked incomplete; its number and, where it is taken, its id are chosen here."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            (number,) = self._db.execute("SELECT coalesce(max(number), 0) + 1 FROM runs").fetchone()
            taken = {row[0] for row in self._db.execute("SELECT id FROM runs")}
            name = next(name for name in _names() if name not in taken)
            row = (name, number, *_run_row(run)[2:])
            self._db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - only question marks
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem
        return RunWriter(self, name)

    def write(self, rows: list[tuple[Json, ...]]) -> None:
        """Write results in one transaction."""
        try:
            self._db.execute("BEGIN")
            self._db.executemany(f"INSERT INTO results VALUES ({', '.join('?' * 20)})", rows)  # noqa: S608 - only question marks
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem

    def write_passing(self, rows: list[tuple[str, str, str]]) -> None:
        """Write a sample of the passing inputs."""
        try:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO passing VALUES (?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem

    def end(self, name: str, changes: Mapping[str, Json]) -> None:
        """Write what a run came to, and let the oldest runs go."""
        assignments = ", ".join(f"{column} = ?" for column in changes)
        try:
            self._db.execute("BEGIN")
            self._db.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*changes.values(), name))  # noqa: S608 - our own names
            self._db.execute(
                """DELETE FROM runs
                WHERE number <= (SELECT max(number) FROM runs) - ? AND id NOT IN (SELECT id FROM latest)""",
                (KEPT_RUNS,),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem

    def forget(self, name: str) -> None:
        """Remove a run that came to nothing because its inputs were wrong."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._db.execute("DELETE FROM runs WHERE id = ?", (name,))
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem

    # --- reading ---

    def runs(self, limit: int = KEPT_RUNS) -> list[StoredRun]:
        """List the newest runs first."""
        return [_run_of(row) for row in self._query("SELECT * FROM runs ORDER BY number DESC LIMIT ?", (limit,))]

    def run(self, name: str) -> StoredRun:
        """Find a run by its id. Raises UsageError when there is none."""
        for row in self._query("SELECT * FROM runs WHERE id = ?", (name,)):
            return _run_of(row)
        raise UsageError(f"no run {name!r} (harness runs lists them)")

    def last_run(self, target: str | None = None, case_id: str | None = None) -> StoredRun | None:
        """Find the newest run: of one target or of any, and where a case is given, one that ran it."""
        query = """SELECT * FROM runs WHERE (?1 IS NULL OR target = ?1)
            AND (?2 IS NULL OR EXISTS
                (SELECT 1 FROM results WHERE run = runs.id AND results.id = ?2 AND outcome <> 'not_run'))
            ORDER BY number DESC LIMIT 1"""
        return next(map(_run_of, self._query(query, (target, case_id))), None)

    def last_whole(self, target: str) -> StoredRun | None:
        """Find the newest whole, complete run of a target."""
        found = self._query("SELECT * FROM latest WHERE target = ?", (target,))
        return next(map(_run_of, found), None)

    def baseline(self, run: StoredRun) -> StoredRun | None:
        """Find the last whole, complete run of the same target before a run."""
        found = self._query(
            """SELECT * FROM runs WHERE target = ? AND whole AND state = 'complete' AND number < ?
            ORDER BY number DESC LIMIT 1""",
            (run.target, run.number),
        )
        return next(map(_run_of, found), None)

    def standings(self, target: str) -> dict[str, str]:
        """Map case id -> its standing in the newest run of a target that had it: from the last whole run on."""
        query = """SELECT results.id, standing, max(runs.number) FROM results JOIN runs ON results.run = runs.id
            WHERE runs.target = ?1 AND standing <> 'not_run' AND runs.number >= coalesce(
                (SELECT max(number) FROM runs WHERE target = ?1 AND whole AND state = 'complete'), 0)
            GROUP BY results.id"""
        return {row["id"]: row["standing"] for row in self._query(query, (target,))}

    @staticmethod
    def comparable(before: StoredRun, run: StoredRun) -> bool:
        """Whether two runs were to read the same cases: one revision of the source, and the same held out."""
        return (before.source, before.holdout) == (run.source, run.holdout)

    def counts(self, run: StoredRun) -> list[tuple[str, str, str | None, int]]:
        """Count a run's cases by stage, standing and achieved strength."""
        query = "SELECT stage, standing, achieved, count(*) FROM results WHERE run = ? GROUP BY 1, 2, 3"
        return [tuple(row) for row in self._query(query, (run.id,))]

    def contents(self, run: StoredRun) -> dict[str, tuple[str, str]]:
        """Map the id of each case of a run -> the hashes of its input and of its references."""
        rows = self._query("SELECT id, content FROM results WHERE run = ? AND content IS NOT NULL", (run.id,))
        return {row["id"]: tuple(row["content"].split(" ")) for row in rows}

    def differing(self, name: str, before: StoredRun) -> list[str]:
        """List the cases of a run whose input or references are others than in an earlier one."""
        query = """SELECT now.id FROM results AS now JOIN results AS old ON old.run = ?2 AND old.id = now.id
            WHERE now.run = ?1 AND now.content <> old.content ORDER BY now.number"""
        return [row["id"] for row in self._query(query, (name, before.id))]

    def ids_before(self, run: StoredRun) -> dict[str, bool]:
        """Map the ids of the last whole run of a target to False: none when it was to read other cases."""
        before = self.last_whole(run.target)
        if before is None or not self.comparable(before, run):
            return {}
        return {row[0]: False for row in self._query("SELECT id FROM results WHERE run = ?", (before.id,))}

    def verify(self, name: str, verdicts: list[str], summary: Mapping[str, Json]) -> None:
        """See that a run stands in the store as it was written: the port can reach the file. Raises StoreError."""
        run = self.run(name)
        counts = self._query("SELECT standing, count(*) AS cases FROM results WHERE run = ? GROUP BY standing", (name,))
        found = {row["standing"]: row["cases"] for row in counts}
        strangers = [row["name"] for row in self._query("SELECT name FROM sqlite_master WHERE type = 'trigger'", ())]
        if strangers or [*run.verdicts] != verdicts or run.summary != summary or found != summary["standings"]:
            raise StoreError(
                f"{self.path}: was changed by something else while the run went on; remove it and run again"
            )

    def delta(self, run: StoredRun, before: StoredRun) -> Delta:
        """Compare two runs case by case. Passed and stale are good; everything else is not."""
        turned = """SELECT id FROM results AS one WHERE run = ? AND standing NOT IN ('passed', 'stale') AND EXISTS
            (SELECT 1 FROM results WHERE run = ? AND id = one.id AND standing IN ('passed', 'stale')) ORDER BY id"""
        gone = "SELECT id FROM results WHERE run = ? EXCEPT SELECT id FROM results WHERE run = ? ORDER BY id"
        both = """SELECT one.id FROM results AS one JOIN results AS two ON two.run = ? AND two.id = one.id
            WHERE one.run = ? AND one.standing = 'failed' AND two.standing = 'failed'
            AND (one.outcome = two.outcome AND (one.outcome IN ('timed_out', 'too_large')
                OR (one.why IS two.why AND one.reply IS two.reply))) = {} ORDER BY one.id"""

        def ids(query: str, one: StoredRun, two: StoredRun) -> tuple[str, ...]:
            return tuple(row["id"] for row in self._query(query, (one.id, two.id)))

        return Delta(
            fixed=ids(turned, before, run),
            regressed=ids(turned, run, before),
            # Else what is kept back would be named, or what went with the old revision of the source.
            gone=ids(gone, before, run) if self.comparable(before, run) else (),
            changed=ids(both.format(0), before, run),
            unchanged=frozenset(ids(both.format(1), before, run)),
        )

    def red(self, run: StoredRun | None) -> dict[str, int]:
        """Say of the cases that failed in a run for how many whole runs they had; nothing where there was no run."""
        if run is None:
            return {}
        rows = self._query("SELECT id, red FROM results WHERE run = ? AND standing = 'failed'", (run.id,))
        return {row["id"]: row["red"] for row in rows}

    def results(self, run: StoredRun, standing: str | None = None) -> Iterator[StoredResult]:
        """Yield a run's results in the order of reading; only those of one standing, where one is given."""
        query = "SELECT * FROM results WHERE run = ?1 AND (?2 IS NULL OR standing = ?2) ORDER BY number"
        yield from map(_result_of, self._query(query, (run.id, standing)))

    def passing(self, run: StoredRun) -> list[Given]:
        """Return what went into passing cases: all of them, or of many a sample, the same wherever the run is made."""
        rows = self._query("SELECT id, given FROM passing WHERE run = ? ORDER BY id", (run.id,))
        return [Given(row["id"], *json.loads(row["given"])) for row in rows]

    def result(self, run: StoredRun, case_id: str) -> StoredResult | None:
        """Find one case of a run."""
        return next(
            map(_result_of, self._query("SELECT * FROM results WHERE run = ? AND id = ?", (run.id, case_id))), None
        )

    def _query(self, query: str, values: tuple[Json, ...]) -> Iterator[sqlite3.Row]:
        try:
            yield from self._db.execute(query, values)
        except sqlite3.Error as problem:
            raise self._broken(problem) from problem


class RunWriter:
    """A run that is being written, a batch at a time."""

    def __init__(self, store: Store, name: str) -> None:
        self.id = name
        self._store = store
        self._rows: list[tuple[Json, ...]] = []
        self._letters = 0
        self._red: Mapping[str, int] = {}
        self._edited = True
        self._failed = False
        self._passing: list[tuple[int, str, str]] = []
        """The ids with the smallest hashes, the greatest of them first."""

    def follow(self, red: Mapping[str, int], *, edited: bool) -> None:
        """Count on from the last whole run: for how many cases had been failing, and whether the port is another."""
        self._red, self._edited = red, edited

    def add(self, result: Result, standing: str) -> None:
        """Add a result. Raises StoreError when a full batch can not be written."""
        red = self._red.get(result.job.case.id, 0) + self._edited if standing == "failed" else 0
        row = _result_row(self.id, result, standing, red)
        self._rows.append(row)
        reply, stderr, detail = row[-5:-2]  # the others are short
        self._letters += len(reply or "") + len(stderr) + len(detail or "")
        self._failed = self._failed or standing == "failed"
        if standing in {"passed", "stale"}:
            self._sample(row[2], result)
        if len(self._rows) >= _BATCH or self._letters >= _BATCH_LETTERS:
            self.flush()

    def _sample(self, case_id: str, result: Result) -> None:
        key = -crc32(case_id.encode())
        if len(self._passing) == _SAMPLE and key <= self._passing[0][0]:
            return
        case = result.job.case
        text = case.input[:LETTERS_OF_ONE] if isinstance(case.input, str) else ""
        given = (key, case_id, wire.dumps([text, case.params, case.settings]))
        if len(self._passing) < _SAMPLE:
            heappush(self._passing, given)
        else:
            heappushpop(self._passing, given)

    def flush(self) -> None:
        """Write what is waiting."""
        rows, self._rows, self._letters = self._rows, [], 0
        if rows:
            self._store.write(rows)

    def differing(self, before: StoredRun) -> list[str]:
        """List the cases whose input or references are others than in an earlier run."""
        self.flush()
        return self._store.differing(self.id, before)

    def finish(self, **changes: Json) -> None:
        """Write the last results, and what the run came to."""
        self.flush()
        if self._failed:
            self._store.write_passing([(self.id, case_id, given) for _, case_id, given in self._passing])
        self._store.end(
            self.id,
            {
                name: _clean(value)
                if isinstance(value, str)
                else value
                if isinstance(value, int | float | None)
                else json.dumps(value)
                for name, value in changes.items()
            },
        )

    def forget(self) -> None:
        """Remove all of it."""
        self._rows.clear()
        self._store.forget(self.id)


def _names() -> Iterator[str]:
    length = 2
    while True:
        for _ in range(64):
            yield os.urandom(length).hex()
        length += 1


def _run_row(run: StoredRun) -> tuple[Json, ...]:
    plain = (run.id, run.number, run.started, run.seconds, run.target, run.state, int(run.whole), run.selection)
    return (
        *plain,
        json.dumps(run.verdicts),
        json.dumps(run.summary),
        json.dumps(run.program),
        json.dumps(run.environment),
        run.worker,
        run.source,
        json.dumps(run.notices),
        run.stderr,
    )


def _run_of(row: sqlite3.Row) -> StoredRun:
    plain = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values
    read = {name: json.loads(plain[name]) for name in ("verdicts", "summary", "program", "environment", "notices")}
    tuples = {name: tuple(read[name]) for name in ("verdicts", "notices")}
    return StoredRun(**{**plain, **read, **tuples, "whole": bool(plain["whole"])})


def _result_row(run: str, result: Result, standing: str, red: int) -> tuple[Json, ...]:
    job, outcome, observed, plan = result.job, result.outcome, result.observed, result.plan
    case, excuse = job.case, plan.excuse if plan is not None else None
    passed = outcome if isinstance(outcome, Passed) else None
    # An output that equals its reference need not be stored twice; an error also has fields.
    equal = passed is not None and passed.achieved is Strength.EXACT and _is_reference(result)
    failed = not isinstance(outcome, Passed | NotRun | NotAttempted | OutOfScope)
    return (
        run,
        job.number,
        case.id,
        case.suite,
        result.stage,
        outcome.word,
        standing,
        None if isinstance(outcome, Passed) else _clean(outcome.why),
        excuse.reason if excuse is not None else None,
        passed.achieved.value if passed is not None else None,
        passed.allowed.value if passed is not None else None,
        plan.hash if plan is not None else None,
        round(observed.seconds, 6) if observed is not None else None,
        int(observed.alone) if observed is not None else None,
        f"{case.place.path}:{case.place.line or 1}",
        None if observed is None or equal else wire.dumps(saying(observed.observation)),
        _clean(observed.stderr) if observed is not None else "",
        wire.dumps(_detail(result)) if failed else None,
        " ".join(plan.content) if plan is not None else None,
        red,
    )


def _is_reference(result: Result) -> bool:
    reply = result.observed.observation if result.observed is not None else None
    checks = result.plan.checks if result.plan is not None else ()
    return isinstance(reply, Outputs) and set(reply.named) == {check.reference.name for check in checks}


def _result_of(row: sqlite3.Row) -> StoredResult:
    plain = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values
    read = {name: json.loads(plain[name]) if plain[name] else None for name in ("reply", "detail")}
    return StoredResult(**{**plain, **read, "alone": bool(plain["alone"])})


def saying(observation: Observation) -> dict[str, Json]:
    """Write an observation as JSON: a reply as on the wire, an ending under its own name."""
    match observation:
        case Outputs() | ErrorReply() | Panic() | Unsupported() as reply:
            return wire.saying(reply)
        case Died(code, said):
            return {"died": {"exit": code, "said": said}}
        case Hung(seconds):
            return {"hung": {"seconds": seconds}}
        case Garbage(why, said):
            return {"garbage": {"why": why, "said": said}}
        case Oversize(size, limit, head, tail):
            return {"oversize": {"size": size, "limit": limit, "head": head, "tail": tail}}


def _detail(result: Result) -> dict[str, Json]:
    case, plan = result.job.case, result.plan
    known = plan.excuse.reply if plan is not None and plan.excuse is not None else None
    return {
        **({} if known is None else {"accepted": wire.saying(known)}),
        "input": wire.content_out(case.input or ""),
        "params": case.params,
        "settings": case.settings,
        "references": [
            {
                "name": check.reference.name,
                "contents": [wire.content_out(content) for content in check.reference.contents],
                "place": f"{check.reference.place.path}:{check.reference.place.line or 1}",
                "rule": check.rule.label,
            }
            for check in (plan.checks if plan is not None else ())
        ],
    }


def _clean(text: str) -> str:
    """SQLite's text is UTF-8: a lone surrogate that a port sent is written as its escape."""
    return text.encode("utf-8", "backslashreplace").decode()
