"""What a check holds a run against beside references: the lock, a base, protected cases, the oracle's program."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import Place, UsageError
from harness.gates import holdout, protect, ratchet
from harness.gates import lock as locks
from harness.gates.lock import Row
from harness.model import Breach, Notice, Passed
from harness.patterns import compile_glob
from harness.plan import digest
from harness.program import identify
from harness.session import judging, judging_suite, target_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.config import Protected, TargetConfig
    from harness.gates.holdout import Kept
    from harness.gates.lock import Common, Lock
    from harness.gates.protect import Program
    from harness.model import Case, Content, Outcome, Plan, Result
    from harness.session import Workspace

_NAMED = 5
Before: TypeAlias = "Callable[[Case, Row], Row | None]"
"""(a case, its row now) -> its row before; the very same row where nothing differs, None where it was not there."""


@dataclass(slots=True)
class Watch:
    """A state of the books that a run is held against."""

    name: str
    """`harness.lock`, or the revision."""
    step: str
    """What to do about a breach."""
    before: Before
    unseen: Callable[[], Iterator[Row]]
    """What it holds and nobody has asked for, once everything has been read."""
    common: Common
    closed: bool
    """Whether a case that it does not know, or a stricter rule, is a breach as well."""
    held: Mapping[str, Kept] = field(default_factory=dict)
    """What it held out, where that is known case by case."""
    allowed: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(case, fingerprint of the change) -> the reason why a person has allowed it."""
    allow: tuple[str, ...] = ()
    """The cases of which every change is to be allowed now, or globs of them."""
    granted: list[tuple[str, str]] = field(default_factory=list)
    """What that came to."""
    breaches: list[Breach] = field(default_factory=list)
    """What is wrong before any case was looked at."""
    notices: list[Notice] = field(default_factory=list)


@dataclass(slots=True)
class Books:
    """What the gates find, case by case."""

    workspace: Workspace
    target: TargetConfig
    watches: list[Watch]
    breaches: list[Breach] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    """Failing cases that fail in another way than before."""
    _judging: dict[str, str] = field(init=False)
    _suites: set[str] = field(default_factory=set)
    _protecting: set[Protected] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Fingerprint what all cases share, once."""
        self._judging = judging(self.workspace, self.target)

    def add(self, result: Result, standing: str) -> None:
        """Look at one case."""
        plan, case = result.plan, result.job.case
        if plan is None:
            return
        for protected in self.workspace.config.protected:
            if protect.fits(protected, case.id):
                self._protecting.add(protected)
                self.breaches += protect.loosened(protected.reason, case.id, plan, result.outcome)
        if not self.watches:
            return
        if case.suite not in self._suites:
            self._suites.add(case.suite)
            self._parts("suite", case.suite, judging_suite(self.workspace.suite(case.suite), result.job.shared))
        now = row(case.id, self.target.name, plan, result.outcome)
        for watch in self.watches:
            before = watch.before(case, now)
            if before is None:
                if watch.closed and not self._hid_others(watch):
                    self.breaches.append(Breach(f"is not in {watch.name}; remove it, or {watch.step}", case.id))
            elif before is not now:
                self._compare(watch, before, now, plan, standing)

    def close(self, kept_back: Mapping[str, Kept], *, whole: bool, away: bool) -> None:
        """Look at what only the end can tell; `away`: held-out cases may all be missing, as they are for an agent."""
        self._parts("target", "-", self._judging)
        self.breaches += self._posing()
        for watch in self.watches:
            self.breaches += watch.breaches
        if not whole:
            return
        for watch in self.watches:
            if not self._hid_others(watch):
                self._keep_watch(watch, kept_back, away=away)
            for one in watch.unseen():
                if one.case in kept_back and self._hid_others(watch):
                    continue
                self._breach(watch, one.case, ["gone"], str(one), Breach("", one.case))
        for protected in self.workspace.config.protected:
            if protected not in self._protecting:
                says = f"[[protect]] {', '.join(protected.cases)} fits no case; correct it"
                self.breaches.append(Breach(says, place=self.workspace.config.document.place(*protected.keys)))

    def notices(self) -> Iterator[Notice]:
        """Say what has changed and is no breach."""
        for watch in self.watches:
            yield from watch.notices
        if self.moved:
            left = len(self.moved) - _NAMED
            names = ", ".join(self.moved[:_NAMED]) + (f" +{left}" if left > 0 else "")
            yield Notice(f"{len(self.moved)} failing cases fail in another way than before: {names}")

    def _compare(self, watch: Watch, before: Row, now: Row, plan: Plan, standing: str) -> None:
        changed = list(ratchet.compared(before, now, stricter=not watch.closed and protect.is_exact(plan)))
        place = plan.excuse.place if plan.excuse is not None and now.parts.entry != before.parts.entry else None
        # What is red already, or was not tried, is not told twice.
        if standing not in ("failed", "not_run") and (fell := ratchet.fell(before, now)):
            changed.append(fell)
        if ratchet.moved(before, now):
            self.moved.append(f"{now.case} ({before.outcome} -> {now.outcome})")
        if changed:
            self._breach(watch, now.case, changed, f"{before.parts}{now.parts}", Breach("", now.case, place))

    def _parts(self, kind: str, name: str, now: Mapping[str, str]) -> None:
        """Compare what the cases of a suite or target share: told once, not for each of them."""
        for watch in self.watches:
            before = watch.common.get((kind, self.target.name, name))
            if before is None:
                continue
            subject = f"{kind} {self.target.name if kind == 'target' else name}"
            for part in ratchet.parted(before, now):
                self._breach(watch, subject, [f"changed {ratchet.WORDS[part]}"], now[part], Breach(f"{subject}: "))

    def _hid_others(self, watch: Watch) -> bool:
        """Whether other cases were held out then: that is a breach, and what is visible or not follows from it."""
        before = watch.common.get(("target", self.target.name, "-"), {})
        return before.get("holdout", self._judging["holdout"]) != self._judging["holdout"]

    def _keep_watch(self, watch: Watch, kept_back: Mapping[str, Kept], *, away: bool) -> None:
        """Compare what is held out, suite by suite: no case is named."""
        name = self.target.name
        known = {
            suite: parts for (kind, target, suite), parts in watch.common.items() if (kind, target) == ("suite", name)
        }
        if away and watch.closed and not kept_back and (held := sum(int(one.get("held", 0)) for one in known.values())):
            watch.notices.append(Notice(f"the {held} held-out cases of {watch.name} are not here"))
            return
        now = {suite: holdout.folded(kept_back, suite) for suite in {*known, *map(_suite, kept_back)}}
        for suite in sorted(now):
            before = known.get(suite, holdout.folded({}, suite) if watch.closed else {})
            if before.get("heldas", now[suite]["heldas"]) != now[suite]["heldas"]:
                then, here = before["held"], now[suite]["held"]
                counts = "" if then == here else f" ({here}, were {then})"
                self._changed_held(watch, suite, counts, now[suite]["heldas"])
        changed = Counter(
            _suite(case) for case, was in watch.held.items() if holdout.loosened(was, kept_back.get(case))
        )
        for suite, count in sorted(changed.items()):
            self._changed_held(watch, suite, f" ({count})", holdout.folded(kept_back, suite)["heldas"])

    def _changed_held(self, watch: Watch, suite: str, counts: str, how: str) -> None:
        subject = f"suite {suite}"
        self._breach(watch, subject, [f"changed held-out cases{counts}"], how, Breach(f"{subject}: "))

    def _breach(self, watch: Watch, subject: str, changed: list[str], how: str, about: Breach) -> None:
        """Note a breach, unless a person has allowed this very change."""
        change = digest(self.target.name, subject, *changed, how)
        if (subject, change) in watch.allowed:
            return
        if any(subject == one or compile_glob(one).fullmatch(subject) for one in watch.allow):
            watch.granted.append((subject, change))
            return
        says = f"{about.says}{', '.join(changed)} (against {watch.name}); restore it, or {watch.step}"
        self.breaches.append(Breach(says, about.case, about.place))

    def _posing(self) -> Iterator[Breach]:
        """Find the oracle behind the target."""
        if self.target.oracle:
            return
        for oracle in self.workspace.config.targets:
            mine = _program(self.workspace, self.target) if oracle.oracle else None
            if mine is not None and protect.poses(mine, _program(self.workspace, oracle)):
                says = (
                    f"target {self.target.name!r} runs the program of the oracle {oracle.name!r}; let it run the port"
                )
                yield Breach(says, place=self.workspace.config.document.place(*self.target.keys, "command"))


def row(case: str, target: str, plan: Plan, outcome: Outcome) -> Row:
    """Make the row of a case as it is now."""
    achieved = outcome.achieved.value if isinstance(outcome, Passed) else "-"
    return Row(case, target, outcome.word, achieved, plan.allowed.value, plan.parts)


def agreed(workspace: Workspace, target: TargetConfig) -> Iterator[Watch]:
    """Hold a run against harness.lock, if there is one that knows the target. Raises InputError, UsageError."""
    lock = load(workspace)
    if lock is not None and ("target", target.name, "-") in lock.common:
        yield Watch(
            "harness.lock", "harness lock", within(lock), lambda: lock.unseen(target.name), lock.common, closed=True
        )


def load(workspace: Workspace) -> Lock | None:
    """Read harness.lock. Raises InputError, UsageError."""
    path = workspace.folder / locks.NAME
    try:
        return locks.parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{Place(str(path))}: can not be read ({problem}); restore it") from problem


def within(lock: Lock) -> Before:
    """Look rows up in a lock."""
    return lambda _case, now: lock.find(now)


def _suite(case: str) -> str:
    return case.partition("/")[0]


def common(workspace: Workspace, target: TargetConfig, shared: Mapping[str, Mapping[str, Content]]) -> Common:
    """Fingerprint what cases share; `shared` holds the shared files by suite."""
    found: Common = {("target", target.name, "-"): judging(workspace, target)}
    for name, files in shared.items():
        found["suite", target.name, name] = judging_suite(workspace.suite(name), files)
    return found


def _program(workspace: Workspace, target: TargetConfig) -> Program:
    options = target.options
    words = options.get("command") or [
        options.get("python", "python"),
        options.get("callable", ""),
        *options.get("path", ()),
    ]
    found = identify(words, workspace.folder, target_environment(workspace, target).get("PATH"))
    given = [
        word
        for word in words[1:]
        if not (workspace.folder / word.replace("{workspace}", str(workspace.folder))).is_file()
    ]
    given += (f"{name}={value}" for name, value in target.environment.items())
    return protect.Program(tuple(words), tuple(found["files"].values()), frozenset(given))
