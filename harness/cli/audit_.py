"""`harness audit`."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from harness import wire
from harness.cli.check_ import interruptible
from harness.digest.text import by_strength
from harness.errors import UsageError
from harness.gates.audit import Audit
from harness.judge import judge
from harness.model import Outputs, Passed, Strength, Verdict
from harness.order import Dependent, Unsteady, dependents, groups_of
from harness.reading import Reading, Selection, taken
from harness.session import load_skiplist, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.config import TargetConfig
    from harness.model import Json, Plan, Reply
    from harness.records import StoredRun
    from harness.session import Workspace

_NAMED = 5
_NO_PASS = {"unsupported": "it did not pass"}


@dataclass(slots=True)
class _Replay:
    """What a stored run comes to by the rules, references and skip list of now."""

    run: StoredRun
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    changed: int = 0

    @property
    def score(self) -> str:
        return f"{self.run.target} run {self.run.id}: {self.passed}/{self.passed + len(self.failed)} pass"

    def notes(self) -> Iterator[str]:
        if self.changed:
            yield (
                f"note: {self.changed} cases have changed since run {self.run.id} and are left out;"
                f" harness check --target {self.run.target}"
            )


@click.command()
@click.option(
    "--target",
    "target_name",
    metavar="NAME",
    help="The target whose last whole run it is; the default one if left out.",
)
@click.option("--order", is_flag=True, help="Run the cases in several orders; name those that depend on others.")
@click.option("--full", is_flag=True, help="Name everything; with --order, every case's leak.")
@click.pass_obj
def command(folder: Path, target_name: str | None, *, order: bool, full: bool) -> int:
    """Say how much a green is worth: spoil the stored replies that passed, judge them again, name what still passes.

    Nothing is run, but with --order. Exit code 3 when the oracle does not pass everything; with --order 1 when a case
    depends on what ran before it.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    if order:
        return _order(workspace, target, None if full else _NAMED)
    most = None if full else _NAMED
    wrong = False
    with closing(Store(workspace.folder)) as store:
        run = store.last_whole(target.name)
        if run is None:
            raise UsageError(f"there is no whole run of {target.name!r} yet; harness check --target {target.name}")
        audit = Audit()
        port = _replay(workspace, store, run, audit)
        for line in [*_mutants(audit, port, most), *_hollow(audit, most), *port.notes()]:
            click.echo(line)
        for oracle in workspace.config.targets:
            if oracle.oracle and oracle is not target:
                run = store.last_whole(oracle.name)
                replay = None if run is None else _replay(workspace, store, run)
                for line in _oracle(oracle.name, replay, port, most):
                    click.echo(line)
                wrong = wrong or (replay is not None and bool(replay.failed))
    return Verdict.GATE.exit_code if wrong else 0


def _order(workspace: Workspace, target: TargetConfig, most: int | None) -> int:
    """Name each case that depends on what ran before it, and where it was looked for, on what."""
    groups = groups_of(workspace, target)
    cases = sum(map(len, groups))
    with interruptible() as stop:
        found = list(dependents(workspace, target, groups, stop, most))
    if stop.reason or not cases:
        click.echo(f"NOTHING {stop.reason or f'{target.name} takes no case'}")
        return Verdict.NOTHING.exit_code
    leaky = [one for one in found if isinstance(one, Dependent)]
    click.echo(f"{len(leaky)} of {cases} cases depend on what ran before them · {target.name}")
    for one in found:
        match one:
            case Dependent(case, alone, after, how, None):
                click.echo(f"  {case}  {alone} alone, {after} {how} (--full looks for the reason)")
            case Dependent(case, alone, after, how, leak):
                why = f"{leak} before it is enough" if leak else "it takes several cases before it"
                click.echo(f"  {case}  {alone} alone, {after} {how}; {why}")
            case Unsteady(case):
                click.echo(f"  {case}  changes by itself; harness check --repeat 5 {case}")
    return Verdict.FAIL.exit_code if leaky else 0


def _replay(workspace: Workspace, store: Store, run: StoredRun, audit: Audit | None = None) -> _Replay:
    """Judge the stored passes of a run again, and audit them where that is asked for."""
    target = workspace.config.target(run.target)
    replay = _Replay(run)
    stored = {one.id: (one.plan, one.reply if one.outcome == "passed" else _NO_PASS) for one in store.results(run)}
    for entry in Reading(workspace, target, load_skiplist(workspace, target), Selection()).entries():
        if not taken(target, entry.suite):
            continue
        case, plan = entry.job.case, entry.plan
        if audit is not None:
            audit.add_hollow(case, plan)
        judged_by, said = stored.get(case.id, (None, None))
        if judged_by != plan.hash:
            replay.changed += 1
            continue
        reply = _reply(said, plan)
        outcome = judge(plan, reply)
        if not isinstance(outcome, Passed):
            replay.failed.append(case.id)
            continue
        replay.passed += 1
        if audit is not None:
            audit.add(case, plan, reply, outcome.achieved)
    return replay


def _reply(said: Mapping[str, Json] | None, plan: Plan) -> Reply:
    """Take the stored reply; one that was equal to its reference is not stored twice."""
    if said is None:
        return Outputs({check.reference.name: check.reference.contents[0] for check in plan.checks})
    ((kind, value),) = said.items()
    return wire.said(kind, value)


def _mutants(audit: Audit, port: _Replay, most: int | None) -> Iterator[str]:
    strengths = sum(audit.achieved.values(), Counter[Strength]())
    found = f"{audit.detected} of {audit.total} mutants detected{_share(audit.detected, audit.total)}"
    yield f"{found} · {_passes(strengths)} · {port.run.target} run {port.run.id}"
    for suite, achieved in audit.achieved.items():
        if len(audit.achieved) > 1:
            yield f"[{suite}] {_detected(audit, 0, suite)} · {_passes(achieved)}"
        for rule in dict.fromkeys(rule for one, rule, _ in audit.made if one == suite):
            yield f"  {rule}  {_detected(audit, 1, rule)}"
            for (_, one, mutator), ids in audit.survivors.items():
                if one == rule:
                    of = audit.made[suite, rule, mutator]
                    yield f"    survives x{len(ids)} of {of}  {mutator}: {_names(ids, most)}"
    mutators = sorted({mutator for _, _, mutator in audit.made})
    if mutators:
        yield "by mutator  " + " · ".join(f"{one} {'/'.join(map(str, audit.share(2, one)))}" for one in mutators)


def _hollow(audit: Audit, most: int | None) -> Iterator[str]:
    for name, ids in audit.hollow.items():
        if ids:
            yield f"hollow: a target that answers {name!r} to everything passes {len(ids)}: {_names(ids, most)}"
    if not any(audit.hollow.values()):
        yield f"hollow targets ({', '.join(audit.hollow)}) pass nothing"


def _oracle(name: str, replay: _Replay | None, port: _Replay, most: int | None) -> Iterator[str]:
    """Say whether the oracle passes everything, with the port's score beside it."""
    if replay is None:
        yield f"oracle {name}: no whole run yet; harness check --target {name}"
        return
    says = "as it must"
    if replay.failed:
        says = f"it must pass everything, so a worker, a reader or a rule is wrong: {_names(replay.failed, most)}"
    yield f"oracle {replay.score}, {says}; {port.score}"
    yield from replay.notes()


def _detected(audit: Audit, place: int, name: str) -> str:
    detected, made = audit.share(place, name)
    return f"{detected}/{made} detected{_share(detected, made)}"


def _share(detected: int, made: int) -> str:
    return f" ({detected / made:.1%})" if made else ""


def _passes(achieved: Counter[Strength]) -> str:
    strongest_first = {one.value: achieved[one] for one in Strength if achieved[one]}
    return f"{achieved.total()} pass{'' if achieved.total() == 1 else 'es'}{by_strength(strongest_first)}"


def _names(ids: list[str], most: int | None) -> str:
    shown = ids if most is None else ids[:most]
    return ", ".join(shown) + (f" +{len(ids) - len(shown)} (--full)" if len(ids) > len(shown) else "")
