"""How a run is told: the JSON export, the digest, a case's page, the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import struct
import subprocess
import sys
import time
from contextlib import suppress
from fcntl import ioctl
from importlib.resources import files
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from harness.events import Building, Completed
from harness.reports.plain import heartbeat

from .conftest import ROOT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from syrupy.assertion import SnapshotAssertion

SCHEMA = json.loads(files("harness").joinpath("schemas", "export.json").read_bytes())
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

PORT = r"""
import json, os, sys, time

SAYS = {
    "panic": {"panic": {"message": "KeyError: 'no such key'", "frames": ["render (port.py:11)"]}},
    "flood": {"output": "x" * 5000},
    "none": {"unsupported": "no macros yet"},
    "several": {"outputs": {"output": "page", "exit": 3, "logo": {"base64": "/wA="}}},
}
REFUSES = {"kind": "SyntaxError", "detail": "unexpected `}`", "line": 3, "text": "line 3: oh\n  no"}

print('{"ready": 1, "name": "port", "version": "1"}', flush=True)
sys.stdin.readline()
for line in sys.stdin:
    case = json.loads(line)
    if "open" in case:
        continue
    given = case["input"]
    if given == "crash":
        print("last words", file=sys.stderr)
        sys.exit(70)
    if given == "hang":
        time.sleep(60)
    refused = {"error": {**REFUSES, "name": case["name"]}} if given == "refuse" else {"output": given}
    reply = {"id": case["id"], **SAYS.get(given, refused)}
    print("no JSON" if given == "babble" else json.dumps(reply), flush=True)
"""

CASES = {
    "escape": ('[red]a[/red] :smile: \x1b[31m"\n\u202eb\n', '[red]a[/red] :smile: "\nb\n'),
    "babble": ("babble", "x"),
    "crash": ("crash", "x"),
    "flood": ("flood", "x"),
    "hang": ("hang", "x"),
    "lines": ("one\ntwo\nthree four\nfive\nsix\n", "one\ntwo\nthree\tfour\nfive\nseven\n"),
    "must_fail": ("it does not", "!!!\nkind: SyntaxError\nline: 3\n"),
    "none": ("none", "x"),
    "panic": ("panic", "x"),
    "refuse": ("refuse", "x"),
    "right_error": ("refuse", "!!!\nkind: SyntaxError\nline: 3\n"),
    "same": ("same", "same"),
    "several": ("several", "page"),
    "spaces": ("trailing  \n", "trailing\n"),
    "wrong_error": ("refuse", "!!!\nkind: UndefinedError\nline: 4\n"),
    "todo": ("a", "b"),
    "accepted": ("as recorded", "b"),
    "unsupported": ("none", "b"),
    "flaky": ("a", "b"),
    "stale": ("a", "a"),
    "kept_out": ("a", "b"),
}

RULES = """
[[suite.rule]]
reference = '\\A!!!'
matcher = "error"
pattern = 'kind: (?P<kind>\\w+)\\nline: (?P<line>\\d+)'
fields = { kind = "exact", line = "exact" }
[[suite.rule]]
cases = "spaces.in"
matcher = "text"
normalize = ["trailing-whitespace"]
[[suite]]
name = "later"
reader = "pairs"
inputs = "more/*.in"
outputs = "more/{stem}.out"
[[suite]]
name = "never"
reader = "pairs"
inputs = "more/*.in"
outputs = "more/{stem}.out"
out_of_scope = "it is another program's"
"""

SKIPS = """\
format = 1
[todo]
"pairs/todo.in" = "not ported"
"pairs/stale.in" = "was fixed"
"pairs/kept_out.in" = { reason = "takes the machine down", run = false }
[accepted]
"pairs/accepted.in" = { reason = "prints its own objects", reference = "recorded.txt", of = "31c089a4b37be6e7" }
[unsupported]
"pairs/unsupported.in" = "there are no macros"
[flaky]
"pairs/flaky.in" = "depends on the time of day"
"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose first run has every outcome and every standing."""
    workspace = Workspace(tmp_path_factory.mktemp("everything"))
    target = (
        workspace.program(PORT)
        + '\nsuites = ["pairs"]\nworkers = 2\ncheck = [["sh", "-c", "echo a.c:3: unused; exit 1"]]'
    )
    workspace.config(target, suite="timeout = 0.3\nmax_output = 4096", rules=RULES)
    for name, (given, expected) in CASES.items():
        workspace.pair(name, given, expected)
    workspace.write("more/one.in", "a")
    workspace.write("more/one.out", "a")
    workspace.write("recorded.txt", "as recorded")
    workspace.write("skiplist.toml", SKIPS)
    return workspace


@pytest.fixture(scope="module")
def export(everything: Workspace) -> Any:  # noqa: ANN401 - JSON
    ran, export = everything.export()
    assert ran.code == 1, ran.err
    return export


def steady(workspace: Workspace, text: str) -> str:
    """Take out of a report what differs from run to run and from machine to machine."""
    text = text.replace(str(workspace.folder), "WORKSPACE")
    text = re.sub(r"run [0-9a-f]{4,}", "run ####", text)
    text = re.sub(r"at least \d+ bytes", "at least # bytes", text)  # a reply repeats its id, k3 or k12
    return re.sub(r"\d+\.\d ms", "#.# ms", text)


# --- json ----------------------------------------------------------------------------------------------------------


def test_the_export_of_a_run_with_every_outcome_is_as_its_schema_says(export: Any) -> None:  # noqa: ANN401 - JSON
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(export)
    possible = SCHEMA["$defs"]["result"]["properties"]
    assert {one["outcome"] for one in export["results"]} | {"not_run"} == set(possible["outcome"]["enum"])
    assert {one["standing"] for one in export["results"]} | {"not_run"} == set(possible["standing"]["enum"])


def test_an_export_with_a_key_too_many_or_too_few_is_not_as_its_schema_says(export: Any) -> None:  # noqa: ANN401 - JSON
    validator = Draft202012Validator(SCHEMA)
    for name in export["run"]:
        assert not validator.is_valid(
            {**export, "run": {key: one for key, one in export["run"].items() if key != name}}
        )
    for name in export["results"][0]:
        less = {key: one for key, one in export["results"][0].items() if key != name}
        assert not validator.is_valid({**export, "results": [less]})
    assert not validator.is_valid({**export, "more": 1})


def test_the_export_has_each_case_in_the_order_of_reading_with_what_it_takes_to_see_why(export: Any) -> None:  # noqa: ANN401
    found = {one["id"].removeprefix("pairs/"): one for one in export["results"]}
    numbers = [one["number"] for one in export["results"]]
    assert numbers == sorted(numbers)
    assert len(export["results"]) == len(CASES) + 2
    assert found["same.in"]["reply"] is None
    assert found["same.in"]["achieved"] == "exact"
    assert found["spaces.in"]["achieved"] == "normalized"
    assert found["right_error.in"]["achieved"] == "fields"
    assert found["several.in"]["outcome"] == "passed"
    assert found["crash.in"]["reply"] == {"died": {"exit": 70, "said": ""}}
    assert found["crash.in"]["stderr"] == "last words\n"
    assert found["lines.in"]["detail"]["references"][0]["contents"] == [CASES["lines"][1]]
    assert found["kept_out.in"]["reason"] == "takes the machine down"


def test_an_export_of_an_interrupted_run_is_as_its_schema_says_too(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]\nworkers = 1')
    for number in range(5):
        workspace.pair(f"{number}", "a", "b")
    _, export = workspace.export("--max-fail", "1")
    Draft202012Validator(SCHEMA).validate(export)
    assert "not_run" in {one["outcome"] for one in export["results"]}


def test_an_export_replaces_the_one_before_it_and_leaves_nothing_beside_it(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    workspace.pair("a", "a", "a")
    first = workspace.export()[1]["run"]["id"]
    assert workspace.export()[1]["run"]["id"] != first
    assert [path.name for path in workspace.folder.glob("export*")] == ["export.json"]


# --- text ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("export")
def test_the_digest_of_a_run_with_every_outcome(everything: Workspace, snapshot: SnapshotAssertion) -> None:
    assert steady(everything, everything.run("digest").out) == snapshot


@pytest.mark.usefixtures("export")
@pytest.mark.parametrize(
    "name", ["lines", "wrong_error", "refuse", "must_fail", "crash", "same", "todo", "kept_out", "escape"]
)
def test_the_page_of_a_case(everything: Workspace, name: str, snapshot: SnapshotAssertion) -> None:
    assert steady(everything, everything.run("show", f"pairs/{name}.in").out) == snapshot


@pytest.mark.usefixtures("export")
def test_two_error_texts_are_compared_line_by_line_only_in_full(
    everything: Workspace, snapshot: SnapshotAssertion
) -> None:
    assert steady(everything, everything.run("show", "pairs/wrong_error.in", "--full").out) == snapshot


def test_the_same_run_gives_the_same_digest(everything: Workspace, export: Any) -> None:  # noqa: ANN401 - JSON
    name = export["run"]["id"]
    assert everything.run("digest", name).out == everything.run("digest", name).out


# --- terminal ------------------------------------------------------------------------------------------------------


def on_a_terminal(folder: Path, *words: str, columns: int = 80, **env: str) -> tuple[int, str]:
    """Run Python with these words on a pseudo-terminal; returns its exit code and all that it wrote."""
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "NO_COLOR", "COLUMNS", "LINES")}
    every = {**clean, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **env}
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    argv = [sys.executable, *words]
    process = subprocess.Popen(argv, cwd=folder, env=every, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    written = b""
    with suppress(OSError):  # Linux says EIO when the other side is gone
        while data := os.read(ours, 65536):
            written += data
    os.close(ours)
    return process.wait(), written.decode().replace("\r\n", "\n")


def check_on_a_terminal(workspace: Workspace, columns: int = 80, **env: str) -> tuple[int, str]:
    return on_a_terminal(workspace.folder, "-m", "harness", "check", columns=columns, **env)


@pytest.fixture
def colourful(workspace: Workspace) -> Workspace:
    """A port that says what would be colour, emoji and links to a careless printer."""
    workspace.config('protocol = "command"\ncommand = ["sh", "-c", "sleep 0.1; cat"]\nworkers = 2')
    for number in range(4):
        workspace.pair(f"a [red]case with a rather long name {number}", "[bold]x[/bold] :smile: " + "y" * 100, "z")
    workspace.pair("good", "a", "a")
    return workspace


def test_a_person_sees_the_digest_in_colour_after_live_progress(colourful: Workspace) -> None:
    code, seen = check_on_a_terminal(colourful)
    assert code == 1
    progress, _, digest = seen.rpartition("\x1b[?25h")
    assert "1 pass" in ANSI.sub("", progress)
    assert "\x1b[1;31mFAIL\x1b[0m 1/5 pass" in digest


def test_colour_apart_a_person_reads_what_a_pipe_gets(colourful: Workspace) -> None:
    _, seen = check_on_a_terminal(colourful, columns=40)
    digest = ANSI.sub("", seen.rpartition("\x1b[?25h")[2]).lstrip("\r")
    assert digest == colourful.run("digest").out
    assert "[bold]x[/bold] :smile: yyyyy" in digest


def test_live_progress_is_one_line_however_narrow_the_terminal(colourful: Workspace) -> None:
    _, seen = check_on_a_terminal(colourful, columns=40)
    progress = seen.rpartition("\x1b[?25h")[0]
    lines = [ANSI.sub("", line) for line in re.split(r"[\r\n]", progress)]
    assert max(map(len, lines)) <= 40
    assert progress.count("\n") <= 1


def test_no_color_is_respected(colourful: Workspace) -> None:
    _, seen = check_on_a_terminal(colourful, NO_COLOR="1")
    assert not re.search(r"\x1b\[(?:\d+;)*[34]\d", seen)
    digest = seen.rpartition("\x1b[2K")[2]
    assert digest.startswith("FAIL 1/5 pass")
    assert "\x1b" not in digest


def test_the_cursor_comes_back_when_a_run_is_interrupted(workspace: Workspace) -> None:
    workspace.config(
        'protocol = "command"\ncommand = ["sh", "-c", "kill -INT $HARNESS; sleep 60"]\npass_env = ["HARNESS"]'
    )
    workspace.pair("a", "a", "a")
    starter = "import os, runpy, sys; os.environ['HARNESS'] = str(os.getpid()); sys.argv = ['harness', 'check']; "
    workspace.write("start.py", starter + "runpy.run_module('harness', run_name='__main__')")
    code, seen = on_a_terminal(workspace.folder, "start.py")
    assert code == 4
    assert "incomplete: interrupted" in seen
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1


def test_a_pipe_gets_plain_text_and_nothing_but_the_digest(colourful: Workspace) -> None:
    ran = colourful.run("check", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    assert ran.err == ""
    assert "\x1b" not in ran.out
    assert ran.out == colourful.run("digest").out


# --- ci ------------------------------------------------------------------------------------------------------------


def test_ci_gets_no_control_characters_even_on_a_terminal(colourful: Workspace) -> None:
    _, seen = check_on_a_terminal(colourful, CI="1", NO_COLOR="1")
    assert "\x1b" not in seen
    assert seen == colourful.run("digest").out


def test_a_heart_beats_on_stderr_while_nothing_happens(capsys: pytest.CaptureFixture[str]) -> None:
    with heartbeat(every=0.01) as show:
        show(Building(("make", "all")))
        time.sleep(0.1)
        show(Completed("7f3a", ()))
    out, err = capsys.readouterr()
    assert out == ""
    assert set(err.splitlines()) == {"harness: running `make all`"}
    time.sleep(0.05)
    assert capsys.readouterr().err == ""
