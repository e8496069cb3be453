"""`harness lock`."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

import click

from harness.books import common, load
from harness.errors import UsageError
from harness.gates import lock as locks
from harness.gates.holdout import folded
from harness.gates.lock import Row
from harness.reading import Reading, Selection
from harness.session import load_skiplist, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.config import TargetConfig
    from harness.gates.holdout import Kept
    from harness.gates.lock import Lock
    from harness.model import Content
    from harness.records import StoredRun
    from harness.session import Workspace


@click.command()
@click.option("--target", "target_name", metavar="NAME", help="The target whose last whole run it is.")
@click.pass_obj
def command(folder: Path, target_name: str | None) -> int:
    """Write harness.lock: how every case is judged now, and what it came to in the last whole run.

    From then on `harness check` is GATE (exit code 3) when any of it changes, or a pass comes to less.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    store = Store(workspace.folder)
    runs = (one for one in store.runs() if one.target == target.name)
    run = next((one for one in runs if one.state == "complete" and not one.selection), None)
    if run is None:
        raise UsageError(f"there is no whole run of {target.name!r} to lock; harness check --target {target.name}")
    before = load(workspace)
    rows, shared, kept_back = _rows(workspace, target, store, run)
    found = common(workspace, target, shared)
    cases = Counter(row.case.partition("/")[0] for row in rows)
    passed = Counter(row.case.partition("/")[0] for row in rows if row.outcome == "passed")
    for suite in {*shared, *(case.partition("/")[0] for case in kept_back)}:
        counts = {"cases": str(cases[suite]), "passed": str(passed[suite])}
        held = folded(kept_back, suite) if workspace.config.holdout is not None else {}
        found["suite", target.name, suite] = {**counts, **held, **found.get(("suite", target.name, suite), {})}
    _replace(workspace.folder / locks.NAME, locks.write(before, target.name, rows, found))
    click.echo(_says(before, rows, target.name, run.id))
    return 0


def _rows(
    workspace: Workspace, target: TargetConfig, store: Store, run: StoredRun
) -> tuple[list[Row], Mapping[str, Mapping[str, Content]], Mapping[str, Kept]]:
    """Join how the cases are judged now with what they came to. Raises UsageError where that is not of one piece."""
    results = {one.id: (one.outcome, one.achieved or "-", one.plan) for one in store.results(run)}
    rows: list[Row] = []
    shared: dict[str, Mapping[str, Content]] = {}
    reading = Reading(workspace, target, load_skiplist(workspace, target), Selection())
    for entry in reading.entries():
        case, plan = entry.job.case, entry.plan
        outcome, achieved, then = results.pop(case.id, ("", "", ""))
        if then != plan.hash:
            raise UsageError(
                f"{case.id} is new, or judged in another way, since run {run.id}; harness check, and lock then"
            )
        shared[case.suite] = entry.job.shared
        rows.append(Row(case.id, target.name, outcome, achieved, plan.allowed.value, plan.parts))
    if results:
        raise UsageError(f"{next(iter(results))} is no more since run {run.id}; harness check, and lock then")
    return rows, shared, reading.kept_back


def _says(before: Lock | None, rows: list[Row], target: str, run: str) -> str:
    changes = {"new": 0, "changed": 0, "gone": 0}
    if before is not None:
        then = [before.find(row) for row in rows]
        changes["new"] = then.count(None)
        changes["changed"] = sum(one not in (None, row) for one, row in zip(then, rows, strict=True))
        changes["gone"] = sum(1 for _ in before.unseen(target))
    told = "".join(f" · {count} {word}" for word, count in changes.items() if count)
    passed = sum(row.outcome == "passed" for row in rows)
    return f"locked {len(rows)} cases, {passed} of them passed · {target} run {run}{told}"


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(path)
