"""What the digest and pytest tell of the same failing states, in exact tokens: `python tests/bench/digest/peers.py`.

What a fixer needs was written down before anything was measured: of each cause one failing case by its name, a piece of
what is wanted there, and a piece of what came; of each state how many fail, and a command that runs some of it again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from faults import WHEEL
from score import SUITES, unlike
from states import Bench, State

from harness.digest.cluster import clusters
from harness.digest.diff import first_difference
from harness.digest.symptom import texts
from harness.digest.text import render
from harness.digest.told import compose
from harness.records import Delta, Typed
from harness.tokens import exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.records import Given, StoredResult, StoredRun

ARMS = {
    "pytest -q --tb=short": ["-q", "--tb=short"],
    "pytest -q": ["-q"],
    "pytest -q --tb=line": ["-q", "--tb=line"],
}
TEST = """
import json, pytest
CASES = json.load(open("cases.json"))

class PortError(Exception):
    pass

def render(case):
    if case["raises"]:
        raise PortError(case["raises"])
    return case["got"]

@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(case):
    assert render(case) == case["want"]
"""
_PIECE = 20


@dataclass(frozen=True)
class Failing:
    """A failing state: its results, and which of them have which cause."""

    name: str
    run: StoredRun
    results: tuple[StoredResult, ...]
    passing: Sequence[Given]
    causes: dict[str, list[str]]


def sides(result: StoredResult) -> tuple[str, str, str]:
    """What is wanted, what came, and what was raised."""
    reply = result.reply or {}
    want = str((result.detail or {})["references"][0]["contents"][0])
    error = reply.get("error") or reply.get("panic")
    got = error.get("text", "") if error and want.startswith("!!!") else reply.get("output", "")
    raised = "" if not error or got else f"{error.get('kind', 'panic')}: {error.get('detail', error.get('message'))}"
    return want, got, raised


def pieces(result: StoredResult) -> tuple[str, str]:
    """A piece of what is wanted, and of what came: the ends of the first line that differs, from there on."""
    want, got, raised = sides(result)
    if raised:
        return want.lstrip("\n").split("\n")[0].strip()[:_PIECE], raised[:_PIECE]
    one, other = texts(result)
    if one is not None and other is not None:
        want, got = one, other
    _, wanted, found = first_difference(want, got)
    shortest = min(len(wanted), len(found))
    word = max(0, next((n for n in range(shortest) if wanted[n] != found[n]), shortest) - 4)
    return wanted[word : word + _PIECE].strip(), found[word : word + _PIECE].strip()


def plain(text: str) -> str:
    """Compare what is told, not how it is escaped: white space, quotes and backslashes are left out."""
    return re.sub(r"[\s·→\\'\"]|^E|(?<=\n)[-+?] ", "", text)


def facts(state: Failing, text: str) -> tuple[int, int]:
    """Return how many of the facts a text has, and how many there are."""
    by_id = {one.id: one for one in state.results}
    said = plain(text)
    found = 0
    for cases in state.causes.values():
        of_case = []
        for case in cases:
            want, got = (plain(piece) for piece in pieces(by_id[case]))
            of_case.append((case.partition("/")[2] in text) + (want in said) + (got in said))
        found += max(of_case)
    found += bool(re.search(rf"\b{len(state.results)} failed", text)) + bool(
        re.search(r"^(?:next: |FAILED )", text, re.MULTILINE)
    )
    return found, 3 * len(state.causes) + 2


def ours(state: Failing) -> str:
    by_id = {one.id: one for one in state.results}
    found = clusters(state.results, state.passing)
    return render(compose(state.run, Delta(), found, [], Typed(), by_id.__getitem__), 2000)


def pytest_of(state: Failing, words: Sequence[str]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for one in state.results:
            want, got, raised = sides(one)
            cases.append({"id": one.id.partition("/")[2], "want": want, "got": got, "raises": raised})
        cases += [{"id": one.id.partition("/")[2], "want": "", "got": "", "raises": ""} for one in state.passing]
        Path(folder, "cases.json").write_text(json.dumps(cases), encoding="utf-8")
        Path(folder, "test_port.py").write_text(TEST, encoding="utf-8")
        argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:syrupy", *words]
        return subprocess.run(argv, cwd=folder, capture_output=True, encoding="utf-8", check=False).stdout


def states() -> Iterator[Failing]:
    bench = Bench("minijinja", SUITES / "minijinja", "snapshots/test_templates__vm@{name}.snap", "minijinja")
    with closing(bench):
        for name, faults in {
            "one fault, one case": ["title gives upper"],
            "a filter that is missing": ["no test undefined"],
            "a cascade: none prints null": ["none prints null"],
            "a cascade: booleans print small": ["booleans print small"],
            "a cascade: no template is found": ["no template is found"],
            "undefined is always strict": ["undefined is always strict"],
            "a crash": ["selectattr crashes"],
            "white space: the last newline is kept": ["the last newline is kept"],
            "eight faults": ["upper gives lower", "dictsort forgets to sort", "no filter split", "even is odd",
                             "escaping never", "no function dict", "tojson writes spaces twice", "round drops"],
        }.items():  # fmt: skip
            assert set(faults) <= WHEEL.keys(), name
            state = bench.state(faults)
            yield Failing(name, state.run, state.failures, state.passing, _causes(state))
        last = bench.state(["round drops"])
    many = tuple(unlike(50))
    yield from _made("50 unlike failures", last, many)
    long = [f"line {n} of a long text, which is like any other" for n in range(1200)]
    yield from _made(
        "one line of 58 KB differs", last, [_with(many[0], long, [*long[:700], "and this not", *long[701:]])]
    )
    tree = [f'    "key{n}": {{"list": [{n}, {n + 1}], "text": "value {n}"}},' for n in range(150)]
    wrong = [*tree[:90], tree[90].replace("91]", '"91"]'), *tree[91:]]
    ends = ["{", *tree, '    "end": null', "}"], ["{", *wrong, '    "end": null', "}"]
    yield from _made("one value of a JSON tree differs", last, [_with(many[0], *ends)])


def _with(one: StoredResult, want: list[str], got: list[str]) -> StoredResult:
    references = [{"name": "output", "contents": ["\n".join(want) + "\n"], "place": "", "rule": ""}]
    return replace(
        one, detail={**(one.detail or {}), "references": references}, reply={"output": "\n".join(got) + "\n"}
    )


def _made(name: str, like: State, results: Sequence[StoredResult]) -> Iterator[Failing]:
    summary = {**like.run.summary, "standings": {"failed": len(results), "passed": len(like.passing)}}
    run = replace(like.run, summary={**summary, "stages": [["s", len(like.passing), len(results) + len(like.passing)]]})
    yield Failing(name, run, tuple(results), like.passing, {one.id: [one.id] for one in results})


def _causes(state: State) -> dict[str, list[str]]:
    causes: dict[str, list[str]] = defaultdict(list)
    for case, faults in state.causes.items():
        for fault in faults:
            causes[fault].append(case)
    return causes


def main() -> None:
    if not (SUITES / "minijinja").is_dir():
        print(f"needs the suite at {SUITES}")
        return
    print(f"{'tokens, facts of those there are':44} {'digest':>16}" + "".join(f"{name:>24}" for name in ARMS))
    for state in states():
        row = f"{state.name + ' (' + str(len(state.results)) + ' red)':44}"
        for number, text in enumerate([ours(state), *(pytest_of(state, words) for words in ARMS.values())]):
            found, of = facts(state, text)
            cell = f"{exact(text):,} {found}/{of}"
            row += f"{cell:>{24 if number else 17}}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
