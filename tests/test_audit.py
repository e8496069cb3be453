"""How much a green is worth: the audit finds what a rule lets through."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT, run_harness

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace

ERRORS = """
def render(case):
    if case.input.startswith("bad"):
        raise Refused("SyntaxError", line=1, name=case.name, detail="unexpected end of input")
    return case.input
"""
REFERENCE = "ERROR SyntaxError at {name}:1: unexpected end of input\n"
RULE = """
[[suite.rule]]
reference = '\\AERROR'
matcher = "error"
pattern = '\\AERROR (?P<kind>\\w+) at (?P<name>[^:]+):(?P<line>\\d+): (?P<detail>.*)'
fields = { kind = %(k)s, name = %(k)s, line = %(k)s, detail = %(d)s }
"""


def workspace_of_errors(workspace: Workspace, kind: str, detail: str) -> None:
    for name in ("bad1", "bad2"):
        workspace.pair(name, "bad", REFERENCE.format(name=f"{name}.in"))
    workspace.pair("good", "line 1\nline 2 &lt;b&gt; -3\n", "line 1\nline 2 &lt;b&gt; -3\n")
    workspace.config(workspace.worker(ERRORS), rules=RULE % {"k": kind, "d": detail})
    assert workspace.run("check").code == 0


def test_every_mutant_of_an_exact_text_and_of_a_checked_error_is_detected(workspace: Workspace) -> None:
    workspace_of_errors(workspace, '"exact"', "{ similar = 0.6 }")
    ran = workspace.run("audit")
    assert ran.code == 0
    assert "(100.0 %)" in ran.first
    assert "survives" not in ran.out
    assert "hollow: a target that answers 'null'" not in ran.out


def test_a_matcher_that_accepts_any_error_for_any_error_comes_out_as_bad_as_it_is(workspace: Workspace) -> None:
    workspace_of_errors(workspace, '"ignored"', '"ignored"')
    out = workspace.run("audit").out
    for mutator in ("error kind", "error line", "error name", "error message"):
        assert f"survives x2 of 2  {mutator}: pairs/bad1.in, pairs/bad2.in" in out
    assert "output for error" not in out, "even that matcher wants an error"
    assert "hollow: a target that answers 'error' to everything passes 2" in out


def test_a_normalisation_that_eats_too_much_is_seen(workspace: Workspace) -> None:
    workspace.pair("a", "total: 42\n", "total: 42\n")
    rules = '[[suite.rule]]\nmatcher = "text"\nnormalize = [{ name = "numbers", replace = "[0-9]+", with = "N" }]\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rules)
    workspace.run("check")
    assert "survives x1 of 1  digit: pairs/a.in" in workspace.run("audit").out


def test_a_case_that_an_empty_target_passes_is_named(workspace: Workspace) -> None:
    workspace.pair("empty", "x", "")
    workspace.pair("same", "y", "y")
    workspace.config(workspace.worker("def render(case): return '' if case.input == 'x' else case.input"))
    workspace.run("check")
    out = workspace.run("audit").out
    assert "hollow: a target that answers 'null' to everything passes 1: pairs/empty.in" in out
    assert "hollow: a target that answers 'echo' to everything passes 1: pairs/same.in" in out


def test_an_oracle_that_fails_makes_the_audit_red(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.pair("b", "b", "other")
    port = workspace.worker("def render(case): return case.input")
    workspace.config(f"default = true\n{port}\n[target.origin]\noracle = true\n{port}")
    workspace.run("check")
    assert "no whole run yet" in workspace.run("audit").out
    workspace.run("check", "--target", "origin")
    ran = workspace.run("audit")
    assert ran.code == 3
    assert "1/2 pass, it must pass everything" in ran.out


def test_a_case_that_changed_since_the_run_is_left_out_and_said(workspace: Workspace) -> None:
    workspace_of_errors(workspace, '"exact"', '"exact"')
    workspace.pair("good", "another\n", "another\n")
    out = workspace.run("audit").out
    assert "2 passes" in out
    assert "note: 1 cases have changed" in out


def test_without_a_run_there_is_nothing_to_audit(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.config(workspace.worker("def render(case): return case.input"))
    ran = workspace.run("audit")
    assert ran.code == 2
    assert "harness check --target port" in ran.err


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_minijinja_detects_97_percent_and_every_wrong_kind_line_and_output_for_an_error(suites: Path) -> None:
    minijinja = ROOT / "adapters" / "minijinja"
    env = {"HARNESS_SUITES": str(suites)}
    assert run_harness("check", "--target", "go", cwd=minijinja, env=env).code == 0
    out = run_harness("audit", "--target", "go", "--full", cwd=minijinja, env=env).out
    share = re.search(r"\((\d+\.\d) %\)", out)
    assert share is not None
    assert float(share[1]) >= 97
    for mutator in ("error kind", "error line", "error name", "output for error", "error for output", "escape"):
        assert mutator not in out, f"{mutator} survives"
