"""`python`: a function of the workspace's own; what it can not do is pass by breaking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Ran, Workspace

RULE = '[[suite.rule]]\nmatcher = "python"\nfunction = "own.compare:same"\n'


def checked(workspace: Workspace, body: str, *, rule: str = RULE, reply: str = "case.input") -> Ran:
    workspace.pair("a", "one two", "two one")
    workspace.write("own/compare.py", body)
    workspace.config(workspace.worker(f"def render(case): return {reply}"), rules=rule)
    return workspace.run("check")


WORDS = "def same(reference, got): return sorted(reference.split()) == sorted(str(got).split())\n"


def test_what_it_passes_is_worth_what_the_rule_says_and_little_if_it_says_nothing(workspace: Workspace) -> None:
    assert checked(workspace, WORDS).first.startswith("PASS 1/1 pass (1 fields)")
    assert checked(workspace, WORDS, rule=RULE + 'strength = "structural"\n').first.startswith("PASS 1/1 pass (1 struc")
    assert checked(workspace, WORDS, reply="'two one'").first.startswith("PASS 1/1 pass · ")


def test_what_it_refuses_fails_with_its_words(workspace: Workspace) -> None:
    ran = checked(workspace, WORDS, reply="'three'")
    assert ran.code == 4
    assert "output differs" in ran.out or "-two one +three" in ran.out
    ran = checked(workspace, "def same(reference, got): return f'{len(got)} letters'\n", reply="'three'")
    assert "5 letters" in ran.out


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("def same(reference, got): pass", "own.compare:same returned None; return True, False"),
        ("def same(reference, got): return 1", "own.compare:same returned 1; return True, False"),
        ("def same(reference, got): return ''", "own.compare:same returned ''; return True, False"),
        ("def same(reference, got):\n    return got[5]", "raised IndexError: string index out of range (line 2)"),
        ("def same(reference, got): raise SystemExit(0)", "own.compare:same raised SystemExit: 0 (line 1)"),
        ("def same(reference): return True", "own.compare:same raised TypeError: same() takes 1 positional argument"),
    ],
)
def test_one_that_breaks_is_an_error_with_the_references_place_before_anything_runs(
    workspace: Workspace, body: str, why: str
) -> None:
    ran = checked(workspace, body)
    assert ran.code == 2
    assert "cases/a.out:1: pairs rule 1 (python): " in ran.err
    assert why in ran.err
    assert not ran.out


def test_one_that_breaks_on_what_the_port_says_stops_the_run(workspace: Workspace) -> None:
    ran = checked(workspace, "def same(reference, got): return bool(got and got[100])")
    assert ran.code == 2
    assert "IndexError" in ran.err
    assert "PASS" not in ran.out


def test_one_that_breaks_on_a_mutant_is_told_by_the_audit(workspace: Workspace) -> None:
    body = "def same(reference, got): return not got or bool({'one two': True}[got])"
    assert checked(workspace, body).code == 0
    ran = workspace.run("audit")
    assert ran.code == 2
    assert "cases/a.out:1: pairs rule 1 (python): own.compare:same raised KeyError" in ran.err


@pytest.mark.parametrize(
    ("body", "rule", "why"),
    [
        ("x = 1", RULE, "harness.toml:14: function 'own.compare:same' can not be imported ("),
        ("def (", RULE, "harness.toml:14: function 'own.compare:same' can not be imported ("),
        ("raise SystemExit(0)", RULE, "function 'own.compare:same' can not be imported (0)"),
        ("same = 5", RULE, "harness.toml:12: matcher 'python': `function` is 5; name a function"),
        ("", RULE.replace("own.compare:same", "compare"), "function"),
        ("", RULE.replace("own.compare:same", "os:system\\n"), "function"),
        (WORDS, RULE + 'strength = "exact"\n', "strength"),
        (WORDS, '[[suite.rule]]\nmatcher = "python"\n', "function"),
    ],
)
def test_a_rule_that_names_no_function_is_told_with_its_line(
    workspace: Workspace, body: str, rule: str, why: str
) -> None:
    ran = checked(workspace, body, rule=rule)
    assert ran.code == 2
    assert why in ran.err


def test_it_sees_values_and_bytes_as_they_are(workspace: Workspace) -> None:
    assert checked(
        workspace, "def same(reference, got): return got in ('', {'a': 1.5})", reply="Value({'a': 1.5})"
    ).first.startswith("PASS")
    assert checked(
        workspace, "def same(reference, got): return got in ('', b'\\xff')", reply="b'\\xff'"
    ).first.startswith("PASS")


@pytest.mark.parametrize("matcher", ["python", "own"])
def test_its_source_is_part_of_what_judges_a_case(workspace: Workspace, matcher: str) -> None:
    rule = RULE
    body = WORDS
    if matcher == "own":
        rule = '[[suite.rule]]\nmatcher = "own.compare"\n'
        body = "from harness.matchers.exact import OPTIONS, make\n"
    hashes = []
    for text in (body, body, body + "# another line\n"):
        checked(workspace, text, rule=rule)
        path = workspace.folder / "export.json"
        workspace.run("check", "--json", str(path))
        hashes.append(json.loads(path.read_text())["results"][0]["plan"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_the_audit_sees_through_a_function_that_passes_everything(workspace: Workspace) -> None:
    checked(workspace, "def same(reference, got): return True\n")
    out = workspace.run("audit", "--full").out
    assert "hollow: a target that answers 'null' to everything passes 1" in out
    assert "survives x1 of 1  letter case" in out
