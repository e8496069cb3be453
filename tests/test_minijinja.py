"""MiniJinja's own suite, end to end through the command line: what each of five implementations reaches."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT, Ran, run_harness

if TYPE_CHECKING:
    from pathlib import Path

WORKSPACE = ROOT / "adapters" / "minijinja"
NEEDS = {"rust": ["cargo"], "go": ["go"], "minijinja-py": ["make"], "jinja2": ["make"], "js": ["make", "npm", "node"]}
ERROR = re.compile(
    r'\A!!![A-Z ]+!!!\s*Error \{\s*kind: (?P<kind>\w+),\s*(?:detail: (?P<detail>"(?:[^"\\]|\\.)*"),\s*)?'
    r'name: "(?P<name>[^"]*)",\s*line: (?P<line>\d+),'
)


@dataclass(frozen=True)
class Checked:
    """A check of one target: what it printed, and what it exported about the cases that the target takes."""

    ran: Ran
    results: dict[str, dict[str, Any]]

    def by_strength(self) -> Counter[str]:
        return Counter(one["achieved"] for one in self.results.values() if one["outcome"] == "passed")

    def by_outcome(self) -> Counter[str]:
        return Counter(one["outcome"] for one in self.results.values() if one["outcome"] != "passed")

    def standing(self, standing: str) -> set[str]:
        return {name for name, one in self.results.items() if one["standing"] == standing}


def check(target: str, suites: Path, folder: Path, *words: str) -> Checked:
    for tool in NEEDS[target]:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed, so the target {target!r} is not tested")
    export = folder / "export.json"
    ran = harness(suites, folder, "check", "--target", target, "--json", str(export), *words)
    assert ran.code in (0, 1), ran.out + ran.err
    results = json.loads(export.read_text(encoding="utf-8"))["results"]
    taken = [one for one in results if one["outcome"] not in ("not_attempted", "out_of_scope")]
    assert len([one for one in results if one["outcome"] == "out_of_scope"]) == 4
    return Checked(ran, {one["id"].removeprefix("runtime/"): one for one in taken})


def harness(suites: Path, folder: Path, *words: str) -> Ran:
    return run_harness("-C", str(WORKSPACE), *words, cwd=folder, env={"HARNESS_SUITES": str(suites)})


def reference(suites: Path, case: str) -> str:
    snapshot = suites / "minijinja" / "snapshots" / f"test_templates__vm@{case}.snap"
    return snapshot.read_text(encoding="utf-8").split("\n---\n", 1)[1]


def table() -> dict[str, tuple[str, str, str]]:
    """Read the README's table: cases, passes by strength and failures by outcome of each target."""
    text = (WORKSPACE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]*\| (\d+) \| ([^|]*) \| ([^|]*) \|", text, re.MULTILINE)
    return {name: (cases, passes, failures) for name, cases, passes, failures in rows}


def counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "none"


def test_list_accounts_for_every_snapshot_of_the_source(suites: Path, tmp_path: Path) -> None:
    listed = harness(suites, tmp_path, "list")
    *cases, total = listed.out.splitlines()
    assert re.fullmatch(
        r"226 cases \(22 lexer, 40 parser, 158 runtime, 6 fragments\) \+ 4 out of scope .* = 230", total
    )
    assert len([line for line in cases if "/" in line]) in (226, 230)
    assert len(list((suites / "minijinja" / "snapshots").iterdir())) == 230


def test_the_oracle_reproduces_every_reference(suites: Path, tmp_path: Path) -> None:
    checked = check("rust", suites, tmp_path)
    assert checked.ran.code == 0
    assert checked.ran.first.startswith("PASS 226/226 pass (225 exact, 1 normalized) · 4 out of scope · rust run ")
    assert [name for name, one in checked.results.items() if one["achieved"] != "exact"] == ["debug.txt"]


@pytest.mark.parametrize("target", ["rust", "go", "minijinja-py", "jinja2", "js"])
def test_a_target_reaches_what_the_readme_says(target: str, suites: Path, tmp_path: Path) -> None:
    # All five are deterministic in this: what prints an address or a hash map's order fails whatever it prints.
    checked = check(target, suites, tmp_path, *([] if target == "rust" else ["--no-skips"]))
    cases = str(len(checked.results))
    assert table()[target] == (cases, counted(checked.by_strength()), counted(checked.by_outcome()))


@pytest.mark.parametrize(("target", "entries"), [("go", 32), ("minijinja-py", 1)])
def test_the_skip_list_explains_each_failure_and_nothing_else(
    target: str, entries: int, suites: Path, tmp_path: Path
) -> None:
    listed = check(target, suites, tmp_path)
    assert listed.ran.code == 0
    assert listed.ran.first.startswith(f"PASS {158 - entries}/158 pass ")
    assert len(listed.standing("todo")) == entries
    assert all(listed.results[name]["reason"] for name in listed.standing("todo"))
    bare = check(target, suites, tmp_path, "--no-skips")
    assert bare.ran.code == 1
    assert bare.standing("failed") == listed.standing("todo")


def test_kind_line_name_and_detail_of_the_wheels_66_errors_equal_the_references(suites: Path, tmp_path: Path) -> None:
    results = check("minijinja-py", suites, tmp_path).results
    errors = {name: found for name in results if (found := ERROR.match(reference(suites, name)))}
    assert len(errors) == 66
    assert len([name for name, wanted in errors.items() if wanted["detail"]]) == 56
    inexact = {name for name in errors if results[name]["achieved"] != "exact"}
    assert inexact == {"err_bad_recursion.txt", "err_bad_super.txt", "err_in_include.txt", "err_self_include.txt"}
    for name in inexact:  # their texts hold the fields of a cause, which the wheel does not tell
        got, wanted = results[name]["reply"]["error"], errors[name].groupdict()
        wanted["detail"] = wanted["detail"] and json.loads(wanted["detail"])
        assert {key: got.get(key) for key in wanted} == {**wanted, "line": int(wanted["line"])}
