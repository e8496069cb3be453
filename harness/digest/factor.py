"""What failing inputs have that passing ones have not: fault localisation by spectrum, over the tokens of what went in.

It knows no format: words, marks, a word with the word or mark before it, names of params, settings, a name's ending.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.records import Given

CHANCE = 0.05
"""So likely at most it may be that chance picks the failing ones so, all tokens that could be named considered."""
PRECISE = 0.6
"""So many, at least, of the inputs with the token must fail."""

TELLING = 0.8
"""So many, at least, of a cluster's inputs must have a token that is said to be its common factor."""
SAMPLE = 1000
"""So many failing inputs are looked at."""
_LETTERS = 1_000_000
"""So many letters of all failing ones are, and as many of the passing ones."""

Key: TypeAlias = tuple[str, ...]

_BRACKETS = frozenset("()[]{}<>\"'`,.;:|\\")
"""Marks that every text of a format has."""
_WORD = re.compile(r"[^\W\d]\w*")
_TOKEN = re.compile(r"[^\W\d]\w*|\d+|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Factor:
    """A token, and how many inputs have it."""

    token: str
    failing: int
    of_failing: int
    passing: int
    of_passing: int


@dataclass(frozen=True, slots=True)
class Spectrum:
    """The tokens of the inputs: of each failing one (of a sample, where they are many), and counted of the passing."""

    failing: Mapping[str, frozenset[str]]
    passing: Mapping[str, int]
    of_passing: int


def spectrum(failing: Iterable[Given], passing: Sequence[Given]) -> Spectrum:
    """Read the tokens. The same inputs give the same sample, in whatever order they come."""
    chosen = sample(failing)
    counts = Counter(token for given in passing for token in tokens(given, _LETTERS // len(passing)))
    return Spectrum(
        {given.id: tokens(given, _LETTERS // len(chosen)) for given in chosen} if passing else {}, counts, len(passing)
    )


def sample(inputs: Iterable[Given]) -> list[Given]:
    """Choose inputs, the same in whatever order they come."""
    return sorted(inputs, key=lambda given: (crc32(given.id.encode()), given.id))[:SAMPLE]


def tokens(given: Given, letters: int) -> frozenset[str]:
    """Cut what went into a case into tokens; of its text, so many letters."""
    found: set[str] = set()
    before = ""
    for token in _TOKEN.findall(given.input[:letters]):
        if _is_word(token):
            found.add(token)
            if before:
                found.add(f"{before} {token}" if _is_word(before) else before[-1] + token)
        elif not token.isdigit():
            found.add(token)
        before = token
    for name, value in given.params.items():
        found.add(f"param {name}")
        found.update(_TOKEN.findall(json.dumps(value)[:letters]))
    found.update(f"{name} = {json.dumps(value)}" for name, value in given.settings.items())
    stem, dot, ending = given.id.rpartition(".")
    if dot and stem:
        found.add(f"*.{ending}")
    return frozenset(found)


def features_of(seen: Spectrum) -> frozenset[str]:
    """Return the words that stand behind a mark somewhere, and so name features rather than data: `|sort`, `<b`.

    What stands behind a quote is data. A word that most inputs with it pass with is not what makes them fail.
    """
    failing = Counter(token for own in seen.failing.values() for token in own)
    return frozenset(
        token[1:]
        for token, count in failing.items()
        if token[1:]
        and not _is_word(token)
        and _is_word(token[1:])
        and token[0] not in "\"'`"
        and count >= seen.passing.get(token, 0)
    )


def merge(
    units: Mapping[Key, frozenset[str]], names: Mapping[Key, frozenset[str]], seen: Spectrum
) -> Iterator[tuple[str, list[Key]]]:
    """Yield tokens, the most telling first, each with the units of failing cases that it explains.

    A unit is cases that surely belong together. A token explains it when more than half of them have it, and when it is
    one of the features that the unit's errors name, if they name any. What one token explains is left out when the
    next is looked for.
    """
    unit_of = {case: unit for unit, cases in units.items() for case in cases}
    sizes = Counter(unit_of[case] for case in seen.failing)
    having: dict[str, Counter[Key]] = {}
    for case, own in seen.failing.items():
        unit = unit_of[case]
        for token in own:
            if not _BRACKETS.issuperset(token) and (
                not names.get(unit) or not names[unit].isdisjoint(_WORD.findall(token))
            ):
                having.setdefault(token, Counter())[unit] += 1
    several = {token: counts for token, counts in having.items() if counts.total() > 1}
    tried = _kinds((*sorted(counts.items()), seen.passing.get(token, 0)) for token, counts in several.items())
    having = {
        token: counts for token, counts in several.items() if _is_precise(counts.total(), seen.passing.get(token, 0))
    }
    while having:
        found = _most_telling(having, sizes, seen, tried)
        if found is None:
            return
        token, explained = found
        yield token, explained
        for unit in explained:
            del sizes[unit]
        left: dict[str, Counter[Key]] = {}
        for name, counts in having.items():
            rest = Counter({unit: count for unit, count in counts.items() if unit in sizes})
            if _is_precise(rest.total(), seen.passing.get(name, 0)):
                left[name] = rest
        having = left


def _is_precise(failing: int, passing: int) -> bool:
    return failing > 1 and failing >= PRECISE * (failing + passing)


def _most_telling(
    having: Mapping[str, Counter[Key]], sizes: Counter[Key], seen: Spectrum, tried: float
) -> tuple[str, list[Key]] | None:
    failing = sizes.total()
    best: tuple[tuple[float, bool, str], list[Key]] | None = None
    for token, counts in having.items():
        explained = [unit for unit, count in counts.items() if 2 * count > sizes[unit]]
        covered = sum(counts[unit] for unit in explained)
        if covered < 2:  # noqa: PLR2004 - one case has no common factor
            continue
        passing = seen.passing.get(token, 0)
        # Ochiai's coefficient of the token and the units; of equals, the one that explains more.
        ochiai = covered / math.sqrt(sum(sizes[unit] for unit in explained) * (counts.total() + passing))
        rank = (ochiai**2 * math.sqrt(covered), len(token) > 1, token)
        if best is not None and rank <= best[0]:
            continue
        if log_chance(covered, failing, passing, seen.of_passing) + tried <= math.log(CHANCE):
            best = rank, explained
    return None if best is None else (best[0][2], best[1])


def common(cases: Iterable[str], seen: Spectrum) -> Factor | None:
    """Say what the inputs of a cluster have in common and the passing ones have not, if anything is telling."""
    members = [seen.failing[case] for case in cases if case in seen.failing]
    if len(members) < 2:  # noqa: PLR2004 - one case has no common factor
        return None
    counts = Counter(token for member in members for token in member)
    shared = {
        token: count
        for token, count in counts.items()
        if count >= TELLING * len(members) and not _BRACKETS.issuperset(token)
    }
    tried = math.log(max(1, len(shared)))
    ranked: list[tuple[float, int, str]] = []
    for token, count in shared.items():
        if not _is_precise(count, seen.passing.get(token, 0)):
            continue
        chance = log_chance(count, len(members), seen.passing.get(token, 0), seen.of_passing)
        if chance + tried <= math.log(CHANCE):
            ranked.append((round(chance, 6), -_names(token), token))
    if not ranked:
        return None
    token = min(ranked)[2]
    return Factor(token, counts[token], len(members), seen.passing.get(token, 0), seen.of_passing)


def _names(token: str) -> int:
    """Say how well a token names a feature, where several tell the same: `|sort` better than `sort`, that than `x`."""
    words = len(re.findall(r"[^\W\d_]{2,}", token))
    return 0 if not words else 3 if not _is_word(token) and " " not in token else 2 if words == 1 else 1


def _kinds(seen: Iterable[tuple[object, ...]]) -> float:
    """Return the logarithm of how many tokens were tried; those that occur alike are one hypothesis."""
    return math.log(max(1, len(set(seen))))


def log_chance(with_failing: int, failing: int, with_passing: int, passing: int) -> float:
    """Return the logarithm of Fisher's one-sided p: that so many failing ones or more have the token by chance."""
    having, everything = with_failing + with_passing, failing + passing
    whole = _choose(everything, having)
    terms = [
        _choose(failing, k) + _choose(passing, having - k) - whole
        for k in range(with_failing, min(failing, having) + 1)
        if having - k <= passing
    ]
    most = max(terms)
    return most + math.log(sum(math.exp(term - most) for term in terms))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _is_word(token: str) -> bool:
    return token[0].isalpha() or token[0] == "_"
