"""Every code block of the documentation does what the page says.

- A `console` block is run in bash, line by line: `$ ` starts a command, what follows is its output, in which `...`
  stands for any number of lines. Run ids, times and durations may differ.
- A block after `<!-- file: NAME -->` is written to that file before the next command runs.
- `toml`, `json`, `yaml`, `go` and `js` blocks are parsed, `python` blocks compiled, `sql` blocks run against the store
  of the demo. (The blocks of the kits' page are built and run by `test_kits.py`, those of Rust too.)
- `text` blocks are drawings and transcripts; they are not run.

A page says once where it is run: `<!-- run in: the repository -->` or `<!-- run in: an empty folder -->`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from .conftest import ROOT, SUITES

PAGES = sorted(
    page
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("adapters/**/README.md"),
    ]
    if not {"node_modules", ".venv", "target"} & set(page.parts)
)
KNOWN = {"console", "toml", "json", "python", "sql", "text", "go", "rust", "js", "make", "yaml"}
PARSERS = {
    "go": ["gofmt", "-e"],
    "js": ["node", "--check", "--input-type=module", "-"],
    "yaml": [sys.executable, "-c", "import sys, yaml; yaml.safe_load(sys.stdin)"],
}
NEEDS = {"go": "go", "cargo": "cargo", "node": "node", "npm": "npm"}


@dataclass(frozen=True)
class Block:
    language: str
    text: str
    file: str | None
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^(?:<!-- file: (\S+) -->\n)?```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(one[2], one[3], one[1], text.count("\n", 0, one.start()) + 1) for one in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if "../shared/suites" in text and "console" in text and not (SUITES / "minijinja").is_dir():
        pytest.skip(f"needs the suites at {SUITES}")
    found = blocks(page)
    where = re.search(r"<!-- run in: (the repository|an empty folder) -->", text)
    assert where or not any(block.language == "console" for block in found), f"{page}: say where its commands run"
    folder = ROOT if where and where[1] == "the repository" else tmp_path
    for block in found:
        assert block.language in KNOWN, f"{page}:{block.line}: a block without a known language"
        if block.file:
            path = folder / block.file
            assert folder == tmp_path, f"{page}:{block.line}: files are written in an empty folder only"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        check(block, page, folder)


def check(block: Block, page: Path, folder: Path) -> None:
    match block.language:
        case "toml":
            tomllib.loads(block.text)
        case "json":
            json.loads(block.text)
        case "python":
            compile(block.text, f"{page}:{block.line}", "exec")
        case "sql":
            run(["harness", "check"], ROOT)
            sqlite3.connect(ROOT / ".harness" / "store.db").execute(block.text.strip()).fetchall()
        case "console":
            for command, expected in commands(block.text):
                program = command.split()[0]
                if program in NEEDS and shutil.which(program) is None:
                    pytest.skip(f"{program} is not installed")
                assert_alike(f"{page}:{block.line}: $ {command}", expected, run(["bash", "-c", command], folder))
        case language if (parser := PARSERS.get(language)) and shutil.which(parser[0]):
            subprocess.run(
                parser, input=block.text, encoding="utf-8", stdout=subprocess.DEVNULL, timeout=60, check=True
            )
        case _:
            pass


def commands(text: str) -> list[tuple[str, list[str]]]:
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and line.startswith("> "):
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
    return found


def run(argv: list[str], folder: Path) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "FORCE_COLOR")}
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**environment, "PATH": path, "PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    return done.stdout


def assert_alike(where: str, expected: list[str], actual: str) -> None:
    """Compare output with what the page shows; an empty expectation is no claim about the output."""
    if not any(expected):
        return
    pattern = "".join("(?:.*\n)*?" if line == "..." else re.escape(steady(line) + "\n") for line in expected)
    text = "\n".join(map(steady, actual.splitlines())) + "\n"
    assert re.fullmatch(pattern, text), (
        f"{where}\n--- the page says\n" + "\n".join(expected) + f"\n--- it printed\n{actual}"
    )


def steady(line: str) -> str:
    """Take out of a line what differs from run to run."""
    line = re.sub(r"\brun [0-9a-f]{4,6}\b", "run ####", line.rstrip())
    line = re.sub(r"^[0-9a-f]{4}  \d{4}-\d\d-\d\dT[\d:+]+", "####  (when)", line)
    line = re.sub(r"\bsince \d{4}-\d\d-\d\d$", "since (when)", line)
    return re.sub(r" *\b\d+(?:\.\d+)? (ms|s)\b", r" # \1", line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{page}: {link} leads nowhere"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}
            assert anchor in slugs, f"{page}: {link}: no such heading"
