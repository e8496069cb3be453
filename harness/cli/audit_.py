"""`harness audit`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from harness import wire
from harness.cli.check_ import interruptible
from harness.errors import UsageError
from harness.gates.audit import Audit
from harness.model import Outputs, Verdict
from harness.order import Dependent, Unsteady, dependents, groups_of
from harness.reading import Entry, Reading, Selection
from harness.session import load_skiplist, open_workspace
from harness.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.config import TargetConfig
    from harness.model import Reply
    from harness.records import StoredResult
    from harness.session import Workspace

_NAMED = 5


@click.command()
@click.option("--target", "target_name", help="The target whose last whole run it is.")
@click.option("--order", is_flag=True, help="Run the cases in several orders; name those that depend on others.")
@click.option("--full", is_flag=True, help="Name every survivor; with --order, every case's leak.")
@click.pass_obj
def command(folder: Path, target_name: str | None, *, order: bool, full: bool) -> int:
    """Say how much a green is worth: spoil the stored replies that passed, judge them again, name what still passes.

    Nothing is run, but with --order. Exit code 3 when the oracle itself does not pass everything; with --order 1 when
    a case depends on what ran before it.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    if order:
        return _order(workspace, target, None if full else _NAMED)
    store = Store(workspace.folder)
    run = store.last_whole(target.name)
    if run is None:
        raise UsageError(f"there is no whole run of {target.name!r} yet; harness check --target {target.name}")
    audit, changed = Audit(), 0
    results = {result.id: result for result in store.results(run) if result.outcome == "passed"}
    for entry in Reading(workspace, target, load_skiplist(workspace, target), Selection()).entries():
        result = results.get(entry.job.case.id)
        if result is None:
            continue
        if result.plan != entry.plan.hash:
            changed += 1
            continue
        audit.add(entry.job.case, entry.plan, _reply(result, entry))
    most = None if full else _NAMED
    click.echo("\n".join(_report(audit, run.id, target.name, changed, most)))
    oracles = [one.name for one in workspace.config.targets if one.oracle and one is not target]
    return max((_oracle(store, name) for name in oracles), default=0)


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


def _reply(result: StoredResult, entry: Entry) -> Reply:
    """Take the stored reply; one that was equal to its reference is not stored twice."""
    if result.reply is None:
        return Outputs({check.reference.name: check.reference.contents[0] for check in entry.plan.checks})
    ((kind, value),) = result.reply.items()
    return wire.said(kind, value)


def _report(audit: Audit, run: str, target: str, changed: int, most: int | None) -> Iterator[str]:
    share = 100 * audit.detected / audit.total if audit.total else 0.0
    passes = audit.cases.total()
    yield f"{audit.detected} of {audit.total} mutants detected ({share:.1f} %) · {passes} passes · {target} run {run}"
    if changed:
        yield f"note: {changed} cases have changed since that run and are left out; harness check again"
    for rule, cases in audit.cases.items():
        made = Counter({mutator: count for (one, mutator), count in audit.made.items() if one == rule})
        lost = {mutator: ids for (one, mutator), ids in audit.survivors.items() if one == rule and ids}
        left = sum(map(len, lost.values()))
        yield f"[{rule}] {cases} passes · {made.total() - left}/{made.total()} detected"
        for mutator, ids in lost.items():
            yield f"  survives x{len(ids)} of {made[mutator]}  {mutator}: {_names(ids, most)}"
    for name, ids in audit.hollow.items():
        if ids:
            yield f"hollow: a target that answers {name!r} to everything passes {len(ids)}: {_names(ids, most)}"


def _names(ids: list[str], most: int | None) -> str:
    shown = ids if most is None else ids[:most]
    return ", ".join(shown) + (f" +{len(ids) - len(shown)} (--full)" if len(ids) > len(shown) else "")


def _oracle(store: Store, name: str) -> int:
    run = store.last_whole(name)
    if run is None:
        click.echo(f"oracle {name}: no whole run yet; harness check --target {name}")
        return 0
    counts = run.summary["standings"]
    passed = counts.get("passed", 0)
    wrong = counts.get("failed", 0)
    says = "as it must" if not wrong else "it must pass everything: a worker, a reader or a rule is wrong"
    click.echo(f"oracle {name} run {run.id}: {passed}/{passed + wrong} pass, {says}")
    return 3 if wrong else 0
