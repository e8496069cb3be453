"""Failures → clusters, one for each likely root cause, by what the port did and by what the inputs have in common."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from harness.digest.factor import SAMPLE, Factor, Spectrum, common, features_of, merge, sample, spectrum
from harness.digest.symptom import Symptom, symptom, words
from harness.records import LETTERS_OF_ONE, Given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.model import Json
    from harness.records import StoredResult

Key: TypeAlias = tuple[str, ...]
"""What a cluster, or a unit on the way to one, is made by: its id is the hash of this."""

_FEW, _OFTEN = 3, 1.5
"""So many names may be as many causes; more of them only where each occurs so often."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of a failing case."""

    id: str
    stage: str
    symptom: Symptom
    words: frozenset[str]
    """The words of what the port told."""
    size: int
    """Letters of input, want and got."""
    red: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Failures with one likely root cause. The smallest is the first."""

    id: str
    stage: str
    title: str
    brief: str
    """A title that says a little more, for where nothing else is said."""
    members: tuple[str, ...]
    ways: tuple[str, ...]
    """Of those that fail in different words, one each."""
    factor: Factor | None
    stuck: int
    """For how many whole runs, with edits between them, one of them has been failing."""


def clusters(results: Iterable[StoredResult], passing: Sequence[Given]) -> list[Cluster]:
    """Group failures, biggest cluster first within a stage (stages in the order of their first failure).

    Results are looked at one by one and let go: a reply may be 16 MB, and there may be thousands.
    """
    failures: dict[str, Failure] = {}
    inputs: dict[str, list[Given]] = {}
    for result in results:
        failures[result.id] = _failure(result)
        known = inputs.setdefault(result.stage, [])
        known.append(_given(result))
        if len(known) > 2 * SAMPLE:
            known[:] = sample(known)
    found: dict[str, Cluster] = {}
    for stage, given in inputs.items():
        suites = {case.partition("/")[0] for case, one in failures.items() if one.stage == stage}
        seen = spectrum(given, [one for one in passing if one.id.partition("/")[0] in suites])
        keyed = _keyed({case: one for case, one in failures.items() if one.stage == stage}, seen)
        for key, members in sorted(keyed.items()):
            name = _name((stage, *key), found)
            found[name] = _cluster(name, stage, members, failures, seen)
    order = list(inputs)
    return sorted(found.values(), key=lambda one: (order.index(one.stage), -len(one.members), one.id))


def _failure(result: StoredResult) -> Failure:
    size = _letters(result.detail) + _letters(result.reply)
    return Failure(result.id, result.stage, symptom(result), words(result.why or ""), size, result.red)


def _letters(value: Json) -> int:
    if isinstance(value, dict):
        return sum(map(_letters, value.values()))
    if isinstance(value, list):
        return sum(map(_letters, value))
    return len(value) if isinstance(value, str) else 1


def _given(result: StoredResult) -> Given:
    detail = result.detail or {}
    text = detail.get("input", "")
    known = text[:LETTERS_OF_ONE] if isinstance(text, str) else ""
    return Given(result.id, known, detail.get("params", {}), detail.get("settings", {}))


def _keyed(failures: Mapping[str, Failure], seen: Spectrum) -> dict[Key, list[str]]:
    """Merge units that a token explains; what is left goes by its symptom."""
    units, names = _units(failures, seen)
    keyed: dict[Key, list[str]] = defaultdict(list)
    left = dict(units)
    for token, explained in merge(units, names, seen):
        # One symptom alone is its own best name: it stands, also when the token is no longer the most telling one.
        key = explained[0] if len(explained) == 1 else ("factor", token)
        keyed[key] += [case for unit in explained for case in left.pop(unit)]
    for unit, cases in left.items():
        keyed[unit] += cases
    return keyed


def _units(
    failures: Mapping[str, Failure], seen: Spectrum
) -> tuple[dict[Key, frozenset[str]], dict[Key, frozenset[str]]]:
    """Put together what surely belongs together: the cases of each unit, and the features that its errors name."""
    sorts: dict[Key, list[Failure]] = defaultdict(list)
    for one in failures.values():
        sorts[one.symptom.outcome, one.symptom.sort, one.symptom.function].append(one)
    units: dict[Key, set[str]] = defaultdict(set)
    names: dict[Key, frozenset[str]] = {}
    features = features_of(seen)
    for key, members in sorts.items():
        if members[0].symptom.vague:
            for one in members:
                units[*key, one.symptom.exact].add(one.id)
            continue
        shared = frozenset[str].intersection(*(one.words for one in members)) if members[1:] else frozenset()
        named = {one.id: (one.words - shared) & features for one in members}
        times = Counter(named.values())
        # Names that differ from case to case, many of them, are not what it is about.
        telling = len(times) <= _FEW or len(members) >= _OFTEN * len(times)
        for one in members:
            own = named[one.id] if telling else frozenset[str]()
            unit = (*key, *sorted(own)) if members[1:] else key
            units[unit].add(one.id)
            names[unit] = own
    return {key: frozenset(cases) for key, cases in sorted(units.items())}, names


def _cluster(name: str, stage: str, cases: Iterable[str], failures: Mapping[str, Failure], seen: Spectrum) -> Cluster:
    members = sorted((failures[case] for case in cases), key=lambda one: (one.size, one.id))
    titles = Counter(one.symptom.title for one in members)
    title, brief = members[0].symptom.title, members[0].symptom.brief
    if len(titles) > 1:
        ranked = sorted(titles.items(), key=lambda item: (-item[1], item[0]))
        said = [f"{words} x{count}" for words, count in ranked[:2]]
        title = brief = f"mixed: {', '.join(said)}" + (f", {len(ranked) - 2} more" if ranked[2:] else "")
    ids = tuple(one.id for one in members)
    ways = tuple({one.symptom.exact: one.id for one in reversed(members)}.values())[::-1]
    return Cluster(name, stage, title, brief, ids, ways, common(ids, seen), max(one.red for one in members))


def _name(key: tuple[str, ...], taken: Mapping[str, Cluster]) -> str:
    """Hash what the cluster is made by: four digits, more where they are taken."""
    digits = blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return next(digits[:length] for length in range(4, 33) if digits[:length] not in taken)
