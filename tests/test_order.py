"""A port whose answer depends on what ran before, or on chance, does not pass unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .test_check import STATEFUL

if TYPE_CHECKING:
    from .conftest import Workspace

LEAKS = """
import pathlib, os
state = []
def render(case):
    if case.input == "set":
        state.append(1)
    return "spoilt" if case.input == "read" and state else case.input
"""
BY_CHANCE = """
import pathlib
log = pathlib.Path({log!r})
def render(case):
    if case.name not in ("chance.in", "listed.in", "wording.in"):
        return case.input
    with log.with_suffix("." + case.name).open("a") as file:
        file.write("!")
    odd = len(log.with_suffix("." + case.name).read_text()) % 2
    if case.name == "wording.in":
        return case.input + " " * odd
    return case.input if odd else "wrong"
"""
RULES = '[[suite.rule]]\nmatcher = "text"\nnormalize = ["trailing-whitespace"]\n'


@pytest.fixture
def leaky(workspace: Workspace) -> Workspace:
    """`m` sets what `z` and `b` read: in the order of reading `z` is spoilt, in reverse `b`."""
    for name, given in {"a": "x", "b": "read", "m": "set", "n": "x", "z": "read"}.items():
        workspace.pair(name, given, given)
    workspace.config(workspace.worker(LEAKS) + "\nworkers = 1")
    return workspace


@pytest.fixture
def fickle(workspace: Workspace) -> Workspace:
    for name in ("chance", "listed", "steady", "wording"):
        workspace.pair(name, "x", "x")
    workspace.write("skiplist.toml", 'format = 1\n[flaky]\n"pairs/listed.in" = "a race in the port"\n')
    workspace.config(workspace.worker(BY_CHANCE.format(log=str(workspace.folder / "log"))), rules=RULES)
    return workspace


# --- isolate, shuffle ----------------------------------------------------------------------------------------------


def test_isolated_a_case_finds_nothing_that_another_left_behind(leaky: Workspace) -> None:
    assert leaky.run("check").first.startswith("FAIL 4/5 pass")
    ran = leaky.run("check", "--isolate")
    assert (ran.code, ran.first.split(" · ")[:2]) == (0, ["PASS 5/5 pass", "--isolate"])


def test_an_isolated_run_is_no_baseline(leaky: Workspace) -> None:
    leaky.run("check", "--isolate")
    assert "REGRESSED" not in leaky.run("check").first


def test_isolated_the_cases_of_a_group_still_share_a_worker(workspace: Workspace) -> None:
    workspace.write("own/steps.py", STATEFUL)
    target = workspace.worker("count = [0]\ndef render(case):\n    count[0] += 1\n    return str(count[0])")
    suite = '[[suite]]\nname = "steps"\nreader = "own.steps"\n'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{target}\n{suite}")
    assert workspace.run("check", "--isolate", "--shuffle", "1").first.startswith("PASS 6/6 pass")


def test_a_seed_gives_one_order_which_is_another_for_another_seed_and_reports_stay_in_the_order_of_reading(
    workspace: Workspace,
) -> None:
    target = workspace.worker(
        f"def render(case):\n    print(case.name, file=open({str(workspace.folder / 'asked')!r}, 'a'))\n"
    )
    for number in range(12):
        workspace.pair(str(number), "x", "y")
    workspace.config(target + "\nworkers = 1")

    def asked(*words: str) -> tuple[list[str], str]:
        workspace.write("asked", "")
        out = workspace.run("check", *words).out
        told = (
            "\n".join(out.splitlines()[1:]).replace(" unchanged", "").replace(" stuck x4", "").replace(" stuck x3", "")
        )
        return (workspace.folder / "asked").read_text().split(), told

    plain, first, again, other = asked(), asked("--shuffle", "1"), asked("--shuffle", "1"), asked("--shuffle", "2")
    assert first[0] == again[0]
    assert len({tuple(order) for order, _ in (plain, first, other)}) == 3
    assert sorted(first[0]) == sorted(plain[0])
    assert plain[1] == first[1] == other[1]


def test_a_shuffled_run_is_a_baseline(leaky: Workspace) -> None:
    leaky.write("worker.py", (leaky.folder / "worker.py").read_text().replace("and state", "and False"))
    leaky.run("check", "--shuffle", "3")
    leaky.pair("a", "x", "y")
    assert "1 REGRESSED" in leaky.run("check").first


# --- repeat --------------------------------------------------------------------------------------------------------


def test_a_case_that_passes_once_in_a_while_fails_and_says_how_often(fickle: Workspace) -> None:
    ran, export = fickle.export("--repeat", "4")
    assert ran.code == 1
    assert ran.first.startswith("FAIL 2/4 pass (1 exact, 1 normalized) · --repeat 4 · 1 failed · 1 flaky")
    assert "x1 flaky: output differs · chance.in" in ran.out
    assert "\n  flaky (2 failed, 2 passed)\n" in ran.out
    found = {one["id"]: one for one in export["results"]}
    assert found["pairs/chance.in"]["why"] == "flaky (2 failed, 2 passed); output differs"
    assert found["pairs/chance.in"]["standing"] == "failed"
    assert found["pairs/chance.in"]["reply"] == {"output": "wrong"}
    assert found["pairs/listed.in"]["standing"] == "flaky"


def test_what_differs_and_does_not_fail_is_named(fickle: Workspace) -> None:
    out = fickle.run("check", "--repeat", "3").out
    assert "note: pairs/listed.in: flaky (1 failed, 2 passed)\n" in out
    assert "note: pairs/wording.in: its reply differs from run to run\n" in out
    assert "steady" not in out


def test_each_round_has_fresh_workers_and_asks_every_case(leaky: Workspace) -> None:
    ran, export = leaky.export("--repeat", "3")
    assert ran.first.startswith("FAIL 4/5 pass · --repeat 3 · 1 failed")
    assert "flaky" not in ran.out, "b would be spoilt in the second round, had it the worker of the first"
    assert [one["id"] for one in export["results"]] == [f"pairs/{name}.in" for name in "abmnz"]


def test_a_target_that_is_down_is_not_tried_in_every_round(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.config('command = ["no-such-program"]')
    ran, export = workspace.export("--repeat", "500")
    assert (ran.code, [one["outcome"] for one in export["results"]]) == (5, ["not_run"])


def test_an_interrupted_repetition_is_incomplete_and_counts_what_it_did_not_see_in_all_rounds(
    workspace: Workspace,
) -> None:
    workspace.pair("a", "a", "a")
    workspace.pair("b", "b", "b")
    body = f"""
    import pathlib, time
    seen = pathlib.Path({str(workspace.folder / "seen")!r})
    def render(case):
        if case.name == "b.in" and seen.exists():
            pathlib.Path({str(workspace.folder / "started")!r}).touch()
            time.sleep(60)
        if case.name == "b.in":
            seen.touch()
        return case.input
    """
    workspace.config(workspace.worker(body) + "\nworkers = 1")
    ran = workspace.interrupt("check", "--repeat", "3")
    assert ran.code == 4
    assert "2 not run · incomplete: interrupted" in ran.out


# --- audit --order -------------------------------------------------------------------------------------------------


def test_the_audit_names_the_case_that_depends_on_others_and_the_one_that_leaks(leaky: Workspace) -> None:
    ran = leaky.run("audit", "--order")
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "2 of 5 cases depend on what ran before them · port",
        "  pairs/b.in  passed (exact) alone, failed in reverse order; pairs/m.in before it is enough",
        "  pairs/z.in  passed (exact) alone, failed in the order of reading; pairs/m.in before it is enough",
    ]
    assert "no runs yet" in leaky.run("runs").out, "an audit is no check"


def test_the_audit_tells_when_it_takes_several_cases_to_spoil_one(leaky: Workspace) -> None:
    leaky.pair("n", "set", "set")
    worker = (leaky.folder / "worker.py").read_text()
    leaky.write("worker.py", worker.replace("and state", "and len(state) > 1"))
    assert "pairs/z.in  passed (exact) alone, failed in the order of reading; it takes several" in (
        leaky.run("audit", "--order").out
    )


def test_a_case_that_changes_by_itself_is_no_leak(fickle: Workspace) -> None:
    ran = fickle.run("audit", "--order")
    assert ran.code == 0
    assert ran.first == "0 of 4 cases depend on what ran before them · port"
    assert "changes by itself; harness check --repeat 5 pairs/" in ran.out


def test_a_port_without_a_memory_is_told_so(leaky: Workspace) -> None:
    leaky.write("worker.py", (leaky.folder / "worker.py").read_text().replace("and state", "and False"))
    ran = leaky.run("audit", "--order")
    assert (ran.code, ran.out) == (0, "0 of 5 cases depend on what ran before them · port\n")


def test_an_audit_of_a_target_that_is_down_says_so(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.config('build = [["false"]]\ncommand = ["cat"]')
    ran = workspace.run("audit", "--order")
    assert (ran.code, ran.err.splitlines()[0]) == (5, "TARGET port: the build failed: `false` exited with 1")
