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
    assert re.match(r"(\d+) of \1 mutants detected \(100\.0%\) · 3 passes \(1 exact, 2 fields\) · port run ", ran.first)
    assert "survives" not in ran.out


def test_a_matcher_that_accepts_any_error_for_any_error_comes_out_as_bad_as_it_is(workspace: Workspace) -> None:
    workspace_of_errors(workspace, '"ignored"', '"ignored"')
    out = workspace.run("audit").out
    for mutator in ("error kind", "error line", "error name", "error message"):
        assert f"survives x2 of 2  {mutator}: pairs/bad1.in, pairs/bad2.in" in out
    assert "output for error 2/2" in out, "even that matcher wants an error"
    assert "hollow: a target that answers 'error' to everything passes 2" in out
    assert re.search(r"pairs rule 1 \(error\)  2/10 detected \(20\.0%\)", out)
    assert "error kind 0/2 · error line 0/2 · error message 0/2 · error name 0/2 · " in out


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


def test_every_part_of_a_value_is_changed(workspace: Workspace) -> None:
    workspace.write(
        "own/values.py",
        """
        import json
        from harness.model import Match, Mismatch, Strength, Structured
        OPTIONS = {"keys": {"type": "boolean"}}
        class Value:
            allowed, wants, loosenings = Strength.STRUCTURAL, "output", ()
            def __init__(self, keys): self.keys = keys
            def match(self, reference, got, canonical):
                want, have = json.loads(reference), got.value if isinstance(got, Structured) else {}
                same = want.keys() == have.keys() if self.keys else want == have
                return Match(Strength.STRUCTURAL) if same else Mismatch("another value")
        def make(options): return Value(options["keys"])
        """,
    )
    workspace.pair("a", "in", '{"list": [1, 2], "no": {"deep": "text"}, "yes": true}')
    port = "def render(case): return Value({'list': [1, 2], 'no': {'deep': 'text'}, 'yes': True})"
    inner = ("digit", "sign", "truth", "letter case", "truncate", "repeat an item", "swap two items")
    for only_keys, detected in (("false", 1), ("true", 0)):
        rule = f'[[suite.rule]]\nmatcher = "own.values"\nkeys = {only_keys}\n'
        workspace.config(workspace.worker(port), rules=rule)
        assert workspace.run("check").code == 0
        out = workspace.run("audit").out
        for mutator in inner:
            assert f"{mutator} {detected}/1" in out
        assert "drop an item 1/1" in out


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
    says = (
        r"1/2 pass, it must pass everything, so a worker, a reader or a rule is wrong: pairs/b\.in; port run \w+: 1/2"
    )
    assert re.search(says, ran.out)


def test_a_case_that_changed_since_the_run_is_left_out_and_said(workspace: Workspace) -> None:
    workspace_of_errors(workspace, '"exact"', '"exact"')
    workspace.pair("good", "another\n", "another\n")
    out = workspace.run("audit").out
    assert "2 passes" in out
    assert re.search(r"note: 1 cases have changed since run \w+ and are left out; harness check --target port", out)


def test_shares_are_told_for_each_suite_and_the_rule_of_the_output_that_was_changed(workspace: Workspace) -> None:
    workspace.write("cases/a.in", "a")
    workspace.write("cases/a.out", "total: 42\n")
    workspace.write("cases/a.err", "warning: 42\n")
    rule = 'matcher = "text"\noutput = "err"\nnormalize = [{ name = "numbers", replace = "[0-9]+", with = "N" }]\n'
    second = '[[suite]]\nname = "more"\nreader = "pairs"\ninputs = "cases/*.in"\noutputs = "cases/{stem}.out"\n'
    port = """
    def render(case):
        said = {"out": "total: 42\\n", "output": "total: 42\\n", "err": "warning: 42\\n", "log": "nobody asked"}
        return Outputs(said)
    """
    suite = '[[suite]]\nname = "both"\nreader = "pairs"\ninputs = "cases/*.in"\n'
    suite += f'outputs = {{ out = "cases/{{stem}}.out", err = "cases/{{stem}}.err" }}\n[[suite.rule]]\n{rule}'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{workspace.worker(port)}\n{suite}\n{second}")
    assert workspace.run("check").code == 0
    out = workspace.run("audit").out
    assert re.search(r"\[both\] 1[89]/\d\d detected \(\d\d\.\d%\) · 1 pass\n", out)
    assert re.search(r"\[more\] (\d+)/\1 detected \(100\.0%\) · 1 pass\n", out)
    assert re.search(r"both rule 1 \(text\)  .*\n    survives x1 of 1  digit: both/a.in", out)
    assert re.search(r"both otherwise \(exact\)  (\d+)/\1 detected \(100\.0%\)\n(?!    )", out)
    assert " · digit 2/3 · " in out


def test_a_case_that_checks_nothing_is_named_though_the_port_fails_it(workspace: Workspace) -> None:
    workspace.pair("empty", "x", "")
    workspace.pair("fine", "y", "Y")
    workspace.config(workspace.worker("def render(case): return case.input.upper()"))
    assert workspace.run("check").code == 1
    out = workspace.run("audit").out
    assert "hollow: a target that answers 'null' to everything passes 1: pairs/empty.in" in out


def test_where_hollow_targets_pass_nothing_that_is_said(workspace: Workspace) -> None:
    workspace.pair("fine", "y", "Y")
    workspace.config(workspace.worker("def render(case): return case.input.upper()"))
    workspace.run("check")
    out = workspace.run("audit").out
    assert "hollow targets (null, echo, constant, error, crash, unsupported) pass nothing" in out


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
    share = re.search(r"\((\d+\.\d)%\)", out)
    assert share is not None
    assert float(share[1]) >= 97
    for mutator in ("error kind", "error line", "error name", "output for error", "error for output", "escape"):
        assert f"  {mutator}:" not in out, f"{mutator} survives"
        assert re.search(rf"{mutator} (\d+)/\1\b", out), "and there were some"


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_minijinja_with_any_error_for_any_error_comes_out_as_bad_as_it_is(workspace: Workspace, suites: Path) -> None:
    minijinja = ROOT / "adapters" / "minijinja"
    config = (minijinja / "harness.toml").read_text(encoding="utf-8")
    loose, often = re.subn(
        r"^fields = .*",
        'fields = { kind = "ignored", line = "ignored", name = "ignored", detail = "ignored" }',
        config,
        flags=re.MULTILINE,
    )
    assert often == 2
    workspace.write("harness.toml", loose.replace("go/bin/worker", f"{minijinja}/go/bin/worker"))
    (workspace.folder / "go").symlink_to(minijinja / "go")
    env = {"HARNESS_SUITES": str(suites)}
    assert "66 any-error" in workspace.run("check", "--target", "go", "--no-skips", env=env).first
    workspace.run("check", "--target", "go", env=env)
    out = workspace.run("audit", "--target", "go", env=env).out
    assert re.search(r"runtime rule 1 \(error\)  66/32\d detected \(20\.\d%\)", out)
    for mutator in ("error kind", "error line", "error message", "error name"):
        assert re.search(rf"{mutator} 0/6\d ", out)
    assert "output for error 66/66" in out, "even that matcher wants an error"
    assert "hollow: a target that answers 'error' to everything passes 66" in out
