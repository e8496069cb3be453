"""What the tests share: a workspace on disk, programs that pose as ports, and the command line as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no failure, and one commit gives one result.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

ROOT = Path(__file__).parent.parent
SUITES = Path(os.environ.get("HARNESS_SUITES", ROOT.parent / "shared" / "suites"))
PATIENCE = 60  # seconds until a run that does not end is given up


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        return self.out.partition("\n")[0]


@dataclass(frozen=True)
class Workspace:
    """A folder with a harness.toml, and the means to fill it."""

    folder: Path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(textwrap.dedent(content), encoding="utf-8", newline="")
        return path

    def pair(self, name: str, given: str | bytes, expected: str | bytes) -> None:
        """Add a case to the suite that `config` declares."""
        self.write(f"cases/{name}.in", given)
        self.write(f"cases/{name}.out", expected)

    def config(self, target: str, *, rules: str = "", suite: str = "", top: str = "") -> None:
        """Write a harness.toml with one suite of pairs; `target` is the body of `[target.port]`."""
        text = f'format = 1\n{top}\n[target.port]\n{target}\n[[suite]]\nname = "pairs"\nreader = "pairs"\n'
        text += f'inputs = "cases/*.in"\noutputs = "cases/{{stem}}.out"\n{suite}\n{rules}\n'
        self.write("harness.toml", text)

    def worker(self, body: str, name: str = "worker.py") -> str:
        """Write a Python worker around `render(case)`, served by the real kit; returns the target's body."""
        self.write(
            name, f"from harness_worker import *\n{textwrap.dedent(body)}\nserve(render, name='port', version='1')\n"
        )
        kit = ROOT / "adapters" / "worker" / "python"
        command = json.dumps([sys.executable, "{workspace}/" + name])
        return f'command = {command}\nenv = {{ PYTHONPATH = "{kit}" }}'

    def program(self, body: str, name: str = "program.py") -> str:
        """Write a program that speaks to stdin and stdout by itself; returns the target's body for `jsonl`."""
        self.write(name, body)
        return f"command = {json.dumps([sys.executable, '{workspace}/' + name])}"

    def run(self, *words: str, env: dict[str, str] | None = None, stdin: str | None = None) -> Ran:
        """Run `harness WORDS` here, as a user on a pipe would."""
        return run_harness(*words, cwd=self.folder, env=env, stdin=stdin)

    def export(self, *words: str) -> tuple[Ran, Any]:
        """Run `harness check --json` and return what it exported too."""
        path = self.folder / "export.json"
        ran = self.run("check", "--json", str(path), *words)
        return ran, json.loads(path.read_text(encoding="utf-8"))

    def interrupt(self, *words: str, sent: signal.Signals = signal.SIGINT, again: bool = False) -> Ran:
        """Run `harness WORDS`, and send it a signal once the file `started` is here, and `again` once `heard` is."""
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", *words],
            cwd=self.folder,
            env=environment({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for file in ("started", "heard") if again else ("started",):
            until = time.monotonic() + PATIENCE
            while not (self.folder / file).exists() and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(sent)
        out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)


def run_harness(*words: str, cwd: Path, env: dict[str, str] | None = None, stdin: str | None = None) -> Ran:
    done = subprocess.run(
        [sys.executable, "-m", "harness", *words],
        cwd=cwd,
        env=environment(env or {}),
        input=stdin or "",
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def environment(own: dict[str, str]) -> dict[str, str]:
    """What a harness finds around it: what we find, but for what would change its output."""
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**clean, "PYTHONPATH": str(ROOT), **own}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty folder to make a workspace of."""
    return Workspace(tmp_path)


@pytest.fixture(scope="session")
def suites() -> Path:
    """The real suites of other projects; tests that need them say so when they are missing."""
    if not (SUITES / "minijinja").is_dir():
        pytest.skip(f"needs the suites at {SUITES} (HARNESS_SUITES names another place)")
    return SUITES
