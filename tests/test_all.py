"""`check --all`: the workspaces of a monorepo, a verdict each, one exit code."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from .conftest import Workspace

if TYPE_CHECKING:
    from pathlib import Path

CAT = 'protocol = "command"\ncommand = ["cat"]'


def member(workspace: Workspace, name: str, *, right: bool = True, target: str = CAT) -> Workspace:
    """Add a workspace of one case."""
    one = Workspace(workspace.folder / name)
    one.folder.mkdir(parents=True)
    one.config(target)
    one.pair("a", "a", "a" if right else "b")
    one.pair("b", "b", "b")
    return one


def verdicts(out: str) -> dict[str, str]:
    """Verdict by workspace."""
    lines = (line.partition(": ") for line in out.splitlines() if not line.startswith(("next: ", "  ")))
    return {where: told.partition(" ")[0] for where, _, told in lines}


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)  # noqa: S607 - the user's own


def test_each_workspace_has_its_line_and_the_strongest_verdict_the_exit_code(workspace: Workspace) -> None:
    member(workspace, "go/port")
    assert workspace.run("check", "--all").code == 0
    member(workspace, "js", right=False)
    member(workspace, "js/inner").write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "x"\n')
    ran = workspace.run("check", "--all")
    assert verdicts(ran.out) == {"go/port": "PASS", "js": "FAIL", "js/inner": "GATE"}
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "next: harness -C js digest")
    member(workspace, "rust", target='command = ["no-such-program"]')
    assert workspace.run("check", "--all").code == 5
    workspace.write("zig/harness.toml", "format = 1\nnonsense = 1\nmore = 2\n")
    ran = workspace.run("check", "--all")
    assert (ran.code, verdicts(ran.out)["zig"]) == (2, "ERROR")
    assert "nonsense" in ran.out


def test_what_is_hidden_installed_or_ignored_is_left_out(workspace: Workspace) -> None:
    git(workspace.folder, "init", "-q")
    workspace.write(".gitignore", "build/\n*.old/\n")
    for name in (".hidden/port", "node_modules/kit", "build/clone", "port.old", "port", "a/.harness/copy"):
        member(workspace, name)
    assert set(verdicts(workspace.run("check", "--all").out)) == {"port"}
    assert set(verdicts(Workspace(workspace.folder / "port").run("check", "--all").out)) == {"."}


def test_without_a_repository_nothing_is_ignored(workspace: Workspace) -> None:
    workspace.write(".gitignore", "build/\n")
    member(workspace, "build")
    assert set(verdicts(workspace.run("check", "--all", env={"GIT_CEILING_DIRECTORIES": "/"}).out)) == {"build"}


def test_no_workspace_at_all_is_an_error(workspace: Workspace) -> None:
    ran = workspace.run("check", "--all")
    assert ran.code == 2
    assert "no harness.toml in" in ran.err


def test_two_workspaces_have_each_their_own_module_of_one_name(workspace: Workspace) -> None:
    for name, text in (("one", "x"), ("two", "y")):
        own = Workspace(workspace.folder / name)
        own.write("own/reader.py", OWN.replace("TEXT", text))
        suite = '[[suite]]\nname = "own"\nreader = "own.reader"\n'
        own.write(
            "harness.toml", f"format = 1\n[target.port]\nprotocol='command'\ncommand=['echo', '-n', '{text}']\n{suite}"
        )
    assert verdicts(workspace.run("check", "--all").out) == {"one": "PASS", "two": "PASS"}


OWN = """
from harness.model import Case, Reference
from harness.errors import Place
OPTIONS = {}
def canonical(text): return text
def read(suite, root, options):
    place = Place(str(root / "own"))
    yield Case(suite, "a", "a", (Reference("output", ("TEXT",), place),), place)
"""


def test_options_about_how_to_run_are_passed_on_and_those_about_one_workspace_are_refused(
    workspace: Workspace,
) -> None:
    member(workspace, "port")
    assert "--isolate · --repeat 2" in workspace.run("check", "--all", "--isolate", "--repeat", "2").out
    for words in (["a.in"], ["--target", "port"], ["--junit", "x.xml"], ["--shard", "1/2"], ["--suite", "pairs"]):
        ran = workspace.run("check", "--all", *words)
        assert ran.code == 2
        assert "is about one workspace" in ran.err


def test_github_gets_every_workspace_annotated_and_summarised(workspace: Workspace) -> None:
    member(workspace, "one", right=False)
    member(workspace, "two", right=False)
    summary = workspace.folder / "summary.md"
    env = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(workspace.folder)}
    ran = workspace.run("check", "--all", "--format", "github", env=env)
    assert ran.code == 1
    for name in ("one", "two"):
        assert f"::error file={name}/cases/a.out,line=1,title=pairs/a.in::" in ran.out
        assert f"\n{name}: FAIL 1/2 pass" in ran.out
    assert summary.read_text().count("### harness: FAIL") == 2


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupted_check_ends_in_order_and_the_rest_is_not_run(workspace: Workspace) -> None:
    touch = f'touch "{workspace.folder}/started"; sleep 60'
    member(workspace, "a", target=f"protocol = 'command'\ncommand = ['sh', '-c', '{touch}']")
    member(workspace, "b")
    ran = workspace.interrupt("check", "--all")
    assert ran.code == 4
    assert verdicts(ran.out) == {"a": "NOTHING", "b": "NOTHING"}
    assert "b: NOTHING not run: interrupted" in ran.out
