"""Small nights for the tests of the loop: a port that lacks words, in a git repository, and agents that do as told."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .conftest import PATIENCE, ROOT, Ran, Workspace, environment

if TYPE_CHECKING:
    from harness.model import Json

GIT = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main")

PORT = """
WORDS = {
    "one": "1",
    "zero": "0",
}


def render(case):
    return WORDS.get(case.input.strip(), "?") + "\\n"
"""

AGENT = """
import json, os, subprocess, sys, time
from pathlib import Path

brief = sys.stdin.read()
tried = brief.count("\\nAttempt ")


def edit(name, old, new):
    path = Path(name)
    path.write_text(path.read_text().replace(old, new, 1))


def learn(word, number):
    edit("port/port.py", "}", f'    "{word}": "{number}",\\n}}')


def tell(**event):
    print(json.dumps(event), flush=True)


"""


@dataclass(frozen=True)
class Night:
    """A workspace that is a repository, whose temporary files lie beside it."""

    workspace: Workspace

    @property
    def folder(self) -> Path:
        return self.workspace.folder

    @property
    def temporary(self) -> Path:
        return self.folder.parent / "tmp"

    def agent(self, body: str, **keys: Json) -> None:
        """Write the agent: Python, in which `tried` is the number of earlier attempts that the brief tells of."""
        self.workspace.write("agent.py", AGENT + textwrap.dedent(body))
        config = (self.folder / "harness.toml").read_text().partition("[loop]")[0]
        table = {"command": [sys.executable, "{workspace}/agent.py"], **keys.pop("agent", {})}
        top = "".join(f"{name} = {json.dumps(value)}\n" for name, value in {"edit": ["port/**"], **keys}.items())
        own = "".join(f"{name} = {_toml(value)}\n" for name, value in table.items())
        self.workspace.write("harness.toml", f"{config}[loop]\n{top}\n[loop.agent.test]\n{own}")
        self.commit()

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", "By hand")

    def git(self, *words: str) -> str:
        done = subprocess.run([*GIT, *words], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def run(self, *words: str, program: Path | None = None, env: dict[str, str] | None = None) -> Ran:
        """Run `harness WORDS`, or a program that stands in for it."""
        self.temporary.mkdir(exist_ok=True)
        start = [sys.executable, str(program)] if program else [sys.executable, "-m", "harness"]
        done = subprocess.run(
            [*start, *words],
            cwd=self.folder,
            env=environment({"TMPDIR": str(self.temporary), **(env or {})}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def report(self) -> Json:
        return json.loads(self.run("loop", "report", "--format", "json").out)

    def outcomes(self) -> list[tuple[str, str]]:
        """Return (outcome, why) of each attempt, in their order."""
        report = self.report()
        return [(one["outcome"], one["why"]) for one in sorted(report["kept"] + report["others"], key=_number)]

    def steps(self, kind: str) -> list[Json]:
        with sqlite3.connect(self.folder / ".harness" / "loop.db") as db:
            return [json.loads(said) for (said,) in db.execute("SELECT said FROM steps WHERE step = ?", (kind,))]

    def see_nothing_is_left(self) -> None:
        """Wait until no process works in our folders, and see that no clone is left."""
        until = time.monotonic() + PATIENCE
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.02)
        assert not left

    def processes(self) -> list[str]:
        """Return the commands of all processes that were started in our folders, or with a path in them."""
        found = []
        place = str(self.folder.parent).encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                command = Path("/proc", pid, "cmdline").read_bytes()
                where = os.fsencode(os.readlink(f"/proc/{pid}/cwd"))
            except OSError:
                continue
            if (place in command or where.startswith(place)) and int(pid) != os.getpid():
                found.append(f"{pid} {command!r}")
        return found


def _toml(value: Json) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {json.dumps(one)}" for name, one in value.items()) + " }"
    return json.dumps(value)


def _number(attempt: Json) -> int:
    return int(attempt["attempt"])


def make(folder: Path) -> Night:
    """Make a port that knows two words of four, in a repository."""
    workspace = Workspace(folder / "night")
    workspace.folder.mkdir()
    for name, number in (("zero", "0"), ("one", "1"), ("two", "2"), ("three", "3")):
        workspace.pair(name, name, f"{number}\n")
    workspace.config('protocol = "python"\ncallable = "port.port:render"\nworkers = 1')
    workspace.write("port/port.py", PORT.lstrip())
    workspace.write("port/__init__.py", "")
    workspace.write(".gitignore", "__pycache__/\n")
    night = Night(workspace)
    night.git("init", "--quiet")
    night.commit()
    return night


MORTAL = ROOT / "tests" / "mortal.py"
"""`harness`, but it dies where it is told to."""
