"""Where a run is told: the digest on stdout, and the files and formats that were asked for."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeAlias, TypeVar

import click

from harness.cli import hush
from harness.digest.text import BUDGET, render
from harness.errors import InputError, Place, UsageError
from harness.session import load_skiplist

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.digest.told import Told
    from harness.records import StoredResult, StoredRun, Typed
    from harness.reports import github
    from harness.session import Workspace
    from harness.store import Store

Format: TypeAlias = Literal["auto", "text", "rich", "json", "github"]
_P = ParamSpec("_P")
_R = TypeVar("_R")
_COMPARED_LETTERS = 64 * 1024
"""A diff of longer texts takes too long where there may be thousands of them."""


@dataclass(frozen=True, slots=True)
class Output:
    """What was asked for."""

    export: Path | None
    junit: Path | None
    format: Format
    budget: int


_AGENTS = ("NO_COLOR", "AI_AGENT", "CLAUDECODE", "CURSOR_AGENT", "GEMINI_CLI")

budget_option = click.option(
    "--budget", type=click.IntRange(min=0), default=BUDGET, metavar="N", help="At most N tokens; 0 is everything."
)
format_option = click.option(
    "--format", "how", type=click.Choice(["auto", "text", "rich", "json", "github"]), default="auto",
    help="How to print the run.",
)  # fmt: skip


def options(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Give a command the options `--json`, `--junit`, `--budget` and `--format`."""
    path = click.Path(dir_okay=False, path_type=Path)
    for option in (
        format_option,
        budget_option,
        click.option("--junit", type=path, metavar="FILE", help="Write the run as JUnit XML too."),
        click.option("--json", "export", type=path, metavar="FILE", help="Write the run as JSON too."),
    ):
        command = option(command)
    return command


def tell(store: Store, workspace: Workspace, told: Told, output: Output) -> None:
    """Print a run, and write the files that were asked for. Raises UsageError when one can not be written."""
    run, digest = told.run, render(told, output.budget)
    if output.format == "github":
        _github(store, workspace, run, digest)
    else:
        print_digest(told, output.budget, output.format)
    if output.export is not None:
        from harness.reports import export  # noqa: PLC0415 - only when asked for

        with _written("--json", output.export):
            export.write(output.export, run, store.results(run))
    if output.junit is not None:
        from harness.reports import junit  # noqa: PLC0415 - only when asked for

        with _written("--junit", output.junit):
            junit.write(output.junit, run, digest, store.results(run), lambda result: _look(run, result, told.typed))


@contextmanager
def telling_faults(how: Format) -> Iterator[None]:
    """Annotate the lines that are at fault, where GitHub reads along."""
    try:
        yield
    except InputError as problem:
        if how == "github":
            from harness.reports.github import MOST, Annotation  # noqa: PLC0415 - only when asked for

            _annotate([Annotation(fault.says, "ERROR", fault.place) for fault in problem.faults[:MOST]])
        raise


def print_digest(told: Told, budget: int, how: Format) -> None:
    """Print it, in colour for a person. A reader that has read enough does not change the verdict."""
    if how == "json":
        from harness.digest.twin import twin  # noqa: PLC0415 - only when asked for

        text = twin(told)
    else:
        text = render(told, budget)
    if how == "rich" or (how == "auto" and sys.stdout.isatty() and not _is_agent()):
        from harness.reports.terminal import paint  # noqa: PLC0415 - rich takes 40 ms

        paint(text)
        return
    _echo(text)


def _is_agent() -> bool:
    """Whether a program reads the terminal, or a person who wants no colour."""
    return any(os.environ.get(name) for name in _AGENTS) or any(name.startswith("CODEX_") for name in os.environ)


def _echo(text: str) -> None:
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        hush()


@contextmanager
def _written(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise UsageError(f"{option} {path}: can not be written ({problem.strerror}); name another file") from problem


def _look(run: StoredRun, result: StoredResult, typed: Typed) -> tuple[str, str]:
    """Tell a failure in one line, and as `harness show` does."""
    from harness.digest.case import Page  # noqa: PLC0415 - only when asked for
    from harness.digest.case import render as render_page  # noqa: PLC0415
    from harness.digest.exemplar import one_line  # noqa: PLC0415
    from harness.digest.symptom import texts  # noqa: PLC0415

    line = one_line(result)
    if result.detail is None or any(len(text or "") > _COMPARED_LETTERS for text in texts(result)):
        return line, line
    page = Page(result.id, result.detail, result.place, run, result, stale=False, typed=typed)
    return line, render_page(page, full=False)


def _github(store: Store, workspace: Workspace, run: StoredRun, digest: str) -> None:
    from harness.digest.exemplar import one_line  # noqa: PLC0415 - only when asked for
    from harness.reports.github import MOST, Annotation, shielded, summary  # noqa: PLC0415

    _echo(shielded(digest))
    found: list[Annotation] = []
    for one in run.summary["breaches"][:MOST]:
        # A breach about a case that is still there, and no line of the books: its input is where to look.
        result = store.result(run, one["case"]) if one["case"] and not one["place"] else None
        where = one["place"] or (result.place if result is not None else "")
        title = " ".join(filter(None, ["GATE", one["case"]]))
        found.append(Annotation(one["says"], title, Place.of(where) if where else None))
    skips = load_skiplist(workspace, workspace.config.target(run.target))
    for result in store.results(run, "stale"):
        entry = skips.find(result.id)
        says = f"listed ({result.reason}), yet it passes; remove its entry"
        found.append(Annotation(says, f"stale {result.id}", entry.place if entry is not None else None))
    for result in store.results(run, "failed"):
        if len(found) >= MOST:
            break
        references = result.detail["references"] if result.detail is not None else ()
        at = Place.of(references[0]["place"] if references else result.place)
        found.append(Annotation(f"{result.outcome}: {one_line(result)}", result.id, at))
    _annotate(found[:MOST])
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        with _written("GITHUB_STEP_SUMMARY", Path(path)), open(path, "a", encoding="utf-8") as file:
            file.write(summary(digest, " ".join(run.verdicts)))


def _annotate(found: list[github.Annotation]) -> None:
    from harness.reports.github import command  # noqa: PLC0415 - only when asked for

    root = os.environ.get("GITHUB_WORKSPACE") or "."
    _echo("".join(f"{command(one, root)}\n" for one in found))
