"""`harness try`."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from harness import runner
from harness.cli.check_ import interruptible
from harness.digest.diff import printable, printable_lines
from harness.errors import Place, UsageError
from harness.files import as_content
from harness.judge import judge
from harness.model import Case, ErrorReply, Job, Outputs, Passed, Reference, ReferenceFault, Structured
from harness.plan import plan
from harness.record import ask, prepare, shared_files
from harness.session import open_workspace
from harness.wire import content_out, dumps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.config import TargetConfig
    from harness.model import Json, Observation, Output
    from harness.session import Suite, Workspace


def _object(_ctx: click.Context, _option: click.Parameter, text: str) -> dict[str, Json]:
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise click.BadParameter(f"not JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise click.BadParameter('not a JSON object, such as {"x": 1}')
    return found


@click.command()
@click.argument("text", metavar="INPUT")
@click.option("--params", callback=_object, default="{}", metavar="JSON", help="What the input is given.")
@click.option(
    "--settings", callback=_object, default="{}", metavar="JSON", help="How the implementation is configured."
)
@click.option(
    "--name",
    default="try.txt",
    show_default=True,
    metavar="NAME",
    help="The case's name; some implementations look at its suffix.",
)
@click.option(
    "--suite",
    "suite_name",
    metavar="NAME",
    help="The suite whose shared files, limits and rules hold; the first one of the target's last stage if left out.",
)
@click.option("--target", "target_name", metavar="NAME", help="The target to ask; the default one if left out.")
@click.option("--oracle", is_flag=True, help="Ask the oracle first, and judge the target by what it says.")
@click.pass_obj
def command(
    folder: Path,
    text: str,
    params: dict[str, Json],
    settings: dict[str, Json],
    name: str,
    suite_name: str | None,
    target_name: str | None,
    *,
    oracle: bool,
) -> int:
    """Ask a target, or the oracle, what it does on an input of yours (`-` reads it from stdin).

    Exit code: 0; with --oracle 1 when the target does not do what the oracle does; 5 when one of them is down.
    """
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    suite = _suite(workspace, target, suite_name)
    given = as_content(sys.stdin.buffer.read()) if text == "-" else text
    case = Case(suite.config.name, name, given, (), Place("(typed)"), params, settings)
    job = Job(case, shared_files(workspace, suite), suite.config.limits, 0)
    original = _oracle(workspace) if oracle else None
    wanted = _ask(workspace, original, job) if original is not None and original is not target else None
    got = _ask(workspace, target, job)
    if wanted is None:
        return 0
    return _compare(suite, case, wanted, got, target.name)


def _suite(workspace: Workspace, target: TargetConfig, name: str | None) -> Suite:
    """Find the suite that was named, or the one that is most likely meant: of a whole program, not of its lexer."""
    taken = [one for one in workspace.suites if target.suites is None or one.config.name in target.suites]
    if name is not None:
        suite = workspace.suite(name)
        if suite not in taken:
            names = ", ".join(one.config.name for one in taken)
            raise UsageError(f"target {target.name!r} does not take suite {name!r} (it takes {names})")
        return suite
    in_scope = [one for one in taken if one.config.out_of_scope is None]
    if not in_scope:
        raise UsageError(f"target {target.name!r} takes no suite that is in scope; name one with --suite")
    order = [*workspace.config.stages, *(one.config.stage for one in workspace.suites)]
    return max(in_scope, key=lambda one: order.index(one.config.stage))


def _oracle(workspace: Workspace) -> TargetConfig:
    for target in workspace.config.targets:
        if target.oracle:
            return target
    raise UsageError("no target is the oracle; add `oracle = true` to the one that runs the source project")


def _ask(workspace: Workspace, target: TargetConfig, job: Job) -> Observation:
    """Ask, and print what came out."""
    seen: Observation | None = None
    stderr = muttered = ""
    with interruptible() as stop:
        prepare(workspace, target, stop)
        for event in ask(workspace, target, [(job,)], stop):
            match event:
                case runner.Seen(_, observed):
                    seen = observed.observation
                    stderr = observed.stderr if observed.alone else ""
                case runner.Muttered(said):
                    muttered = said
    if seen is None:
        raise KeyboardInterrupt
    for line in _lines(target.name, seen):
        click.echo(line)
    if (stderr or muttered).strip():
        click.echo(f"--- {target.name}: stderr")
        click.echo("\n".join(printable_lines(stderr or muttered)))
    return seen


def _lines(who: str, observation: Observation) -> Iterator[str]:
    match observation:
        case Outputs(named):
            for name, output in named.items():
                yield f"--- {who}: {name}"
                yield from printable_lines(_text(output))
        case ErrorReply(fields, frames):
            yield f"--- {who}: error"
            alone = not fields.keys() - {"kind", "message", "text"}
            yield from (
                f"{printable(key):10} {printable(str(value))}"
                for key, value in fields.items()
                if key != "text" or alone
            )
            yield from (f"  in {printable(frame)}" for frame in frames)
        case _:
            outcome = judge(plan(Case("", "", "", (), Place("")), (), None, str, b""), observation)
            yield f"--- {who}: {outcome.word}{'' if isinstance(outcome, Passed) else f': {printable(outcome.why)}'}"


def _text(output: Output) -> str:
    match output:
        case str():
            return output
        case Structured(value):
            return json.dumps(value, ensure_ascii=False, indent=2)
        case bytes():
            return dumps(content_out(output))
        case int():
            return str(output)


def _compare(suite: Suite, case: Case, wanted: Observation, got: Observation, who: str) -> int:
    """Judge as a run would if the oracle's words were the reference; where they can not be one, compare the replies."""
    references = _references(wanted)
    if not references:
        click.echo(f"{who}: " + ("the same reply" if got == wanted else "not the same reply"))
        return int(got != wanted)
    judged = plan(replace(case, references=references), suite.rules, None, suite.reader.canonical, b"")
    rules = ", ".join(dict.fromkeys(check.rule.label for check in judged.checks))
    try:
        outcome = judge(judged, got)
    except ReferenceFault as problem:
        raise UsageError(f"{rules} can not judge what the oracle says: {problem}") from problem
    how = f"passed ({outcome.achieved})" if isinstance(outcome, Passed) else f"{outcome.word}: {printable(outcome.why)}"
    click.echo(f"{who}: {how}, as {rules} judges")
    return int(not isinstance(outcome, Passed))


def _references(said: Observation) -> tuple[Reference, ...]:
    """Make references of what the oracle said, as `harness record` would; none where it is no text."""
    match said:
        case Outputs(named):
            contents = {name: str(one) if isinstance(one, int) else one for name, one in named.items()}
            return tuple(
                Reference(name, (one,), Place("(oracle)"))
                for name, one in contents.items()
                if not isinstance(one, Structured)
            )
        case ErrorReply() if said.text is not None:
            return (Reference("output", (said.text,), Place("(oracle)")),)
        case _:
            return ()
