"""How well the digest tells causes apart, what it leaves out, and what it costs: `python tests/bench/digest/score.py`.

Faults are put into real engines one by one, and 2, 4 and 8 at a time (`faults.py`, `states.py`). Clusters are scored
against the faults over the cases that are red under exactly one of them, beside two naive ways of grouping.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import time
from collections import Counter, defaultdict
from contextlib import closing
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from faults import PACKAGE, WHEEL
from states import ROOT, Bench, State

from harness.digest.cluster import clusters
from harness.digest.diff import first_difference, first_hunk, hunks, sides
from harness.digest.symptom import texts
from harness.digest.text import render
from harness.digest.told import compose
from harness.records import Delta, StoredResult, Typed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.digest.cluster import Cluster

    Labels = Mapping[str, object]

SUITES = Path(os.environ.get("HARNESS_SUITES", ROOT.parent / "shared" / "suites"))
SIZES = (1, 2, 4, 8)
BUDGETS = (500, 1000, 2000)


# --- scores --------------------------------------------------------------------------------------------------------


def entropy(labels: Sequence[object]) -> float:
    return -sum(count / len(labels) * math.log(count / len(labels)) for count in Counter(labels).values())


def v_measure(causes: Sequence[object], found: Sequence[object]) -> float:
    """Rosenberg and Hirschberg 2007: the harmonic mean of homogeneity and completeness."""
    together = entropy(list(zip(causes, found, strict=True)))
    homogeneity = 1 - (together - entropy(found)) / entropy(causes) if entropy(causes) else 1.0
    completeness = 1 - (together - entropy(causes)) / entropy(found) if entropy(found) else 1.0
    return 2 * homogeneity * completeness / (homogeneity + completeness) if homogeneity + completeness else 0.0


def b_cubed(causes: Sequence[object], found: Sequence[object]) -> float:
    """Bagga and Baldwin 1998: F of how pure, and how complete, the cluster of each case is."""
    both, cause, cluster = Counter(zip(causes, found, strict=True)), Counter(causes), Counter(found)
    precision = mean(both[pair] / cluster[pair[1]] for pair in zip(causes, found, strict=True))
    recall = mean(both[pair] / cause[pair[0]] for pair in zip(causes, found, strict=True))
    return 2 * precision * recall / (precision + recall)


def ours(state: State) -> Labels:
    return {case: one.id for one in clusters(state.failures, state.passing) for case in one.members}


def all_one(state: State) -> Labels:
    return dict.fromkeys((one.id for one in state.failures), 0)


def by_type_or_line(state: State) -> Labels:
    """The exception's type, else the first differing line."""
    found: dict[str, object] = {}
    for one in state.failures:
        reply = one.reply or {}
        want, got = texts(one)
        if "error" in reply:
            found[one.id] = reply["error"]["kind"]
        else:
            found[one.id] = first_difference(want, got)[1:] if want is not None and got is not None else one.why
    return found


ARMS: Mapping[str, Callable[[State], Labels]] = {
    "the digest's clusters": ours,
    "naive: one for all": all_one,
    "naive: exception type, or first differing line": by_type_or_line,
}


def scored(state: State, labels: Labels) -> tuple[list[object], list[object]]:
    cases = [one.id for one in state.failures if len(state.causes[one.id]) == 1]
    return [state.causes[case][0] for case in cases], [labels[case] for case in cases]


# --- what is told --------------------------------------------------------------------------------------------------


def told_within(state: State, found: Sequence[Cluster], budget: int) -> bool:
    """Whether each cause has a printed cluster of its own: one that holds more of it than of any other."""
    by_id = {one.id: one for one in state.failures}
    text = render(compose(state.run, Delta(), found, [], Typed(), by_id.__getitem__), budget)
    printed = set(re.findall(r"^\[([0-9a-f]{4,})\] x", text, re.MULTILINE))
    own: set[str] = set()
    for one in found:
        causes = Counter(state.causes[case][0] for case in one.members if len(state.causes[case]) == 1)
        if one.id in printed and causes:
            own |= {cause for cause, count in causes.items() if count == max(causes.values())}
    return {causes[0] for causes in state.causes.values() if len(causes) == 1} <= own


def factors(state: State, found: Sequence[Cluster]) -> Iterator[bool]:
    """For each cluster with a common factor: whether that names the feature of the cause that most of it has."""
    table = WHEEL if state.engine == "minijinja" else PACKAGE
    for one in found:
        causes = Counter(cause for case in one.members for cause in state.causes[case])
        if one.factor is not None and causes:
            features = table[causes.most_common(1)[0][0]][0]
            yield any(word in re.findall(r"\w+|\S", one.factor.token) for word in features)


# --- cost ----------------------------------------------------------------------------------------------------------


def unlike(count: int) -> Iterator[StoredResult]:
    for n in range(count):
        text = f"case {n}: {{{{ value{n % 97}|filter{n % 13} }}}} and more of it"
        references = [{"name": "output", "contents": [f"wanted {n * 7919 % 10007}\n"], "place": "", "rule": ""}]
        detail = {"input": text, "params": {"n": n}, "settings": {}, "references": references}
        yield StoredResult(
            run="0000", number=n, id=f"s/case{n:06}.txt", suite="s", stage="s", outcome="failed", standing="failed",
            why="output differs", reason=None, achieved=None, allowed=None, plan="", seconds=0.0, alone=False, place="",
            reply={"output": f"got {n % 31} of {n}\n"}, stderr="", detail=detail, content=None, red=1,
        )  # fmt: skip


def costs(state: State) -> Iterator[tuple[str, float]]:
    for count in (2_500, 5_000, 10_000):
        results = {one.id: one for one in unlike(count)}
        began = time.perf_counter()
        found = clusters(results.values(), state.passing)
        render(compose(state.run, Delta(), found, [], Typed(), results.__getitem__), 2000)
        yield f"{count:,} failures, clustered and told", time.perf_counter() - began
    letters = "".join(f"{n * 2654435761 % 2**32:08x}{chr(10) if n % 8 == 7 else ' '}" for n in range(116_000))
    began = time.perf_counter()
    hunks(letters, letters.replace("a", "b", 40_000), 3)
    yield f"two texts of {len(letters) / 1e6:.2f} MB, 1 line in 2 differs", time.perf_counter() - began
    began = time.perf_counter()
    hunk = first_hunk("ab" * 500_000, "ab" * 250_000 + "x" + "ab" * 250_000)
    sides(hunk.wanted, hunk.found, 4, 160) if hunk else None
    yield "two lines of 1 MB, one letter differs", time.perf_counter() - began
    one, other = ("\n".join(f"{word} {n}" for n in range(100_000)) for word in ("old", "new"))
    began = time.perf_counter()
    hunks(one, other, 3)
    yield "100,000 differing lines", time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", type=int, default=15, help="states of 2, 4 and 8 faults each, per suite and engine")
    parser.add_argument("--suite", choices=["minijinja", "demo"], action="append")
    parser.add_argument("--seed", default="", help="other states than the usual ones")
    options = parser.parse_args()
    states: list[tuple[int, State]] = []
    roots = {
        "minijinja": (SUITES / "minijinja", "snapshots/test_templates__vm@{name}.snap"),
        "demo": (ROOT / "fixtures" / "demo", "snapshots/{name}.snap"),
    }
    for suite in options.suite or roots:
        root, snapshots = roots[suite]
        if not root.is_dir():
            print(f"{suite}: not there, left out")
            continue
        for engine, table in (("minijinja", WHEEL), ("jinja2", PACKAGE)):
            with closing(Bench(suite, root, snapshots, engine, options.seed)) as bench:
                for size in SIZES:
                    count = options.states if size > 1 else len(table) if options.states > 1 else 1
                    states += [(size, state) for state in bench.states(list(table), size, count)]
    report(states)


def report(states: Sequence[tuple[int, State]]) -> None:
    faults = {(state.engine, fault) for _, state in states for fault in state.faults}
    sizes = ", ".join(f"{sum(size == each for size, _ in states)} of {each}" for each in SIZES)
    print(f"{len(faults)} faults, {len(states)} states: {sizes}\n")
    print(f"{'':50} B-cubed F   V-measure\n{'':50} of 1       of 2, 4, 8   2      4      8")
    for name, arm in ARMS.items():
        values: dict[int, list[float]] = defaultdict(list)
        for size, state in states:
            pairs = scored(state, arm(state))
            if pairs[0]:
                values[size].append(b_cubed(*pairs) if size == 1 else v_measure(*pairs))
        every = [value for size in SIZES[1:] for value in values[size]]
        each = "  ".join(f"{mean(values[size]):.3f}" for size in SIZES[1:])
        print(f"{name:50} {mean(values[1]):.3f}      {mean(every):.3f}        {each}")
    found = [(size, state, clusters(state.failures, state.passing)) for size, state in states]
    print(
        f"\nstates in which every cause has a cluster line of its own{'':8} all    {'  '.join(f'{n:5}' for n in SIZES)}"
    )
    for budget in (*BUDGETS, 0):
        told = [(size, told_within(state, one, budget)) for size, state, one in found]
        each = "  ".join(f"{mean(yes for of, yes in told if of == size):5.0%}" for size in SIZES)
        name = f"within {budget:,} tokens" if budget else "without a limit"
        print(f"  {name:50} {mean(yes for _, yes in told):11.1%}   {each}")
    named = [list(factors(state, one)) for _, state, one in found]
    said = [yes for state in named for yes in state]
    print(f"\ncommon factor said of {len(said)} clusters; it names the injected feature in {mean(said):.0%}")
    print(f"states with one said in which all do: {mean(all(one) for one in named if one):.0%}\n")
    for what, seconds in costs(states[-1][1]):
        print(f"{what:60} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
