"""`check --against REF`: what has been judged more gently since a git revision is named, whoever locked it since."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from .conftest import Workspace

if TYPE_CHECKING:
    from pathlib import Path

CAT = 'default = true\nprotocol = "command"\ncommand = ["cat"]'
TODO = 'format = 1\n[todo]\n"pairs/bad.in" = "not ported"\n'
EATS = '[[suite.rule]]\nmatcher = "text"\nnormalize = [{ name = "noise", replace = "(?s).+" }]\n'


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8", timeout=60).stdout


@pytest.fixture
def committed(workspace: Workspace) -> Workspace:
    """A green workspace with a lock, committed on `main`."""
    workspace.config(CAT)
    for name, expected in {"one": "one", "two": "two", "bad": "good"}.items():
        workspace.pair(name, name, expected)
    workspace.write("skiplist.toml", TODO)
    assert workspace.run("check").code == 0
    workspace.run("lock")
    git(workspace.folder, "init", "-q")
    git(workspace.folder, "add", "-A")
    git(workspace.folder, "commit", "-qm", "base")
    return workspace


def relock(workspace: Workspace) -> None:
    workspace.run("check")
    assert workspace.run("lock").code == 0


def edit(workspace: Workspace, name: str, before: str, after: str) -> None:
    text = (workspace.folder / name).read_text(encoding="utf-8")
    assert before in text
    workspace.write(name, text.replace(before, after))


def test_nothing_has_changed(committed: Workspace) -> None:
    ran = committed.run("check", "--against", "main")
    assert (ran.code, ran.out.count("\n")) == (0, 1)


@pytest.mark.parametrize(
    ("name", "before", "after", "says"),
    [
        ("cases/bad.out", "good", "bad", "pairs/bad.in: changed reference (against main)"),
        ("cases/one.in", "one", "one\n", "pairs/one.in: changed input"),
        ("skiplist.toml", "[todo]", '[todo]\n"pairs/one.in" = "x"', "pairs/one.in: now in the skip list as todo"),
        ("skiplist.toml", "[todo]", "[flaky]", "pairs/bad.in: now in the skip list as flaky, was todo (against main)"),
        ("harness.toml", '["cat"]', '["tee"]', "target port: changed command (against main)"),
        (
            "harness.toml",
            "[[suite]]",
            "[limits]\ntimeout = 60\n[[suite]]",
            "suite pairs: changed limits (against main)",
        ),
        ("harness.toml", '.out"', f'.out"\n{EATS}', "pairs/one.in: changed rule (may pass as normalized, was exact)"),
    ],
)
def test_what_is_judged_more_gently_is_named_though_it_was_locked_again(
    committed: Workspace, name: str, before: str, after: str, says: str
) -> None:
    edit(committed, name, before, after)
    relock(committed)
    ran = committed.run("check", "--against", "main")
    assert "GATE" in ran.first
    assert f"gate      {says}" in ran.out or f": {says}" in ran.out
    assert "against harness.lock" not in ran.out
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-qm", "all of it committed")
    assert says.replace("main", "main~1") in committed.run("check", "--against", "main~1").out
    assert "gate" not in committed.run("check", "--against", "main").out


def test_a_case_that_is_dropped_and_one_that_passed_at_the_base_are_named(committed: Workspace) -> None:
    for name in ("two.in", "two.out"):
        (committed.folder / "cases" / name).unlink()
    relock(committed)
    ran = committed.run("check", "--against", "main")
    assert "gate      pairs/two.in: gone (against main)" in ran.out
    git(committed.folder, "checkout", "-q", ".")
    edit(committed, "skiplist.toml", "[todo]", '[flaky]\n"pairs/one.in" = "x"\n[todo]')
    edit(committed, "harness.toml", '["cat"]', '["echo", "two"]')
    relock(committed)
    ran = committed.run("check", "--against", "main")
    assert "pairs/one.in: now in the skip list as flaky, failed, was passed (against main)" in ran.out


def test_a_suite_that_leaves_the_config_is_missed(committed: Workspace) -> None:
    text = (committed.folder / "harness.toml").read_text(encoding="utf-8")
    committed.write("harness.toml", text.replace('"pairs"\nreader', '"other"\nreader'))
    committed.write("skiplist.toml", TODO.replace("pairs", "other"))
    relock(committed)
    ran = committed.run("check", "--against", "main")
    assert ran.out.count("gone (against main)") == 3


def test_a_stricter_rule_a_shorter_list_and_new_cases_are_no_breach(committed: Workspace) -> None:
    edit(committed, "harness.toml", '.out"', f'.out"\n{EATS}')
    committed.write("skiplist.toml", "format = 1\n")
    relock(committed)
    git(committed.folder, "commit", "-qam", "loose")
    edit(committed, "harness.toml", EATS, "")
    committed.pair("new", "new", "new")
    relock(committed)
    ran = committed.run("check", "--against", "HEAD")
    assert ran.code == 1
    assert "gate" not in ran.out


def test_a_skip_list_that_git_does_not_know_yet_is_compared(committed: Workspace) -> None:
    git(committed.folder, "rm", "-q", "--cached", "skiplist.toml")
    git(committed.folder, "commit", "-qm", "no list")
    assert "pairs/bad.in: now in the skip list as todo" in committed.run("check", "--against", "HEAD").out


def test_a_changed_file_that_git_was_told_to_overlook_is_seen(committed: Workspace) -> None:
    git(committed.folder, "update-index", "--assume-unchanged", "cases/bad.out")
    committed.write("cases/bad.out", "bad")
    committed.write("skiplist.toml", "format = 1\n")
    relock(committed)
    assert "pairs/bad.in: changed reference" in committed.run("check", "--against", "main").out


def test_an_accepted_difference_is_compared_with_what_was_accepted(committed: Workspace) -> None:
    entry = 'format = 1\n[accepted]\n"pairs/bad.in" = { reason = "for good", reference = "accepted/bad", of = "0" }\n'
    committed.write("skiplist.toml", entry)
    committed.write("accepted/bad", "bad")
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-qm", "accept")
    assert committed.run("check", "--against", "HEAD").out.count("against HEAD") == 0
    committed.write("accepted/bad", "bad\n")
    edit(committed, "harness.toml", '["cat"]', '["sed", "p"]')
    assert (
        "pairs/bad.in: now in the skip list as accepted, was accepted (against HEAD)"
        in committed.run("check", "--against", "HEAD").out
    )


def test_a_lock_or_a_protection_that_is_removed_is_missed(committed: Workspace) -> None:
    committed.config(CAT, top='[[protect]]\ncases = ["pairs/o*"]\nreason = "safety"\n')
    relock(committed)
    git(committed.folder, "commit", "-qam", "protect")
    committed.config(CAT)
    (committed.folder / "harness.lock").unlink()
    ran = committed.run("check", "--against", "HEAD")
    assert ran.code == 3
    assert "gate      harness.lock is gone (against HEAD); restore it" in ran.out
    assert "gate      target port: changed [[protect]] (against HEAD)" in ran.out


def test_an_allowance_lets_one_change_pass_and_not_the_next_and_is_told(committed: Workspace) -> None:
    committed.write("cases/bad.out", "better")
    words = ("check", "--against", "main", "--allow", "pairs/bad.in", "--reason", "the source was wrong")
    relock(committed)
    assert committed.run(*words).code == 0
    ran = committed.run("check", "--against", "main")
    assert ran.code == 0
    assert "note: allowed since main: pairs/bad.in (the source was wrong)" in ran.out
    committed.write("cases/bad.out", "best")
    relock(committed)
    assert committed.run("check", "--against", "main").code == 3
    committed.write("cases/bad.out", "better")
    git(committed.folder, "add", "-A")
    git(committed.folder, "commit", "-qm", "allowed")
    relock(committed)
    assert "allowed since" not in committed.run("check", "--against", "main").out
    ran = committed.run(*words)
    assert (ran.code, ran.err[:5]) == (2, "ERROR")
    assert "nothing about it needs to be allowed" in ran.err


def test_a_protected_case_can_not_be_allowed(committed: Workspace) -> None:
    committed.config(CAT, top='[[protect]]\ncases = ["pairs/one*"]\nreason = "safety"\n')
    git(committed.folder, "commit", "-qam", "protect")
    edit(committed, "skiplist.toml", "[todo]", '[todo]\n"pairs/one.in" = "x"')
    ran = committed.run("check", "--against", "HEAD", "--allow", "**", "--reason", "x")
    assert ran.code == 3
    assert "pairs/one.in: is protected (safety), and the skip list must not have it" in ran.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--against", "nope"), "--against nope: is no revision of this repository; name a commit"),
        (("--against", "--help"), "--against --help: is no revision"),
        (("--against", "auto"), "--against auto: neither GitHub nor GitLab says what the base is"),
        (("--allow", "x", "--reason", "y"), "--allow, --reason and --against go together"),
        (("--against", "main", "--allow", "x"), "--allow, --reason and --against go together"),
    ],
)
def test_what_can_not_be_compared_is_told(committed: Workspace, words: tuple[str, ...], says: str) -> None:
    ran = committed.run("check", *words)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


def test_a_folder_that_git_does_not_know_is_told(workspace: Workspace) -> None:
    workspace.config(CAT)
    workspace.pair("a", "a", "a")
    assert "the workspace is in no git repository" in workspace.run("check", "--against", "main").err
    git(workspace.folder, "init", "-q")
    git(workspace.folder, "commit", "-q", "--allow-empty", "-m", "before")
    ran = workspace.run("check", "--against", "HEAD")
    assert ran.code == 0
    assert "note: HEAD has no harness.toml here: there is nothing to hold this run against" in ran.out


def test_a_base_that_a_shallow_clone_has_not_is_told_with_the_command_that_fetches_it(
    committed: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = git(committed.folder, "rev-parse", "HEAD").strip()
    edit(committed, "skiplist.toml", "not ported", "not yet")
    git(committed.folder, "commit", "-qam", "more")
    clone = Workspace(tmp_path_factory.mktemp("clones") / "clone")
    git(committed.folder, "clone", "-q", "--depth=1", f"file://{committed.folder}", str(clone.folder))
    event = clone.write("event.json", json.dumps({"pull_request": {"base": {"sha": base}}}))
    ran = clone.run("check", "--against", "auto", env={"GITHUB_EVENT_PATH": str(event)})
    assert ran.code == 2
    assert f"is not in this shallow clone; git fetch --depth=1 origin {base}" in ran.err
    git(clone.folder, "fetch", "-q", "--depth=1", "origin", base)
    assert clone.run("check", "--against", "auto", env={"GITHUB_EVENT_PATH": str(event)}).code == 0


@pytest.mark.parametrize(
    ("event", "variables"),
    [
        ({"pull_request": {"base": {"sha": "BASE"}}}, {}),
        ({"before": "BASE", "repository": {"default_branch": "main"}}, {}),
        ({"before": "0" * 40, "repository": {"default_branch": "main"}}, {}),
        (None, {"CI_MERGE_REQUEST_DIFF_BASE_SHA": "BASE", "CI_COMMIT_BEFORE_SHA": "0" * 40}),
        (None, {"CI_COMMIT_BEFORE_SHA": "BASE"}),
        (None, {"CI_COMMIT_BEFORE_SHA": "0" * 40, "CI_DEFAULT_BRANCH": "main"}),
    ],
)
def test_in_ci_the_base_is_what_the_event_says(
    committed: Workspace, event: dict[str, object] | None, variables: dict[str, str]
) -> None:
    base = git(committed.folder, "rev-parse", "HEAD").strip()
    git(committed.folder, "update-ref", "refs/remotes/origin/main", base)
    edit(committed, "skiplist.toml", "[todo]", '[todo]\n"pairs/one.in" = "x"')
    relock(committed)
    git(committed.folder, "commit", "-qam", "worse")
    env = {name: value.replace("BASE", base) for name, value in variables.items()}
    if event is not None:
        text = json.dumps(event).replace("BASE", base)
        env["GITHUB_EVENT_PATH"] = str(committed.write(".harness/event.json", text))
    ran = committed.run("check", "--against", "auto", env=env)
    assert ran.code == 3
    assert "pairs/one.in: now in the skip list as todo" in ran.out


def test_a_workspace_below_the_top_and_a_source_outside_of_the_repository(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = Workspace(tmp_path_factory.mktemp("source"))
    source.pair("a", "a", "a")
    port = Workspace(tmp_path / "ports" / "mine")
    port.config(CAT, top=f'[source]\nroot = "{source.folder}"')
    port.run("check")
    port.run("lock")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "base")
    ran = port.run("check", "--against", "HEAD")
    assert ran.code == 0
    assert "note: the source's files are no part of this repository, and read as they are now" in ran.out
    source.pair("a", "a", "b")
    port.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "x"\n')
    relock(port)
    ran = port.run("check", "--against", "HEAD")
    assert "pairs/a.in: changed reference, now in the skip list as todo" in ran.out, "the lock of then knew it"
