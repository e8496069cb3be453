"""`harness runs merge`: shards of one check, as `--json` has written them, make a whole run.

Of a shard only what its workers said is taken. It is read, judged and counted here as any run is, by the plans of this
workspace: a shard whose plans are other ones was made of other inputs, references, rules or options, and is refused.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator

from harness import wire
from harness.errors import Fault, InputError, Place
from harness.model import Breach, Died, Garbage, Hung, Observed, Outputs, Oversize, Passed
from harness.reading import shard_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.model import Json, Observation, Outcome
    from harness.reading import Entry

_SELECTION = re.compile(r"--shard (\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Shard:
    """One file: `run` and, by id, `results` as `schemas/export.json` describes them."""

    path: str
    number: int
    run: Mapping[str, Json]
    results: Mapping[str, Mapping[str, Json]]

    @property
    def cut_short(self) -> str:
        """Why it is not complete; empty where it is."""
        summary = self.run["summary"]
        return str(summary["cut_short"] or summary["target_down"])


@dataclass(frozen=True, slots=True)
class Shards:
    """All that were given, by number; of how many they are."""

    of: int
    given: Mapping[int, Shard]

    def cut_short(self) -> str:
        """Why they do not make a complete run; empty where they do."""
        missing = [f"{number}/{self.of}" for number in range(1, self.of + 1) if number not in self.given]
        return f"shard {', '.join(missing)} is missing" if missing else self._why("cut_short")

    def target_down(self) -> str:
        """Why one of them had nothing to run against; empty where all had."""
        return self._why("target_down")

    def _why(self, name: str) -> str:
        given = sorted(self.given.items())
        return next((f"shard {n}/{self.of}: {why}" for n, one in given if (why := one.run["summary"][name])), "")

    def heard(self, entry: Entry) -> Observed | str:
        """Return what a case's shard saw of it, or why there is nothing. Raises InputError for a foreign shard."""
        number = shard_of(entry.job.case, self.of)
        shard = self.given.get(number)
        if shard is None:
            return f"shard {number}/{self.of} is missing"
        row = shard.results.get(entry.job.case.id)
        if row is None and shard.cut_short:
            return shard.cut_short
        if row is None or row["plan"] != entry.plan.hash:
            how = "has no result for" if row is None else "judged by another plan than this workspace has"
            says = f"{how} {entry.job.case.id}; merge where the same revision is checked out as the shards ran on"
            raise InputError([Fault(Place(shard.path), says)])
        if row["seconds"] is None:
            return str(row["why"])
        try:
            seen = _observation(row, entry)
        except (wire.WireFault, TypeError, ValueError) as problem:
            says = f"its reply to {entry.job.case.id} is none; run the shard again"
            raise InputError([Fault(Place(shard.path), says)]) from problem
        return Observed(seen, row["seconds"], row["stderr"], row["alone"])

    def told(self, entry: Entry, outcome: Outcome) -> Outcome:
        """Keep what a shard says of a case beyond its last reply: that it is flaky."""
        row = self.given[shard_of(entry.job.case, self.of)].results[entry.job.case.id]
        if isinstance(outcome, Passed) or row["outcome"] != outcome.word:
            return outcome
        return replace(outcome, why=row["why"])

    def see_known(self, ids: Collection[str], rev: str | None) -> None:
        """See that they were run on the same revision, and have no case that is not here. Raises InputError."""
        for shard in self.given.values():
            if rev is not None and not shard.run["source"].endswith(f" {rev}"):
                says = f"was run on {shard.run['source']}, and [source] rev is {rev} here; run the shard again"
                raise InputError([Fault(Place(shard.path), says)])
        strange = [(shard, case) for shard in self.given.values() for case in shard.results if case not in ids]
        for shard, case in strange[:1]:
            says = f"has {case}, and this workspace does not; merge where the same revision is checked out"
            raise InputError([Fault(Place(shard.path), says)])

    def each(self, name: str) -> Iterator[Json]:
        """Yield one column of the shards' runs, in the order of shards."""
        yield from (self.given[number].run[name] for number in sorted(self.given))

    def first(self, name: str) -> Json:
        """Take a column that is the same in all, or that any can stand for."""
        return next(self.each(name))

    def summed(self, name: str) -> list[Json]:
        """Join a list of the shards' summaries; what several say counts once."""
        joined = [one for summary in self.each("summary") for one in summary[name]]
        return [one for number, one in enumerate(joined) if one not in joined[:number]]

    def breaches(self) -> tuple[Breach, ...]:
        """Return what the gates of the shards found."""
        return tuple(
            Breach(one["says"], one["case"], Place.of(one["place"]) if one["place"] else None)
            for one in self.summed("breaches")
        )

    def options(self) -> tuple[str, ...]:
        """Return how all of them were run."""
        each = [summary["options"] for summary in self.each("summary")]
        return tuple(option for option in each[0] if all(option in one for one in each))


def load(paths: Sequence[Path]) -> Shards:
    """Read shards and see that they belong together. Raises InputError with all that do not."""
    rules: Json = json.loads(files("harness").joinpath("schemas", "export.json").read_bytes())
    faults: list[Fault] = []
    shards = [shard for path in paths if (shard := _read(path, rules, faults)) is not None]
    given: dict[int, Shard] = {}
    of = 0
    for shard in shards:
        first = next(iter(given.values()), shard)
        count = int(shard.run["selection"].rpartition("/")[2])
        of = of or count
        if count != of or not 1 <= shard.number <= of:
            says = f"is shard {shard.number} of {count}, and {first.path} one of {of}; merge shards of one check"
        elif shard.number in given:
            says = f"is shard {shard.number}/{of} once more, as {given[shard.number].path} is; name each shard once"
        elif (other := _differs(shard, first)) is not None:
            says = f"was run with another {other} than {first.path}; merge shards of one check"
        else:
            given[shard.number] = shard
            continue
        faults.append(Fault(Place(shard.path), says))
    if faults:
        raise InputError(faults)
    return Shards(of, given)


def _read(path: Path, rules: Json, faults: list[Fault]) -> Shard | None:
    place = Place(str(path))
    try:
        found = json.loads(path.read_bytes())
    except OSError as problem:
        faults.append(Fault(place, f"can not be read ({problem.strerror}); harness check --shard I/N --json FILE"))
        return None
    except ValueError:
        found = None
    if (error := next(Draft202012Validator(rules).iter_errors(found), None)) is not None:
        at = "".join(f"/{part}" for part in error.absolute_path)
        faults.append(Fault(place, f"is no run as --json writes it{f' (at {at})' if at else ''}; write it again"))
        return None
    selection = _SELECTION.fullmatch(found["run"]["selection"])
    if selection is None:
        what = found["run"]["selection"] or "a whole run"
        faults.append(Fault(place, f"is no shard of a whole run but {what}; harness check --shard I/N --json FILE"))
        return None
    return Shard(os.fspath(path), int(selection[1]), found["run"], {one["id"]: one for one in found["results"]})


def _differs(shard: Shard, first: Shard) -> str | None:
    """Say in what two shards are not of one check."""
    one, other = shard.run, first.run
    if one["target"] != other["target"]:
        return "target"
    if shard.cut_short or first.cut_short:
        return None  # a build that failed leaves another program, or none: such a run is no green one anyway
    if one["program"]["command"] != other["program"]["command"] or _hashes(one) != _hashes(other):
        return "program"
    return None


def _hashes(run: Mapping[str, Json]) -> list[str]:
    """Return what the program is made of, wherever it lies on its machine."""
    return sorted(run["program"]["files"].values())


def _observation(row: Mapping[str, Json], entry: Entry) -> Observation:
    """Read what was seen, as `harness.store.saying` has written it; None is an output that equals its reference."""
    if row["reply"] is None:
        return Outputs({check.reference.name: check.reference.contents[0] for check in entry.plan.checks})
    ((kind, said),) = row["reply"].items()
    match kind:
        case "died":
            return Died(**said)
        case "hung":
            return Hung(**said)
        case "garbage":
            return Garbage(**said)
        case "oversize":
            return Oversize(**said)
        case _:
            return wire.said(kind, said)
