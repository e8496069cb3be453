"""`action.yml`: its shell steps do what they say, in a real checkout; GitHub's part are files and variables."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .conftest import ROOT, Ran, Workspace
from .test_package import OFFLINE

if TYPE_CHECKING:
    from pathlib import Path

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = [step for step in STEPS if "run" in step]
CI = ROOT / "docs" / "how-to" / "ci.md"


class Runner:
    """Runs shell steps one after the other as GitHub does: `bash -eo pipefail`, what they leave in files read back."""

    def __init__(self, repository: Path, temp: Path, inputs: dict[str, str]) -> None:
        self.repository = repository
        self.temp = temp
        self.path: list[str] = []
        self.values = {f"inputs.{name}": inputs.get(name, one["default"]) for name, one in ACTION["inputs"].items()}
        self.values["steps.python.outputs.python-path"] = sys.executable
        self.files = {name: temp / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}

    def expanded(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.values[found[1]], text)

    def run(self, step: dict[str, Any]) -> Ran:
        for file in self.files.values():
            file.touch()
        given = ("GITHUB_", "HARNESS", "CI_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(given)}
        own = {name: self.expanded(value) for name, value in step.get("env", {}).items()}
        environment = {
            **clean,
            **{name: str(path) for name, path in self.files.items()},
            **own,
            "CI": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_WORKSPACE": str(self.repository),
            "GITHUB_EVENT_PATH": str(self.temp / "event.json"),
            "RUNNER_TEMP": str(self.temp),
            "PATH": os.pathsep.join([*self.path, "/usr/bin", "/bin"]),
        }
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        folder = self.repository / self.expanded(step.get("working-directory", "."))
        done = subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=300, check=False
        )
        self.path = [line for line in self.files["GITHUB_PATH"].read_text().split("\n") if line]
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which the steps before the check have been run."""
    temp = tmp_path_factory.mktemp("runner")
    runner = Runner(temp, temp, {})
    for step in SCRIPTS[:-1]:
        ran = runner.run(step)
        if ran.code != 0 and OFFLINE.search(ran.err):
            pytest.skip("the harness can not be installed without a package index")
        assert ran.code == 0, ran.err
    return runner


def checked(installed: Runner, repository: Path, **inputs: str) -> tuple[Ran, str]:
    """Run the step that checks, as the last of a job; return what it left in the job summary too."""
    runner = Runner(repository, installed.temp, inputs)
    runner.path = installed.path
    runner.files["GITHUB_STEP_SUMMARY"].unlink(missing_ok=True)
    ran = runner.run(SCRIPTS[-1])
    return ran, runner.files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")


def commit(folder: Path) -> None:
    """Make a repository of a folder, with one commit."""
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "base"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S607 - the user's own


def test_no_input_is_ever_part_of_a_script() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert len(SCRIPTS) == 3
    for step in SCRIPTS:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]


def test_what_is_saved_is_what_is_restored() -> None:
    used = {step["uses"].partition("@")[0]: step["with"] for step in STEPS if "uses" in step}
    restored, saved = used["actions/cache/restore"], used["actions/cache/save"]
    assert (restored["path"], restored["key"]) == (saved["path"], saved["key"])
    assert saved["key"].startswith("port-harness-store-${{ github.job }}-${{ github.ref_name }}-")


def test_the_steps_install_the_command_and_nothing_else_on_the_path(installed: Runner) -> None:
    (folder,) = installed.path
    assert os.listdir(folder) == ["harness"]
    assert re.fullmatch(r"key=[0-9a-f]{64}\n", installed.files["GITHUB_OUTPUT"].read_text())


def test_the_check_passes_annotates_and_summarises(installed: Runner, workspace: Workspace) -> None:
    port = Workspace(workspace.folder / "port")
    port.folder.mkdir()
    port.config('protocol = "command"\ncommand = ["cat"]')
    port.pair("a", "a", "a")
    ran, summary = checked(installed, workspace.folder, workspace="port", against="")
    assert (ran.code, summary.partition("\n")[0]) == (0, "### harness: PASS")
    port.pair("b", "b", "c")
    ran, summary = checked(
        installed, workspace.folder, workspace="port", against="", arguments="--junit junit.xml pairs/b.*"
    )
    assert (ran.code, summary.partition("\n")[0]) == (1, "### harness: FAIL")
    assert "::error file=port/cases/b.out,line=1,title=pairs/b.in::failed: line 1: -c +b" in ran.out
    assert (port.folder / "junit.xml").exists()


def test_the_check_holds_the_books_against_the_base_of_the_event(installed: Runner, workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    workspace.pair("a", "a", "a")
    workspace.pair("b", "b", "b")
    commit(workspace.folder)
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/b.in" = { reason = "too hard", run = false }\n')
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=workspace.folder, check=True, capture_output=True)  # noqa: S607
    sha = base.stdout.decode().strip()
    commit(workspace.folder)
    (installed.temp / "event.json").write_text(json.dumps({"pull_request": {"base": {"sha": sha}}}))
    ran, summary = checked(installed, workspace.folder)
    assert (ran.code, summary.partition("\n")[0]) == (3, "### harness: GATE")
    says = f"now in the skip list as todo (against {sha}); restore it, or have a person --allow it"
    assert f"::error file=skiplist.toml,line=3,title=GATE pairs/b.in::{says}" in ran.out
    assert checked(installed, workspace.folder, against="")[0].code == 0


@pytest.mark.parametrize("suite", ["passes", "fails"])
def test_the_page_s_gitlab_job_does_what_it_says(workspace: Workspace, suite: str) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", CI.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (job,) = [yaml.safe_load(block)["port"] for block in blocks if "artifacts:" in block and "reports:" in block]
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    workspace.pair("a", "a", "a" if suite == "passes" else "b")
    workspace.pair("b", "b", "b")
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    script = "\n".join(line for line in job["script"] if not line.startswith("pip install"))
    env = {**os.environ, "PATH": path, "CI_COMMIT_BEFORE_SHA": "HEAD"}
    commit(workspace.folder)
    done = subprocess.run(["bash", "-ec", script], cwd=workspace.folder, env=env, check=False, capture_output=True)  # noqa: S607
    assert done.returncode == (0 if suite == "passes" else 1)
    assert (workspace.folder / job["artifacts"]["reports"]["junit"]).exists()
