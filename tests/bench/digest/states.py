"""Failing states whose causes are known: faults are put into real engines, and real suites run against them.

A state is a set of faults, the stored run under all of them, and for each case the faults that make it red alone.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.check import Request, check
from harness.events import Completed
from harness.record import record
from harness.runner import Stop
from harness.session import open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.records import Given, StoredResult, StoredRun

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]

CONFIG = """
format = 1
[source]
root = {root}
[target.port]
command = [{python}, {faults}, "{engine}"{names}]
env = {{ PYTHONPATH = {kit} }}
workers = 2
[[suite]]
name = "runtime"
reader = "insta"
inputs = "inputs/*.{{txt,html}}"
snapshots = {snapshots}
header = {{ format = "json", settings = "$settings" }}
shared = ["inputs/refs/*"]
[[suite.rule]]
reference = '\\A!!!'
matcher = "error"
pattern = {pattern}
fields = {{ kind = "exact", line = "exact", name = "exact", detail = {{ similar = 0.6, quoted = true }} }}
"""


PATTERN = (
    r"\A!!![A-Z ]+!!!\s*Error \{\s*kind: (?P<kind>\w+),\s*"
    r"(?:detail: \"(?P<detail>(?:[^\"\\]|\\.)*)\",\s*)?name: \"(?P<name>[^\"]*)\",\s*line: (?P<line>\d+),"
)


@dataclass(frozen=True, slots=True)
class State:
    """A run under faults, and what a digest is made of."""

    suite: str
    engine: str
    faults: tuple[str, ...]
    run: StoredRun
    failures: tuple[StoredResult, ...]
    passing: tuple[Given, ...]
    causes: Mapping[str, tuple[str, ...]]
    """Failing case -> the faults of the state that make it red on their own."""


class Bench:
    """One suite and one engine; what fails without any fault is in the skip list."""

    def __init__(self, suite: str, suite_root: Path, snapshots: str, engine: str, seed: str = "") -> None:
        self.suite, self.engine, self._seed = suite, engine, seed
        self._folder = Path(tempfile.mkdtemp(prefix="harness-digest-"))
        self._root, self._snapshots = suite_root, snapshots
        self._alone: dict[str, frozenset[str]] = {}
        if engine == "jinja2":  # it is no MiniJinja: what it does without a fault is what is due
            self._root, self._snapshots = self._folder, "snapshots/{name}.snap"
            shutil.copytree(suite_root / "inputs", self._folder / "inputs")
            self._record()
        _, failures, _ = self._check(())
        listed = "".join(f'{json.dumps(one.id)} = "fails without a fault"\n' for one in failures)
        (self._folder / "skiplist.toml").write_text(f"format = 1\n[todo]\n{listed}", encoding="utf-8")

    def close(self) -> None:
        shutil.rmtree(self._folder)

    def red(self, fault: str) -> frozenset[str]:
        """Which cases one fault makes red."""
        if fault not in self._alone:
            self._alone[fault] = frozenset(one.id for one in self._check((fault,))[1])
        return self._alone[fault]

    def state(self, faults: Sequence[str]) -> State:
        run, failures, passing = self._check(faults)
        causes = {one.id: tuple(fault for fault in faults if one.id in self.red(fault)) for one in failures}
        return State(self.suite, self.engine, tuple(faults), run, failures, passing, causes)

    def states(self, faults: Sequence[str], size: int, count: int) -> Iterator[State]:
        """Yield states of so many faults each, every one of which turns something red alone; always the same ones."""
        biting = [fault for fault in faults if self.red(fault)]
        chance = random.Random(f"{self.suite} {self.engine} {size}{self._seed}")
        while count and size > 1:
            chosen = chance.sample(biting, size)
            if all(self.red(one).difference(*(self.red(two) for two in chosen if two != one)) for one in chosen):
                count -= 1
                yield self.state(chosen)
        yield from (self.state([fault]) for fault in biting[:count])

    def _record(self) -> None:
        self._configure(())
        workspace = open_workspace(self._folder)
        stop = Stop()
        for case in record(workspace, workspace.config.target(None), (), stop, update=True):
            if case.how == "refused":  # a crash, or 100 MB
                (self._folder / "inputs" / case.case.partition("/")[2]).unlink()
        stop.close()

    def _configure(self, faults: Sequence[str]) -> None:
        quoted = {
            "root": json.dumps(str(self._root)),
            "python": json.dumps(sys.executable),
            "faults": json.dumps(str(HERE / "faults.py")),
            "names": "".join(f", {json.dumps(fault)}" for fault in faults),
            "kit": json.dumps(str(ROOT / "adapters" / "worker" / "python")),
            "snapshots": json.dumps(self._snapshots),
            "pattern": json.dumps(PATTERN),
        }
        (self._folder / "harness.toml").write_text(CONFIG.format(engine=self.engine, **quoted), encoding="utf-8")

    def _check(self, faults: Sequence[str]) -> tuple[StoredRun, tuple[StoredResult, ...], tuple[Given, ...]]:
        self._configure(faults)
        workspace = open_workspace(self._folder)
        stop = Stop()
        with closing(Store(self._folder)) as store:
            events = check(workspace, Request(workspace.config.target(None)), store, stop)
            done = next(event for event in events if isinstance(event, Completed))
            run = store.run(done.run)
            stop.close()
            return run, tuple(store.results(run, "failed")), tuple(store.passing(run))
