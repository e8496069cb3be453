"""The loop: choose, brief, let an agent work, guard, judge, keep or discard, note; every step in the journal first.

`work` is the whole of it. Agents work at the same time; what they leave is judged one after the other, each on top of
what has landed before, so that two good halves that break each other never land.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from git import GitCommandError

from harness.errors import HarnessError
from harness.loop import guard, jail, judge
from harness.loop import line as lines
from harness.loop.agent import Task, Unavailable, Usage
from harness.loop.brief import brief
from harness.loop.crew import Crew, Delayed, Ended, describe
from harness.loop.journal import Closed, Judged, Measured, Met, Started, Stopped, Ticked, Used, Worked
from harness.loop.scratch import remove
from harness.loop.state import choose, fold, over
from harness.loop.withhold import withhold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.loop.journal import Journal, Step
    from harness.loop.line import Line
    from harness.loop.settings import Goal, Settings
    from harness.loop.state import Attempt, Cluster
    from harness.runner import Stop

_HEAR_SECONDS = 0.25
_TICK_SECONDS = 30.0
"""How much of its time a loop that is killed may forget."""


class Night:
    """A loop that is under way, and what it holds."""

    def __init__(
        self, journal: Journal, line: Line, settings: Settings, found: jail.Jail, goal: Goal, workers: int, stop: Stop
    ) -> None:
        """Take up what the journal says: its last step is Began or Resumed."""
        self.journal, self.line, self.settings, self.jail = journal, line, settings, found
        self.goal, self.workers, self.stop = goal, workers, stop
        self.state = fold(journal.steps())
        assert self.state.began is not None  # noqa: S101 - for the type checker
        self.target = self.state.began.target
        self.scratch = Path(self.state.scratch[-1])
        self.records = journal.folder / "loop"
        self.withheld: dict[int, list[str]] = {}
        """What each agent at work was not given."""

    # --- the heart ---

    def work(self) -> Stopped:
        """Work until there is nothing left to do, or to spend. Raises HarnessError."""
        try:
            self._recover()
            with closing(Crew(self.settings.agent, self._environment(), self._jailed)) as crew:
                reason = self._drive(crew)
        except HarnessError as problem:
            self._add(Stopped("error", str(problem)))
            raise
        finally:
            remove(self.scratch)
        for attempt in self.state.open:
            self._close(attempt, "lost", f"the loop ended: {reason.says}")
        self._add(reason)
        return reason

    def _drive(self, crew: Crew) -> Stopped:
        """Choose, begin, hear, take: until it is over."""
        changed, cluster = True, None
        while True:
            if changed:
                cluster, changed = choose(self.main.results.values(), self._stages(), self.state), False
            stopped = Stopped("stopped", "by hand") if self.stop.reason else None
            reason = stopped or over(self.state, self.goal, left=cluster is not None)
            if reason is not None:
                return reason
            if cluster is not None and self._may_begin():
                self._begin(crew, cluster)
                changed = True
                continue
            match crew.hear(_HEAR_SECONDS):
                case (number, Usage() as usage):
                    self._add(Used(number, asdict(usage)))
                case (number, Delayed(fault, seconds)):
                    self._add(Met(number, describe(fault), seconds))
                case (number, Ended() as ended):
                    self._take(self.state.attempts[number], ended)
                    changed = True
                case None if time.time() - self.state.since > _TICK_SECONDS:
                    self._add(Ticked())
                case None:
                    pass

    def _begin(self, crew: Crew, cluster: Cluster) -> None:
        """Send an agent to work on a cluster, in a clone of its own."""
        state = self.state
        if (at := lines.head_of(self.line)) != state.head:
            raise HarnessError(
                f"{self.line.branch} has moved to {at[:12]} under the loop; harness loop stop, then begin another"
            )
        number = max(state.attempts, default=0) + 1
        notes = state.notes(cluster.cases)
        self._add(Started(number, cluster.key, cluster.stage, cluster.cases, state.head))
        folder, record = self.scratch / str(number), self.records / str(number)
        (folder / "state").mkdir(parents=True)
        record.mkdir(parents=True, exist_ok=True)
        lines.clone_for_agent(self.line, folder / "clone")
        held = withhold(folder / "clone" / self.line.inside, self.target)
        if held:
            lines.forget_history(folder / "clone")
        self.withheld[number] = [self.line.inside + path for path in held]
        text = brief(self.settings.globs, cluster, state.counts, notes)
        for path in (folder / "state", record):
            (path / "brief.md").write_text(text, encoding="utf-8")
        left = (state.budgets.seconds or float("inf")) - state.seconds
        wall = max(1.0, min(self.settings.wall, left))
        where = folder / "clone" / self.line.inside
        crew.begin(Task(number, text, where, folder / "state", self.settings.quiet, wall), record / "transcript")

    def _take(self, attempt: Attempt, ended: Ended) -> None:
        """Take what an agent has left, and see what it is worth."""
        number, cases = attempt.started.attempt, set(attempt.started.cases)
        folder, record = self.scratch / str(number), self.records / str(number)
        patch, found = b"", list[str]()
        try:
            patch, touched = lines.work_of(
                self.line, attempt.started.base, folder / "clone", folder, self.withheld.pop(number)
            )
            found = guard.violations(touched, self.settings.edit, self.line.inside)
        except GitCommandError as problem:
            found = [f"its work can not be read: {' '.join(str(problem.stderr).split())[:200]}"]
        if patch:
            (record / "work.patch").write_bytes(patch)
        blocked = {case: reason for case, reason in _blocked(folder / "state").items() if case in cases}
        fault = describe(ended.fault) if ended.fault is not None else ""
        stops = isinstance(ended.fault, Unavailable)
        path = str(record / "work.patch") if patch else ""
        self._add(Worked(number, ended.seconds, ended.summary, fault, stops, path, found, blocked))
        remove(folder)
        self._settle(attempt)

    def _settle(self, attempt: Attempt) -> None:
        """Keep it or discard it: guard, judge, land, note. May be done again, from the last step in the journal."""
        worked = attempt.worked
        if worked is None:
            self._close(attempt, "lost", "the loop was ended")
        elif worked.violations:
            self._close(attempt, "void", "; ".join(worked.violations[:3]))
        elif not worked.patch:
            why = worked.fault or (f"blocked {', '.join(worked.blocked)}" if worked.blocked else "it changed nothing")
            self._close(attempt, "failed" if worked.fault else "blocked" if worked.blocked else "idle", why)
        elif attempt.judged is None and (same := self._same(attempt)):
            self._close(attempt, "discarded", f"the same patch as attempt {same}")
        elif attempt.judged is not None or self._judge(attempt, Path(worked.patch)):
            self._land(attempt)

    def _judge(self, attempt: Attempt, patch: Path) -> bool:
        """Judge its work on top of the main line; whether it is better, and in the journal."""
        number, state = attempt.started.attempt, self.state
        folder, run = self.scratch / f"judge-{number}", self.records / f"run-{number}.json"
        folder.mkdir(parents=True)
        found = judge.judge(self.line, state.head, patch, self.main, self.target, number, folder, run)
        remove(folder)
        match found:
            case judge.Worse(why, gained, broke, cheats):
                run.unlink(missing_ok=True)
                self._close(attempt, "void" if cheats else "discarded", why, [*gained], [*broke])
                return False
            case judge.Better(tree=tree) if tree in state.trees:
                self._close(
                    attempt, "discarded", "it brings back what the main line was before: the loop goes in circles"
                )
                return False
            case judge.Better(commit, tree, checked, gained, flaky):
                self._add(Judged(number, commit, state.head, tree, str(run), checked.counts(), [*gained], [*flaky]))
                return True

    def _land(self, attempt: Attempt) -> None:
        """Put judged work on the main line."""
        judged, before = attempt.judged, self.state.run
        assert judged is not None  # noqa: S101 - for the type checker
        lines.land(self.line, judged.commit, judged.parent)
        self._close(attempt, "kept", f"{len(judged.gained)} more pass", judged.gained)
        self.main = judge.load(Path(judged.run))
        Path(before).unlink(missing_ok=True)

    # --- its parts ---

    def _recover(self) -> None:
        """Bring to its end what a killed loop was about, and know what the main line passes."""
        for scratch in self.state.scratch:
            remove(Path(scratch))
        self.scratch.mkdir()
        self.records.mkdir(parents=True, exist_ok=True)
        if not self.state.run:
            self._measure()
        self.main = judge.load(Path(self.state.run))
        for attempt in self.state.open:
            if attempt.judged is not None:
                lines.unlock(self.line)
            self._settle(attempt)

    def _measure(self) -> None:
        """Check the main line as it is: what every attempt is compared with."""
        folder, run = self.scratch / "judge-0", self.records / "run-0.json"
        folder.mkdir()
        lines.checkout(self.line, self.state.head, folder / "judge")
        checked = judge.check(folder / "judge" / self.line.inside, self.target, folder, run)
        remove(folder)
        if checked.summary["target_down"] or checked.summary["cut_short"]:
            why = checked.summary["target_down"] or checked.summary["cut_short"]
            raise HarnessError(f"{self.line.branch} can not be checked in a clean checkout: {why}")
        self._add(Measured(str(run), lines.tree_of(self.line, self.state.head), checked.counts()))

    def _may_begin(self) -> bool:
        most = self.state.budgets.attempts
        return len(self.state.open) < self.workers and (most is None or len(self.state.attempts) < most)

    def _same(self, attempt: Attempt) -> int:
        """Find an earlier attempt from the same commit with the same patch; 0 where there is none."""
        assert attempt.worked is not None  # noqa: S101 - for the type checker
        patch = Path(attempt.worked.patch).read_bytes()
        for other in self.state.attempts.values():
            if other is attempt or other.closed is None or other.worked is None or not other.worked.patch:
                continue
            if other.started.base == attempt.started.base and Path(other.worked.patch).read_bytes() == patch:
                return other.started.attempt
        return 0

    def _stages(self) -> list[str]:
        return [stage for stage, _, _ in self.main.summary["stages"]]

    def _environment(self) -> Mapping[str, str]:
        """What an agent finds around it: what is allowed, and `harness` on its path."""
        passed = {name: os.environ[name] for name in self.settings.pass_env if name in os.environ}
        return {**passed, "PATH": os.pathsep.join((passed.get("PATH", os.defpath), os.path.dirname(sys.executable)))}

    def _jailed(self, task: Task, argv: tuple[str, ...]) -> tuple[str, ...]:
        clone = self.scratch / str(task.number) / "clone"
        return jail.jailed(self.jail, argv, clone, task.state, (self.line.root, self.scratch), self.settings.read)

    def _close(
        self, attempt: Attempt, outcome: str, why: str, gained: list[str] | None = None, broke: list[str] | None = None
    ) -> None:
        self._add(Closed(attempt.started.attempt, outcome, why, gained or [], broke or []))

    def _add(self, step: Step) -> None:
        self.state.take(self.journal.add(step), step)


def _blocked(state: Path) -> dict[str, str]:
    """Read what `harness block` has left in an agent's state."""
    try:
        said = [json.loads(line) for line in (state / "blocked.jsonl").read_text(encoding="utf-8").splitlines()]
        return {str(one["case"]): str(one["reason"]) for one in said}
    except (OSError, ValueError, LookupError, TypeError):
        return {}  # the file is the agent's, and may hold anything
