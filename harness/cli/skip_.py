"""`harness skip`."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import accepted, skipimport, skiplist
from harness.blame import age, since
from harness.digest.diff import printable, shorten
from harness.errors import UsageError
from harness.patterns import compile_glob, is_glob
from harness.reading import Reading, Selection
from harness.session import load_skiplist, open_workspace
from harness.skipedit import Change, Listed, edit, put, read
from harness.store import Store
from harness.toml import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from harness.config import TargetConfig
    from harness.model import Excuse, Json
    from harness.reading import Entry
    from harness.records import StoredResult, StoredRun
    from harness.session import Workspace

_SHOWN = 12
_REASON = 120
_target = click.option(
    "--target", "target_name", metavar="NAME", help="The target that it concerns; the default one if left out."
)


@click.group()
def command() -> None:
    """Edit skiplist.toml: the cases known to fail, each with a reason."""


@command.command()
@click.argument("words", nargs=-1, required=True, metavar="ID|GLOB...")
@click.option("--reason", required=True, help="Why, for people.")
@click.option("--status", type=click.Choice(skiplist.STATUSES), default="todo", help="`todo` if left out.")
@_target
@click.option("--no-run", is_flag=True, help="Do not even try the case.")
@click.pass_obj
def add(
    folder: Path, words: tuple[str, ...], reason: str, status: skiplist.Status, target_name: str | None, *, no_run: bool
) -> int:
    """List cases. What stands of them in the list is replaced."""
    workspace, target = _open(folder, target_name)
    if not reason.strip():
        raise UsageError("--reason is empty; say why")
    ids = case_ids(workspace, target)
    own = {"reason": reason, **({"run": False} if no_run else {}), **whose(workspace, target)}
    meant = resolve(words, ids)
    more: dict[str, Mapping[str, Json]] = {}
    if status == "accepted":
        if no_run or not ids.keys() >= set(meant):
            raise UsageError("accepted means one known reply of one case; name cases, and leave --no-run out")
        more = _record(workspace, target, meant)
    write(workspace, target, [Listed(status, one not in ids, one, {**own, **more.get(one, {})}) for one in meant])
    return 0


def _record(workspace: Workspace, target: TargetConfig, ids: list[str]) -> dict[str, Mapping[str, Json]]:
    """Write what the target said to these cases when they last ran into files; map each id -> what its entry needs."""
    reading = Reading(workspace, target, skiplist.EMPTY, Selection(tuple(ids)))
    kept: dict[str, tuple[str, bytes, str]] = {}
    wrong: list[str] = []
    with closing(Store(workspace.folder)) as store:
        for entry in reading.entries():
            case = entry.job.case
            if case.id not in ids:  # its name is another's id, or another's id is a glob for it
                continue
            run = store.last_run(target.name, case.id)
            result = store.result(run, case.id) if run is not None else None
            why = _not_acceptable(result, entry)
            if result is None or result.reply is None or why:
                wrong.append(f"{case.id}: {why}")
                continue
            suffix, data = accepted.dump(case.name, result.reply)
            path = accepted.place(case.suite, case.name, whose(workspace, target).get("target", "")) + suffix
            kept[case.id] = path, data, entry.plan.content[1]
    if wrong:
        raise UsageError("\n".join(wrong))
    for path, data, _ in kept.values():
        put(workspace.folder / path, data)
    return {case: {"reference": path, "of": of} for case, (path, _, of) in kept.items()}


def _not_acceptable(result: StoredResult | None, entry: Entry) -> str:
    """Say why what came out can not be recorded, or nothing."""
    if result is None:
        return "has not run yet; harness check runs it"
    if result.outcome == "passed":
        return "passed when it last ran; there is nothing to accept"
    if not {"output", "outputs", "value", "error"} & (result.reply or {}).keys():
        return f"{result.outcome} when it last ran ({result.why}); only an output or an error can be accepted"
    if result.content != " ".join(entry.plan.content):
        return "has changed since it last ran; harness check runs it again"
    return ""


@command.command()
@click.argument("words", nargs=-1, required=True, metavar="ID|GLOB...")
@_target
@click.pass_obj
def remove(folder: Path, words: tuple[str, ...], target_name: str | None) -> int:
    """Take entries out of the list: by their key, or all cases that a glob fits."""
    workspace, target = _open(folder, target_name)

    def decide(entries: tuple[Listed, ...]) -> Change:
        mine = [one for one in entries if concerns(workspace, target, one)]
        return Change({id(one): one for word in words for one in _meant(word, mine)}.values())

    _edit(workspace, decide)
    return 0


@command.command()
@_target
@click.pass_obj
def prune(folder: Path, target_name: str | None) -> int:
    """Take out what is not needed any more: all that passed when it last ran, in the last whole run or after it."""
    workspace, target = _open(folder, target_name)
    with closing(Store(workspace.folder)) as store:
        last_whole(store, target)
        standings = store.standings(target.name)

    def decide(entries: tuple[Listed, ...]) -> Change:
        return needless([one for one in entries if concerns(workspace, target, one)], standings)

    _edit(workspace, decide)
    return 0


def needless(entries: Collection[Listed], standings: Mapping[str, str]) -> Change:
    """Find what is not needed any more; what is flaky stays.

    A glob goes when a case that it excuses passes; what still fails of its cases gets an entry of its own.
    """
    exact = {one.id for one in entries if not one.glob}
    globs = [(compile_glob(one.key), one) for one in entries if one.glob]
    passes = {case for case, standing in standings.items() if standing in {"passed", "stale"}}
    gone = [one for one in entries if not one.glob and one.status != "flaky" and one.id in passes]
    excused: dict[int, list[str]] = {}
    for case in standings.keys() - exact if globs else ():
        first = next((number for number, (pattern, _) in enumerate(globs) if pattern.fullmatch(case)), None)
        if first is not None:
            excused.setdefault(first, []).append(case)
    new: list[Listed] = []
    for number, cases in sorted(excused.items()):
        one = globs[number][1]
        if one.status != "flaky" and not passes.isdisjoint(cases):
            gone.append(one)
            new += [Listed(one.status, False, case, one.fields) for case in sorted(cases) if case not in passes]  # noqa: FBT003 - a field
    return Change(gone, new)


@command.command()
@_target
@click.pass_obj
def init(folder: Path, target_name: str | None) -> int:
    """Make a first list: what failed in the last whole run becomes todo, and how it failed its reason.

    Entries that are there stay as they are.
    """
    workspace, target = _open(folder, target_name)
    ids = case_ids(workspace, target)
    with closing(Store(workspace.folder)) as store:
        run = last_whole(store, target)
        failed = {one.id: one for one in store.results(run, "failed") if one.id in ids}
    reasons = {case: shorten(printable(one.why or one.outcome), _REASON) for case, one in failed.items()}
    _add_only(workspace, target, "todo", reasons)
    return 0


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--status", type=click.Choice(("todo", "unsupported", "flaky")), default="todo", help="`todo` if left out."
)
@_target
@click.option("--matched-only", is_flag=True, help="Take over the names that are cases, though others are not.")
@click.pass_obj
def import_(folder: Path, file: Path, status: skiplist.Status, target_name: str | None, *, matched_only: bool) -> int:
    """Take over what a port already skips: a text file of names, a Go or JS file, or a script with toml-test's -skip.

    Nothing is written when a name is no case (exit code 2), unless --matched-only. Entries that are there stay as they
    are.
    """
    workspace, target = _open(folder, target_name)
    ids = case_ids(workspace, target)
    index = skipimport.index(ids)
    reasons: dict[str, str] = {}
    wrong: list[str] = []
    groups = skipimport.read(str(file), _text(file))
    found = [[(one, skipimport.meant(one.name, index)) for one in group] for group in groups]
    known = [group for group in found if any(cases for _, cases in group)]
    for one, cases in chain.from_iterable(known or found):
        if cases and (len(cases) == 1 or is_glob(one.name)):
            reasons |= {case: reasons.get(case) or one.reason or f"imported from {file.name}" for case in cases}
        else:
            says = f"{one.name!r} is {len(cases)} cases: {', '.join(cases[:5])}" if cases else f"no case {one.name!r}"
            wrong.append(f"{file}:{one.line}: {says}{'' if cases else nearest(one.name, ids)}")
    if wrong and not (matched_only and reasons):
        many = f"{len(reasons)} case{'' if len(reasons) == 1 else 's'}"
        more = [f"the rest means {many}; correct the file, or take that with --matched-only"] if reasons else []
        raise UsageError("\n".join([*wrong, *more]))
    for line in wrong:
        click.echo(f"left out {line}")
    if not reasons:
        raise UsageError(f"{file}: has no names")
    _add_only(workspace, target, status, reasons)
    return 0


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"{file}: can not be read as UTF-8 ({problem}); name another file") from problem


def _add_only(workspace: Workspace, target: TargetConfig, status: skiplist.Status, reasons: Mapping[str, str]) -> None:
    """Write entries for the cases that have none."""

    def decide(entries: tuple[Listed, ...]) -> Change:
        there = {one.id for one in entries if concerns(workspace, target, one) and not one.glob}
        own = whose(workspace, target)
        new = [(case, why) for case, why in reasons.items() if case not in there]
        return Change(new=[Listed(status, False, case, {"reason": why, **own}) for case, why in new])  # noqa: FBT003 - a field

    _edit(workspace, decide)


def last_whole(store: Store, target: TargetConfig) -> StoredRun:
    """Find what to go by. Raises UsageError when there is none."""
    run = store.last_whole(target.name)
    if run is None:
        raise UsageError(f"there is no whole run of {target.name!r}; harness check makes one")
    return run


@command.command("list")
@click.option("--status", type=click.Choice(skiplist.STATUSES), help="Only these.")
@click.option("--suite", "suite_name", metavar="NAME", help="Only this suite.")
@_target
@click.pass_obj
def list_(folder: Path, status: str | None, suite_name: str | None, target_name: str | None) -> int:
    """List the entries by status and suite, the oldest first, each with its age as git knows it."""
    workspace, target = _open(folder, target_name)
    if suite_name is not None:
        workspace.suite(suite_name)
    times = since(workspace.folder / skiplist.NAME)
    found = [
        one
        for one in load_skiplist(workspace, target).entries()
        if status in {None, one.status} and suite_name in {None, suite_of(one.key)}
    ]
    now = time.time()

    def order(one: Excuse) -> tuple[int, str, float]:
        return skiplist.STATUSES.index(one.status), suite_of(one.key), times.get(one.place.line or 0) or now

    for one in sorted(found, key=order):
        click.echo(f"{one.status:11} {age(one.place.line, times, now):>6}  {one.key}  {printable(one.reason)}")
    for counts in (Counter(one.status for one in found), Counter(suite_of(one.key) for one in found)):
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items()) or "no entries")
        if not found:
            break
    return 0


def suite_of(key: str) -> str:
    """Return the suite of an id, or of the ids that a glob fits."""
    return key.partition("/")[0]


# --- what the commands share ---------------------------------------------------------------------------------------


def _open(folder: Path, target_name: str | None) -> tuple[Workspace, TargetConfig]:
    workspace = open_workspace(folder)
    target = workspace.config.target(target_name)
    if target.oracle:
        raise UsageError(f"{target.name!r} is the oracle, and nothing excuses the oracle; name another --target")
    return workspace, target


def whose(workspace: Workspace, target: TargetConfig) -> dict[str, str]:
    """Return what an entry says of its target."""
    return {} if target.name == workspace.config.target(None).name else {"target": target.name}


def concerns(workspace: Workspace, target: TargetConfig, one: Listed) -> bool:
    """Whether an entry is about a target."""
    return (one.target or workspace.config.target(None).name) == target.name


def case_ids(workspace: Workspace, target: TargetConfig) -> dict[str, str]:
    """Map the id of every case -> its name, whatever the skip list says. Raises InputError."""
    reading = Reading(workspace, target, skiplist.EMPTY, Selection())
    return {entry.job.case.id: entry.job.case.name for entry in reading.entries()}


def resolve(words: Iterable[str], ids: Mapping[str, str]) -> list[str]:
    """Find the ids and globs that were meant. Raises UsageError for all that mean nothing, or several cases."""
    by_name: dict[str, list[str]] = {}
    for case, name in ids.items():
        by_name.setdefault(name, []).append(case)
    found: dict[str, None] = {}
    wrong: list[str] = []
    for word in words:
        meant = [word] if word in ids else by_name.get(word, [])
        if not meant and is_glob(word) and any(map(compile_glob(word).fullmatch, ids)):
            meant = [word]
        if len(meant) == 1:
            found[meant[0]] = None
        else:
            several = f"{word!r} is {len(meant)} cases: {', '.join(meant[:5])}; name one"
            wrong.append(several if meant else f"no case {word!r}{' fits' if is_glob(word) else nearest(word, ids)}")
    if wrong:
        raise UsageError("\n".join(wrong))
    return list(found)


def write(workspace: Workspace, target: TargetConfig, new: Collection[Listed]) -> None:
    """Write entries in the place of those that these cases have, and say what was done."""

    def decide(entries: tuple[Listed, ...]) -> Change:
        keys = {(one.id, one.glob) for one in new}
        old = [one for one in entries if (one.id, one.glob) in keys and concerns(workspace, target, one)]
        return Change([one for one in old if one not in new], [one for one in new if one not in old])

    _edit(workspace, decide)


def _edit(workspace: Workspace, decide: Callable[[tuple[Listed, ...]], Change]) -> None:
    change = edit(workspace.folder / skiplist.NAME, decide)
    tidy(workspace, change)
    _say(change)


def tidy(workspace: Workspace, change: Change) -> None:
    """Let the recorded files of accepted cases go that no entry names any more."""
    needed = {one.fields.get("reference") for one in read(workspace.folder / skiplist.NAME)} if change.gone else set()
    for one in change.gone:
        suite, _, name = one.key.partition("/")
        own = accepted.place(suite, name, one.target or "")  # no other file is ours to remove
        for file in {own, own + accepted.SUFFIX} & {one.fields.get("reference")} - needed:
            (workspace.folder / file).unlink(missing_ok=True)


def _meant(word: str, entries: Collection[Listed]) -> list[Listed]:
    named = [one for one in entries if word in {one.key, one.id}]
    named = named or [one for one in entries if not one.glob and one.id.partition("/")[2] == word]
    if not named and is_glob(word):
        named = [one for one in entries if not one.glob and compile_glob(word).fullmatch(one.id)]
    elif len({one.id for one in named}) > 1:
        raise UsageError(f"{word!r} is {len(named)} entries: {', '.join(one.key for one in named[:5])}; name one")
    if not named:
        raise UsageError(f"{skiplist.NAME} has no entry {word!r}{nearest(word, [one.key for one in entries])}")
    return named


def _say(change: Change) -> None:
    before = {(one.id, one.glob, one.target): one for one in change.gone}
    lines = []
    for one in change.new:
        old = before.pop((one.id, one.glob, one.target), None)
        lines.append(f"{'added' if old is None else 'changed'}  {one.status:11} {one.key}" + _was(old))
    lines += [f"removed  {one.status:11} {one.key}" for one in before.values()]
    for line in lines[:_SHOWN]:
        click.echo(line)
    counts = Counter(line.partition(" ")[0] for line in lines)
    if len(lines) > _SHOWN:
        click.echo(f"+{len(lines) - _SHOWN} more: {', '.join(f'{count} {how}' for how, count in counts.items())}")
    if not lines:
        click.echo("nothing to change")


def _was(old: Listed | None) -> str:
    return "" if old is None else f"  (was {old.status}: {old.fields['reason']})"
