"""Shards of a check, run anywhere, add up to the run that one machine would have made; whatever is wrong is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import Ran, Workspace
from .test_check import STATEFUL
from .test_reports import everything, steady

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["everything"]

CAT = 'protocol = "command"\ncommand = ["cat"]'


@pytest.fixture
def mirror(workspace: Workspace) -> Workspace:
    workspace.config(CAT)
    for number in range(18):
        workspace.pair(str(number), str(number), "0" if number == 7 else str(number))  # of three, no shard is empty
    return workspace


def machine(workspace: Workspace, name: str) -> Workspace:
    """Check the workspace out on another machine: without a store, in another folder."""
    folder = workspace.folder.parent / f"{workspace.folder.name}-{name}"
    shutil.copytree(workspace.folder, folder, ignore=shutil.ignore_patterns(".harness", "*.json"))
    return Workspace(folder)


def shard(workspace: Workspace, number: int, of: int, *words: str) -> tuple[Ran, Path]:
    path = workspace.folder / f"shard-{number}.json"
    return workspace.run("check", "--shard", f"{number}/{of}", "--json", str(path), *words), path


def shards(workspace: Workspace, of: int, *words: str) -> list[str]:
    return [str(shard(workspace, number, of, *words)[1]) for number in range(1, of + 1)]


def edited(path: str | Path, change: Callable[[Any], object]) -> None:
    export = json.loads(Path(path).read_text())
    change(export)
    Path(path).write_text(json.dumps(export))


def counts(out: str) -> str:
    """The digest without what is each run's own."""
    return out.partition(" · port run")[0] + "\n" + out.partition("\n")[2]


def notes_apart(out: str) -> list[str]:
    """Leave out the notes: how workers ended between cases is each run's own."""
    return [line for line in out.splitlines() if not line.startswith("note: ")]


# --- a shard -------------------------------------------------------------------------------------------------------


def test_every_case_is_in_one_shard_and_a_shard_says_how_little_it_is(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    found: list[str] = []
    for number in (1, 2, 3):
        ran, path = shard(mirror, number, 3)
        results = json.loads(path.read_text())["results"]
        assert ran.first.startswith(f"PASS {len(results)} of 18 selected")
        found += [one["id"] for one in results]
    assert sorted(found) == sorted(f"pairs/{number}.in" for number in range(18))


def test_another_case_moves_none_to_another_shard(mirror: Workspace) -> None:
    before = json.loads(shard(mirror, 2, 3)[1].read_text())["results"]
    for name in ("0a", "zz"):
        mirror.pair(name, "x", "x")
    after = json.loads(shard(mirror, 2, 3)[1].read_text())["results"]
    assert {one["id"] for one in before} == {one["id"] for one in after} - {"pairs/0a.in", "pairs/zz.in"}


def test_shards_of_many_cases_are_about_as_large(mirror: Workspace) -> None:
    for number in range(600):
        mirror.pair(f"n{number}", "x", "x")
    ran = mirror.run("check", "--shard", "1/4")
    assert 120 < int(ran.first.split()[1].split("/")[0]) < 190


def test_the_cases_of_a_group_are_in_one_shard(workspace: Workspace) -> None:
    workspace.write("own/steps.py", STATEFUL)
    target = workspace.worker("count = [0]\ndef render(case):\n    count[0] += 1\n    return str(count[0])")
    suite = '[[suite]]\nname = "steps"\nreader = "own.steps"\n'
    workspace.write("harness.toml", f"format = 1\n[target.port]\n{target}\n{suite}")
    merged = workspace.run("runs", "merge", *shards(workspace, 4))
    assert merged.first.startswith("PASS 6/6 pass")


def test_a_shard_is_no_baseline_and_finds_the_faults_of_all_files(mirror: Workspace) -> None:
    shard(mirror, 1, 2)
    assert "REGRESSED" not in mirror.run("check").out
    mirror.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/gone.in" = "x"\n')
    for number in (1, 2):
        ran, _ = shard(mirror, number, 2)
        assert (ran.code, "matches no case" in ran.err) == (2, True)
    mirror.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/7.in" = "x"\n')
    assert {shard(mirror, number, 2)[0].code for number in (1, 2)} == {0}


@pytest.mark.parametrize("typed", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_a_shard_that_can_not_be_is_told(mirror: Workspace, typed: str) -> None:
    ran = mirror.run("check", "--shard", typed)
    assert ran.code == 2
    assert "not I/N, such as 2/4" in ran.err


# --- the whole -----------------------------------------------------------------------------------------------------


def test_shards_of_three_machines_are_the_run_of_one(mirror: Workspace) -> None:
    files = [str(shard(machine(mirror, str(number)), number, 3)[1]) for number in (1, 2, 3)]
    one = machine(mirror, "one")
    merged = mirror.run("runs", "merge", *reversed(files))
    whole = one.run("check")
    assert merged.code == whole.code == 1
    assert counts(merged.out) == counts(whole.out)
    assert "whole" in mirror.run("runs").out


def test_every_outcome_and_standing_survives_the_way(everything: Workspace) -> None:
    files = shards(everything, 3)
    export = everything.folder / "merged.json"
    merged = everything.run("runs", "merge", "--json", str(export), *files)
    told_merged = everything.run("digest", "--budget", "0").out
    ran, whole = everything.export()
    told_whole = everything.run("digest", "--budget", "0").out.replace(" unchanged", "")
    assert merged.code == ran.code
    assert notes_apart(steady(everything, told_merged)) == notes_apart(steady(everything, told_whole))
    found = json.loads(export.read_text())

    def told(results: list[Any]) -> list[Any]:
        """All but what differs from run to run: times, who was alone, how long it is red, how long a flood."""
        own = {"seconds", "alone", "stderr", "red"}
        flood = {"reply", "why"}
        return [
            {name: one[name] for name in set(one) - own - (flood if one["outcome"] == "too_large" else set())}
            for one in results
        ]

    assert told(found["results"]) == told(whole["results"])
    assert found["run"]["summary"]["standings"] == whole["run"]["summary"]["standings"]
    assert (found["run"]["whole"], found["run"]["selection"]) == (True, "")


def test_a_merged_run_is_compared_with_the_last_whole_one_and_is_a_baseline(mirror: Workspace) -> None:
    mirror.run("runs", "merge", *shards(mirror, 2))
    mirror.pair("7", "7", "7")
    mirror.pair("3", "3", "x")
    merged = mirror.run("runs", "merge", *shards(mirror, 2))
    assert "+1 fixed · 1 REGRESSED" in merged.first
    assert "REGRESSED pairs/3.in" in merged.out
    assert "REGRESSED" not in mirror.run("check").first


def test_a_case_that_is_gone_is_gone_from_the_merged_run_and_from_no_shard(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    mirror.run("check")
    for end in ("in", "out"):
        (mirror.folder / "cases" / f"5.{end}").unlink()
    files = shards(mirror, 3)
    merged = mirror.run("runs", "merge", *files)
    assert merged.code == 3
    assert "gone      pairs/5.in" in merged.out


def test_what_no_shard_needed_is_noted_and_what_one_needed_is_not(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    mirror.pair("spaces", "a  \n", "a\n")
    rules = """
    [[suite.rule]]
    cases = "nothing-like-it"
    matcher = "exact"
    [[suite.rule]]
    matcher = "text"
    normalize = ["trailing-whitespace", { name = "never", replace = "nowhere", with = "" }]
    """
    mirror.config(CAT, rules=rules)
    out = mirror.run("runs", "merge", *shards(mirror, 3)).out
    assert "pairs rule 1 (exact) judges no case" in out
    assert "no pass needs 'never'" in out
    assert "trailing-whitespace" not in out


def test_a_flaky_case_of_a_shard_is_flaky_in_the_whole(workspace: Workspace) -> None:
    log = workspace.folder / "log"
    body = f"""
    def render(case):
        with open({str(log)!r}, "a+") as file:
            file.write("!")
            file.seek(0)
            return case.input if len(file.read()) % 2 else "wrong"
    """
    workspace.pair("a", "x", "x")
    workspace.config(workspace.worker(body))
    export = workspace.folder / "merged.json"
    merged = workspace.run("runs", "merge", "--json", str(export), *shards(workspace, 1, "--repeat", "2"))
    assert "--repeat 2" in merged.first
    assert json.loads(export.read_text())["results"][0]["why"] == "flaky (1 failed, 1 passed); output differs"


def test_a_merged_run_can_be_written_as_junit_and_for_github(mirror: Workspace) -> None:
    ran = mirror.run("runs", "merge", "--format", "github", "--junit", "junit.xml", *shards(mirror, 2))
    assert "::error " in ran.out
    assert (mirror.folder / "junit.xml").read_text().count("<testcase") == 19


# --- what is wrong -------------------------------------------------------------------------------------------------


def test_a_missing_shard_makes_the_run_incomplete(mirror: Workspace) -> None:
    mirror.run("check")
    files = shards(mirror, 3)
    merged = mirror.run("runs", "merge", files[0], files[2])
    assert merged.code == 4
    assert "incomplete: shard 2/3 is missing" in merged.first
    assert "REGRESSED" not in mirror.run("check").first, "it is no baseline"


def test_a_shard_whose_target_was_down_takes_the_whole_down(mirror: Workspace) -> None:
    mirror.config(f'build = [["sh", "-c", "exit $(cat {mirror.folder}/code)"]]\n{CAT}')
    mirror.write("code", "0")
    first = shard(mirror, 1, 2)[1]
    mirror.write("code", "9")
    ran, second = shard(mirror, 2, 2)
    assert ran.code == 5
    merged = mirror.run("runs", "merge", str(first), str(second))
    assert merged.code == 5
    assert "target port: shard 2/2: the build failed" in merged.out


def test_an_incomplete_shard_makes_the_run_incomplete(mirror: Workspace) -> None:
    for number in range(18):
        mirror.pair(str(number), "x", "y")
    merged = mirror.run("runs", "merge", *shards(mirror, 2, "--max-fail", "1", "--workers", "1"))
    assert merged.code == 4
    assert "incomplete: shard 1/2: stopped after 1 failed" in merged.first


def test_a_linter_that_failed_in_a_shard_fails_the_run(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    mirror.config(f'check = [["false"]]\n{CAT}')
    merged = mirror.run("runs", "merge", *shards(mirror, 2))
    assert (merged.code, merged.out.count("check failed")) == (1, 1)


def other_plan(mirror: Workspace) -> str:
    mirror.write("cases/4.in", "four")
    return "shard-2.json: judged by another plan than this workspace has"


def other_case(mirror: Workspace) -> str:
    mirror.pair("more", "x", "x")
    mirror.pair("even-more", "x", "x")
    mirror.pair("and-more", "x", "x")
    return "has no result for"


def less_cases(mirror: Workspace) -> str:
    for name in (mirror.folder / "cases").glob("*"):
        if name.stem != "7":
            name.unlink()
    return "and this workspace does not"


def other_rule(mirror: Workspace) -> str:
    mirror.config(CAT, rules='[[suite.rule]]\nmatcher = "text"\nnormalize = ["trailing-newlines"]\n')
    return "judged by another plan than this workspace has"


def other_list(mirror: Workspace) -> str:
    mirror.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/7.in" = "x"\n')
    return "judged by another plan than this workspace has pairs/7.in"


def other_revision(mirror: Workspace) -> str:
    mirror.config(CAT, top='[source]\nroot = "."\nrev = "2.0"')
    return "and [source] rev is 2.0 here"


@pytest.mark.parametrize("change", [other_plan, other_case, less_cases, other_rule, other_list, other_revision])
def test_a_shard_of_another_state_of_the_workspace_is_refused(
    mirror: Workspace, change: Callable[[Workspace], str]
) -> None:
    files = shards(mirror, 3)
    says = change(mirror)
    merged = mirror.run("runs", "merge", *files)
    assert merged.code == 2
    assert says.rpartition("shard-2.json: ")[2] in merged.err
    assert "shard-" in merged.err
    assert mirror.run("runs").out.count("whole") == 0, "and leaves nothing behind"


def test_a_shard_of_another_program_is_refused(mirror: Workspace) -> None:
    mirror.write("port", "#!/bin/sh\ncat\n").chmod(0o755)
    mirror.config('protocol = "command"\ncommand = ["./port"]')
    first = shard(mirror, 1, 2)[1]
    mirror.write("port", "#!/bin/sh\nexec cat\n")
    second = shard(mirror, 2, 2)[1]
    merged = mirror.run("runs", "merge", str(first), str(second))
    assert merged.code == 2
    assert f"shard-2.json: was run with another program than {first}" in merged.err


def test_shards_that_do_not_belong_together_are_all_named(mirror: Workspace) -> None:
    first, second = shards(mirror, 2)
    third = str(shard(mirror, 3, 3)[1])
    whole = mirror.folder / "whole.json"
    mirror.run("check", "--json", str(whole))
    part = mirror.folder / "part.json"
    mirror.run("check", "1.in", "--shard", "1/1", "--json", str(part))
    mirror.write("no.json", "{}")
    ran = mirror.run("runs", "merge", first, second, first, third, str(whole), str(part), "no.json", "missing.json")
    assert ran.code == 2
    assert f"is shard 1/2 once more, as {first} is" in ran.err
    assert f"is shard 3 of 3, and {first} one of 2" in ran.err
    assert "whole.json: is no shard of a whole run but a whole run" in ran.err
    assert "part.json: is no shard of a whole run but 1.in --shard 1/1" in ran.err
    assert "no.json: is no run as --json writes it" in ran.err
    assert "missing.json: can not be read" in ran.err


def test_an_outcome_that_was_edited_into_a_shard_is_judged_again(mirror: Workspace) -> None:
    files = shards(mirror, 2)

    def lie(export: Any) -> None:  # noqa: ANN401 - JSON
        for one in export["results"]:
            one |= {"outcome": "passed", "standing": "passed", "achieved": "exact", "allowed": "exact", "why": None}

    for path in files:
        edited(path, lie)
    assert mirror.run("runs", "merge", *files).code == 1


@pytest.mark.parametrize("reply", [{"died": {"exit": 3}, "output": "x"}, {"hung": {"years": 1}}, {"output": 3}, {}])
def test_a_reply_that_is_none_is_told(mirror: Workspace, reply: dict[str, Any]) -> None:
    (file,) = shards(mirror, 1)
    edited(file, lambda export: export["results"][0].update(reply=reply))
    ran = mirror.run("runs", "merge", file)
    assert ran.code == 2
    assert "its reply to pairs/0.in is none" in ran.err
    assert ran.err.count("\n") == 1


def test_breaches_are_found_once_and_whole_by_whoever_merges(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    mirror.write("skiplist.toml", "format = 1\n")
    assert mirror.run("check").code == 0
    assert mirror.run("lock").code == 0
    for git in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "base"]):
        subprocess.run(["git", *git], cwd=mirror.folder, check=True)  # noqa: S607 - the user's own
    for number in (3, 4, 5):
        mirror.pair(str(number), f"{number}!", f"{number}!")
    for path in (mirror.folder / "cases").glob("8.*"):
        path.unlink()
    mirror.write("skiplist.toml", 'format = 1\n[flaky]\n"pairs/9.in" = "now and then"\n')
    mirror.config(CAT, top="[limits]\ntimeout = 99")
    whole = mirror.run("check", "--against", "HEAD")
    gates = [line for line in whole.out.splitlines() if line.startswith("gate")]
    assert whole.code == 3
    assert len(gates) == 2 * (3 + 1 + 1 + 1), "edited, listed, gone, limits"
    for words in ((), ("--against", "HEAD")):
        files = shards(mirror, 3, *words)
        merged = mirror.run("runs", "merge", "--against", "HEAD", *files)
        assert merged.code == 3
        assert sorted(line for line in merged.out.splitlines() if line.startswith("gate")) == sorted(gates)
    alone = mirror.run("runs", "merge", *shards(mirror, 3))
    told = [line for line in alone.out.splitlines() if line.startswith("gate")]
    assert sorted(told) == sorted(line for line in gates if "harness.lock" in line)


def test_what_a_gate_found_in_a_shard_makes_the_whole_red(mirror: Workspace) -> None:
    mirror.pair("7", "7", "7")
    files = shards(mirror, 2)
    breach = {"case": "pairs/3.in", "says": "is judged more gently; restore its rule", "place": "harness.toml:4"}
    edited(files[1], lambda export: export["run"]["summary"]["breaches"].append(breach))
    merged = mirror.run("runs", "merge", *files)
    assert merged.code == 3
    assert "gate      harness.toml:4: pairs/3.in: is judged more gently" in merged.out
