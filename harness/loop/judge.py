"""Is this work better? Judged in a clean checkout of the main line, of which only the port is the agent's."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import config as configs
from harness import skipedit, skiplist
from harness.errors import HarnessError
from harness.loop import line as lines
from harness.loop.keeper import keep
from harness.loop.state import is_open
from harness.model import Strength
from harness.records import StoredResult

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from harness.loop.line import Line
    from harness.model import Json

GOOD = ("passed", "stale")
_SUSPECTS = 8
"""A change that breaks more than this breaks it for good: nothing is run again."""
_NAMED = 5
_ERROR = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole run, as `harness check --json` wrote it."""

    verdicts: tuple[str, ...]
    summary: Mapping[str, Json]
    results: Mapping[str, StoredResult]

    @property
    def passing(self) -> set[str]:
        """The ids of what passes."""
        return {name for name, result in self.results.items() if result.standing in GOOD}

    def counts(self) -> dict[str, Json]:
        """Count what a report tells, and what the loop stops by."""
        results = [one for one in self.results.values() if one.standing not in ("out_of_scope", "not_attempted")]
        good = [one for one in results if one.standing in GOOD]
        cases, passed = Counter(one.stage for one in results), Counter(one.stage for one in good)
        achieved = Counter(one.achieved for one in good)
        return {
            "passed": len(good),
            "cases": len(results),
            "stages": [[stage, passed[stage], cases[stage]] for stage, _, _ in self.summary["stages"]],
            "achieved": {strength.value: achieved[strength] for strength in Strength if achieved[strength]},
            "held_out": self.summary["gap"],
            "open": dict(Counter(one.stage for one in results if is_open(one))),
        }


def load(path: Path) -> Checked:
    """Read what a check has exported."""
    found = json.loads(path.read_bytes())
    results = {row["id"]: StoredResult(run=found["run"]["id"], **row) for row in found["results"]}
    return Checked(tuple(found["run"]["verdicts"]), found["run"]["summary"], results)


def check(folder: Path, target: str, scratch: Path, to: Path, cases: Sequence[str] = ()) -> Checked:
    """Run `harness check` in a process of its own; paths in what it exports are relative to the checkout.

    Raises HarnessError with its words where it can not be done.
    """
    argv = [sys.executable, "-P", "-m", "harness", "-C", str(folder), "check", "--target", target, "--json", str(to)]
    if not cases and configs.load(folder / configs.NAME).holdout is not None:
        argv.append("--holdout")
    environment = {**os.environ, "TMPDIR": str(scratch)}
    with tempfile.TemporaryFile() as said:
        keeper = keep([*argv, "--", *cases], scratch, environment, given=Path(os.devnull), stderr=said, scratch=scratch)
        try:
            assert keeper.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            keeper.stdout.read()  # to its end; its digest is not needed
            keeper.wait()
        finally:
            _let_go(keeper)
        if keeper.returncode == _ERROR or not to.exists():
            said.seek(0)
            words = said.read().decode("utf-8", "replace").replace(f"{folder}{os.sep}", "")
            raise HarnessError(words.removeprefix("ERROR").strip() or f"harness check ended with {keeper.returncode}")
    to.write_bytes(to.read_bytes().replace(json.dumps(f"{folder}{os.sep}")[1:-1].encode(), b""))
    return load(to)


def _let_go(keeper: subprocess.Popen[bytes]) -> None:
    """End a keeper, if we are interrupted while it works."""
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    keeper.wait()


# --- better or worse -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compared:
    """A run beside the one before it: ids of cases, and sentences."""

    gained: tuple[str, ...]
    broke: tuple[str, ...]
    weaker: tuple[str, ...]
    faults: tuple[str, ...]


def compare(before: Checked, after: Checked) -> Compared:
    """Compare two runs of the main line, without and with an attempt's work. Pure."""
    were, are = before.passing, after.passing
    faults = [after.summary["target_down"], after.summary["cut_short"], *after.summary["checks_failed"]]
    gone = sorted(before.results.keys() - after.results.keys())
    faults += [f"{_names(gone)}: no longer there"] if gone else []
    was, now = before.summary["gap"], after.summary["gap"]
    if was is not None and now is not None and now["held_out"][0] < was["held_out"][0]:
        faults.append(f"{was['held_out'][0] - now['held_out'][0]} fewer held-out cases pass")
    known = [(breach["case"], breach["says"]) for breach in before.summary["breaches"]]
    faults += [
        ": ".join(filter(None, (breach["case"], breach["says"])))
        for breach in after.summary["breaches"]
        if (breach["case"], breach["says"]) not in known
    ]
    weaker = [name for name in sorted(were & are) if _rank(after.results[name]) < _rank(before.results[name])]
    broke = () if after.summary["target_down"] else tuple(sorted(were - are))
    return Compared(tuple(sorted(are - were)), broke, tuple(weaker), tuple(filter(None, faults)))


def _rank(result: StoredResult) -> tuple[int, int]:
    """Say how much a pass is worth: what its plan would have accepted, and what it was."""
    return (Strength(result.allowed or "any-error").rank, Strength(result.achieved or "any-error").rank)


def verdict(compared: Compared) -> str:
    """Say why work is discarded; empty when it is kept. Pure."""
    if compared.faults:
        return compared.faults[0]
    if compared.broke:
        gain = f"it gained {_names(compared.gained)}, and " if compared.gained else "it "
        return f"{gain}broke {_names(compared.broke)}"
    if compared.weaker:
        return f"weaker than before: {_names(compared.weaker)}"
    return "" if compared.gained else "no more cases pass"


def _names(cases: Sequence[str]) -> str:
    return ", ".join(cases[:_NAMED]) + (f" and {len(cases) - _NAMED} more" if len(cases) > _NAMED else "")


# --- one attempt's work --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Better:
    """Kept: a commit on top of the main line, which no branch holds yet."""

    commit: str
    tree: str
    checked: Checked
    gained: tuple[str, ...]
    flaky: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Worse:
    """Discarded, and why; `cheats` when it is not the port that made the difference."""

    why: str
    gained: tuple[str, ...] = ()
    broke: tuple[str, ...] = ()
    cheats: bool = False


def judge(
    line: Line, head: str, patch: Path, before: Checked, target: str, attempt: int, scratch: Path, run: Path
) -> Better | Worse:
    """Judge a patch on top of the main line; its run goes to the file `run`. Raises HarnessError."""
    folder = scratch / "judge"
    lines.checkout(line, head, folder)
    if problem := lines.apply(folder, patch):
        return Worse(f"does not apply on top of what landed meanwhile: {problem}")
    workspace = folder / line.inside
    try:
        after = check(workspace, target, scratch, run)
    except HarnessError as problem:
        return Worse(f"the check could not be done: {problem}")
    compared = compare(before, after)
    again = _again(workspace, target, scratch, compared.broke)
    if again:
        after = replace(after, results={**after.results, **again})
        compared = compare(before, after)
        _rewrite(run, again)
    if why := verdict(compared):
        return Worse(why, compared.gained, compared.broke)
    if read := _readers(workspace, target, scratch, [before.results[name] for name in compared.gained], after):
        return Worse(f"reads its references while it runs: {_names(read)}", compared.gained, cheats=True)
    standings = {name: result.standing for name, result in after.results.items()}
    stale = "stale" in standings.values()
    paths = [line.inside + skiplist.NAME] if stale and prune(workspace / skiplist.NAME, target, standings) else []
    made, tree = lines.commit(folder, paths, message(before, after, compared.gained, attempt))
    lines.bring(line, folder)
    return Better(made, tree, after, compared.gained, tuple(sorted(again)))


def _again(workspace: Path, target: str, scratch: Path, suspects: Sequence[str]) -> dict[str, StoredResult]:
    """Run each suspected regression twice more, alone; returns the results of those that passed both times."""
    passed: dict[str, StoredResult] = {}
    for name in suspects if len(suspects) <= _SUSPECTS else ():
        found = [check(workspace, target, scratch, scratch / "again.json", [name]).results[name] for _ in range(2)]
        if all(result.standing in GOOD for result in found):
            passed[name] = found[0]
    return passed


def _rewrite(run: Path, again: Mapping[str, StoredResult]) -> None:
    """Put results of a second look into an exported run."""
    found = json.loads(run.read_bytes())
    for number, row in enumerate(found["results"]):
        if row["id"] in again:
            found["results"][number] = {**asdict(again[row["id"]]), "number": row["number"]}
            del found["results"][number]["run"]
    run.write_text(json.dumps(found), encoding="utf-8")


def _readers(workspace: Path, target: str, scratch: Path, gained: Sequence[StoredResult], after: Checked) -> list[str]:
    """Find the gains that go along with a reference that is wrong: nothing but reading it could do that.

    Their references are spoiled in the checkout, and they are run once more. Only exact passes are tried: a looser
    matcher may forgive what we spoil.
    """
    exact = [one for one in gained if after.results[one.id].achieved == Strength.EXACT and one.detail]
    spoiled = [workspace / place.rpartition(":")[0] for one in exact for place in _places(one)]
    inside = [path for path in spoiled if path.is_relative_to(workspace) and path.is_file()]
    if not inside:
        return []
    kept = {path: path.read_bytes() for path in inside}
    for path, content in kept.items():
        path.write_bytes(content + b"\nnothing says this\n")
    again = check(workspace, target, scratch, scratch / "spoiled.json", [one.id for one in exact])
    for path, content in kept.items():
        path.write_bytes(content)
    return sorted(again.passing)


def _places(result: StoredResult) -> list[str]:
    detail: Mapping[str, Json] = result.detail or {"references": ()}
    return [one["place"] for one in detail["references"]]


def message(before: Checked, after: Checked, gained: Sequence[str], attempt: int) -> str:
    """Write the message of a kept commit: the numbers, the cases, and where to read more. No word is the agent's."""
    old, new = before.counts(), after.counts()
    stages = ", ".join(f"{stage} {passed}/{cases}" for stage, passed, cases in new["stages"])
    head = f"Port: {new['passed']} of {new['cases']} cases pass (+{new['passed'] - old['passed']})"
    names = "\n".join(f"  {name}" for name in gained)
    return f"{head}\n\n{stages}\n\nTurned:\n{names}\n\nHarness-Attempt: {attempt}\n"


def prune(path: Path, target: str, standings: Mapping[str, str]) -> bool:
    """Take out the entries of a target that its passes have made needless; returns whether there were any."""
    default = configs.load(path.with_name(configs.NAME)).target(None).name

    def decide(entries: tuple[skipedit.Listed, ...]) -> skipedit.Change:
        return skipedit.needless([one for one in entries if (one.target or default) == target], standings)

    return bool(skipedit.edit(path, decide).gone)
