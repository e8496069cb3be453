"""One pass over a workspace's cases: what is selected, what judges each, and what is wrong with the files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

from harness import toml
from harness.errors import Fault, InputError, Place, UsageError
from harness.files import Change, last_changed
from harness.gates.holdout import Kept, held_out
from harness.gates.protect import is_exact
from harness.model import Case, Job, Misfit, Notice, Shared
from harness.patterns import compile_glob, is_glob
from harness.plan import fingerprint, plan, unreadable
from harness.session import described, load_skiplist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.config import TargetConfig
    from harness.model import Content, Excuse, Found, Plan
    from harness.session import Suite, Workspace
    from harness.skiplist import SkipList


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases are wanted; nothing said is all of them."""

    patterns: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    ids: frozenset[str] | None = None
    """Exactly these: what failed in the last run."""
    shard: tuple[int, int] | None = None
    """(number, of how many): of all that is said above, one part."""

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self.reads_all and self.shard is None

    @property
    def reads_all(self) -> bool:
        """Whether every case is read and planned: those of the other shards are too."""
        return not (self.patterns or self.suites or self.stages) and self.ids is None

    def holds(self, case: Case) -> bool:
        """Whether a case is in the shard."""
        return self.shard is None or shard_of(case, self.shard[1]) == self.shard[0]

    def reaches(self, suite: Suite, suites: Sequence[Suite]) -> bool:
        """Whether one of the suites can hold anything that is wanted: if not, it is not even read.

        A name that begins with a suite is an id; with any other folder it is a bare name, which any suite may have.
        """
        name = suite.config.name
        if (self.suites and name not in self.suites) or (self.stages and suite.config.stage not in self.stages):
            return False
        ids = self.patterns if self.ids is None else tuple(self.ids)
        others = {f"{other.config.name}/" for other in suites} - {f"{name}/"}
        return not ids or any(is_glob(one) or "".join(one.partition("/")[:2]) not in others for one in ids)

    def naming(self, case: Case) -> set[str]:
        """Return the patterns that mean this case: its id, its name, or a glob that fits its id."""
        names = (case.id, case.name)
        return {one for one in self.patterns if one in names or compile_glob(one).fullmatch(case.id)}

    def __str__(self) -> str:
        words = [
            *self.patterns,
            *(f"--suite {name}" for name in self.suites),
            *(f"--stage {name}" for name in self.stages),
        ]
        words += ["--failed"] if self.ids is not None else []
        return " ".join(words + ([f"--shard {self.shard[0]}/{self.shard[1]}"] if self.shard is not None else []))


@dataclass(frozen=True, slots=True)
class Entry:
    """A case before it runs: `job` for the runner, `plan` for the judge."""

    job: Job
    plan: Plan
    suite: Suite


def shard_of(case: Case, of: int) -> int:
    """Say in which of so many shards a case is, from 1 on: wherever it is asked, whatever other cases there are."""
    name = f"{case.suite}/{case.group}" if case.group else case.id
    return 1 + int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) % of


def taken(target: TargetConfig, suite: Suite) -> bool:
    """Whether a suite is part of the port, and of what this target takes."""
    return suite.config.out_of_scope is None and (target.suites is None or suite.config.name in target.suites)


@dataclass(slots=True)
class Reading:
    """A pass and what was learnt on the way; complete when `entries` is exhausted."""

    workspace: Workspace
    target: TargetConfig
    skips: SkipList
    selection: Selection
    notices: list[Notice] = field(default_factory=list)
    held: bool = False
    """Whether the held-out cases are what is wanted, and not the visible ones."""
    left_out: int = 0
    """Visible cases that were read, and not selected."""
    kept_back: dict[str, Kept] = field(default_factory=dict)
    """By id, the cases that were selected and are held out."""
    held_rules: set[str] = field(default_factory=set)
    """The labels of the rules that judge them."""
    ids: dict[str, bool] = field(default_factory=dict)
    """Every id, and whether it has been read. Those of the last whole run may be there from the start: of them, the
    ones that are not read in the end are gone. One dict, since there may be 100,000 of them."""
    begun: float | None = None
    """When the first foreign program was started, in seconds since the epoch."""
    _faults: list[Fault] = field(default_factory=list)
    _count: int = 0
    """How many cases were read."""
    _touched: set[str] = field(default_factory=set)
    """What was written meanwhile, and has been told."""
    _used: set[str] = field(default_factory=set)
    _matched: set[str] = field(default_factory=set)
    _matched_held: set[str] = field(default_factory=set)

    @property
    def held_out(self) -> int:
        """How many of the selected cases are held out."""
        return len(self.kept_back)

    @property
    def gone(self) -> int:
        """How many cases of the last whole run have not been read."""
        return len(self.ids) - sum(self.ids.values())

    def entries(self) -> Iterator[Entry]:
        """Yield the wanted cases. Raises InputError with all faults, UsageError for a name that selects nothing.

        After the first fault nothing more is yielded, but everything is still read: all faults are told at once.
        """
        for suite in self.workspace.suites:
            if self.selection.reaches(suite, self.workspace.suites):
                yield from filter(self._in_shard, self._suite(suite))
        self._close()

    def _in_shard(self, entry: Entry) -> bool:
        """Leave out, and count, what is in another shard."""
        inside = self.selection.holds(entry.job.case)
        self.left_out += not inside and taken(self.target, entry.suite)
        return inside

    def _suite(self, suite: Suite) -> Iterator[Entry]:
        config = suite.config
        canonical = suite.reader.canonical
        how = described(self.workspace, self.target, suite)
        shared: Mapping[str, Content] = {}
        lent: frozenset[str] = frozenset()
        common = fingerprint(shared, config.limits, canonical, how)
        read: Iterator[Found] = suite.reader.read(config.name, self.workspace.config.root, config.options)
        for found in read:
            match found:
                case Case():
                    if lent:
                        self._faults.extend(_lent(found, lent))
                    yield from self._entry(found, suite, shared, common)
                case Shared(files, paths):
                    shared, lent = files, paths
                    common = fingerprint(shared, config.limits, canonical, how)
                case Notice():
                    self.notices.append(found)
                case Fault():
                    self._faults.append(found)
                case Misfit(option, says):
                    place = self.workspace.config.document.place(*config.keys, option)
                    self._faults.append(Fault(place, f"suite {config.name!r}: {says}"))

    def _entry(self, case: Case, suite: Suite, shared: Mapping[str, Content], common: bytes) -> Iterator[Entry]:
        held = self._held(case, suite)
        if not self._wanted(case, suite, held=held):
            return
        judged_by = self._plan(case, suite, common)
        if held:
            self._keep_back(case, judged_by)
        if held is self.held and not self._faults:
            yield Entry(Job(case, shared, suite.config.limits, self._count), judged_by, suite)

    def _plan(self, case: Case, suite: Suite, common: bytes) -> Plan:
        """Choose what judges a case, and see that it can."""
        excuse = self.skips.find(case.id)
        if excuse is not None:
            self._used.add(excuse.key)
        judged_by = plan(case, suite.rules, excuse, suite.reader.canonical, common)
        if suite.config.out_of_scope is None:
            self._faults.extend(unreadable(judged_by))
        return judged_by

    def _held(self, case: Case, suite: Suite) -> bool:
        holdout = self.workspace.config.holdout
        return holdout is not None and taken(self.target, suite) and held_out(case, holdout)

    def _keep_back(self, case: Case, plan: Plan) -> None:
        self.kept_back[case.id] = Kept(plan.parts, is_exact(plan))
        self.held_rules.update(check.rule.label for check in plan.checks)
        entry = self.skips.exact.get(case.id)
        if entry is not None:
            says = f"{case.id!r} is held out, and an entry of its own would tell how it fares; remove the entry"
            self._faults.append(Fault(entry.place, says))

    def _wanted(self, case: Case, suite: Suite, *, held: bool) -> bool:
        """Count a case, check that it can be run, and say whether it is selected."""
        case_id = case.id
        if self.ids.get(case_id):
            self._faults.append(self._repeated(case, suite))
        if not (held and case_id in self.ids):  # one that was visible, and is held out now, has left the count
            self.ids[case_id] = True
        self._count += 1
        if self.begun is not None:
            self._see_untouched(self.begun, _last_changed(case, suite))
        if case.input is None and suite.config.out_of_scope is None:
            says = f"suite {case.suite!r} has no input for this; name `inputs`, or declare `out_of_scope`"
            self._faults.append(Fault(case.place, says))
        if not case.references and suite.config.out_of_scope is None:
            says = "has no reference, and nothing can be judged without one; give it one, or declare `out_of_scope`"
            self._faults.append(Fault(case.place, says))
        selection = self.selection
        wanted = selection.ids is None or case_id in selection.ids
        if selection.patterns:
            fits = selection.naming(case)
            (self._matched_held if held else self._matched).update(fits)
            wanted = wanted and bool(fits)
        self.left_out += not wanted and not held and taken(self.target, suite)
        return wanted

    def _see_untouched(self, begun: float, newest: Change) -> None:
        """Nothing that judges the port may come from its hand: what was written after it was started is a fault."""
        if newest.when > begun and newest.path not in self._touched:
            self._touched.add(newest.path)
            says = "was changed while the run went on; see what the build or the port writes, restore it and run again"
            self._faults.append(Fault(Place(newest.path), says))

    def count_rest(self) -> None:
        """Count the cases of the suites that the selection could not reach: what it is a part of."""
        for suite in self.workspace.suites:
            if taken(self.target, suite) and not self.selection.reaches(suite, self.workspace.suites):
                found = suite.reader.read(suite.config.name, self.workspace.config.root, suite.config.options)
                self.left_out += sum(isinstance(one, Case) and not self._held(one, suite) for one in found)

    def _repeated(self, case: Case, suite: Suite) -> Fault:
        again = suite.reader.read(suite.config.name, self.workspace.config.root, suite.config.options)
        first = next(one for one in again if isinstance(one, Case) and one.id == case.id)
        return Fault(
            case.place,
            f"a second case with the id {case.id!r}; the first is {first.place}: narrow the globs or rename one",
        )

    def _read(self) -> set[str]:
        return {case for case, read in self.ids.items() if read}

    def _close(self) -> None:
        if self._faults:
            raise InputError(self._faults)
        vanished = sorted((self.selection.ids or frozenset()) - self._read())
        if vanished:
            raise UsageError(f"{vanished[0]} failed in the last run and is no more; run harness check without --failed")
        for pattern in self.selection.patterns:
            if pattern in self._matched_held - self._matched:
                raise UsageError(f"{pattern!r}: held out; name other cases (harness list shows all that are visible)")
            if pattern not in self._matched:
                hint = " fits" if is_glob(pattern) else toml.nearest(pattern, self._read())
                raise UsageError(f"no case {pattern!r}{hint} (harness list shows all)")
        if self.selection.reads_all:
            unused = [excuse for excuse in self.skips.entries() if excuse.key not in self._used]
            if unused:
                raise InputError(Fault(one.place, f"{one.key!r} matches no case{self._meant(one)}") for one in unused)

    def _meant(self, excuse: Excuse) -> str:
        if is_glob(excuse.key) and excuse.key in self.skips.exact and excuse.status != "accepted":
            return f"; a glob belongs in [{excuse.status}.glob]"
        return f"{toml.nearest(excuse.key, self._read())}; correct or remove the entry"


def find(workspace: Workspace, target: TargetConfig, name: str, skips: SkipList | None = None) -> Entry:
    """Find one case by its id, or by its name where only one suite has it. Raises UsageError, InputError.

    The skip list is the workspace's, unless another one is given.
    """
    listed = load_skiplist(workspace, target) if skips is None else skips
    found = list(Reading(workspace, target, listed, Selection((name,))).entries())
    if len(found) > 1:
        raise UsageError(
            f"{name!r} is {len(found)} cases: {', '.join(entry.job.case.id for entry in found[:5])}; name one"
        )
    return found[0]


def _last_changed(case: Case, suite: Suite) -> Change:
    """Find the newest of the files behind a case: our readers have just read them, another may open files by itself."""
    newest = last_changed()
    if not suite.reader.__name__.startswith("harness."):
        for place in (case.place, *(reference.place for reference in case.references)):
            if os.path.exists(place.path):
                newest = max(newest, Change(os.stat(place.path).st_ctime, place.path))
    return newest


def _lent(case: Case, lent: frozenset[str]) -> Iterator[Fault]:
    """Find references among the files that are sent to workers."""
    for reference in case.references:
        if os.path.realpath(reference.place.path) in lent:
            yield Fault(
                reference.place, "is a reference, and `shared` would send it to the port; narrow the globs of `shared`"
            )
