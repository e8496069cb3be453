"""`skip add --status accepted`: another reply than the source's, for good, and nothing but that reply."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Workspace

PORT = """
import pathlib
def render(case):
    says = pathlib.Path("SAYS").read_text()
    return case.input if case.name == "right.in" else eval(says)
"""


@pytest.fixture
def port(workspace: Workspace) -> Workspace:
    """A port that is right about one case, and says what the file `says` has about the other."""
    workspace.pair("right", "in", "in")
    workspace.pair("other", "in", "wanted\n")
    workspace.config(workspace.worker(PORT.replace("SAYS", str(workspace.folder / "says"))))
    return workspace


def accept(port: Workspace, says: str) -> str:
    """Run a port that says this, accept it, and return the path of the recorded file."""
    port.write("says", says)
    port.run("check")
    ran = port.run("skip", "add", "other.in", "--status", "accepted", "--reason", "so be it")
    assert ran.err == ""
    return str(entry(port)["reference"])


def entry(port: Workspace) -> dict[str, Any]:
    data = tomllib.loads((port.folder / "skiplist.toml").read_text())
    assert data["accepted"]["pairs/other.in"]["reason"] == "so be it"
    found: dict[str, Any] = data["accepted"]["pairs/other.in"]
    return found


ERROR = "Refused('Nope', message='not today', line=3)"


@pytest.mark.parametrize(
    ("says", "recorded", "others"),
    [
        ("'got\\n'", "got\n", ["'Got\\n'", "Refused('E', text='got\\n')", "Refused('got')", "1 / 0", "Outputs({})"]),
        (
            f"fail({ERROR})",
            {"error": {"kind": "Nope", "message": "not today", "line": 3}},
            [
                f"fail({ERROR.replace('3', '4')})",
                f"fail({ERROR.replace('today', 'now')})",
                "fail(Refused('Nope', message='not today'))",
                "'Nope: not today'",
            ],
        ),
        (
            "Outputs({'output': 'got', 'exit': 3})",
            {"outputs": {"output": "got", "exit": 3}},
            ["'got'", "Outputs({'output': 'got', 'exit': 4})", "Outputs({'output': 'gut', 'exit': 3})"],
        ),
    ],
    ids=["output", "error", "outputs"],
)
def test_the_reply_is_recorded_and_any_other_is_a_failure(
    port: Workspace, says: str, recorded: str | dict[str, Any], others: list[str]
) -> None:
    port.write("worker.py", (port.folder / "worker.py").read_text().replace("import pathlib", FAIL))
    path = accept(port, says)
    if isinstance(recorded, str):
        assert path == "accepted/pairs/other.in"
        assert (port.folder / path).read_text() == recorded
    else:
        assert path == "accepted/pairs/other.in.reply.json"
        assert json.loads((port.folder / path).read_text()) == recorded
    assert port.run("check").first.startswith("PASS 1/2 pass · 1 accepted · ")
    for other in others:
        port.write("says", other)
        assert port.run("check").first.startswith("FAIL 1/2 pass · 1 failed · "), other


FAIL = "import pathlib\ndef fail(problem): raise problem\n"


def test_the_difference_from_what_was_accepted_is_shown(port: Workspace) -> None:
    accept(port, "'got\\nand more\\n'")
    port.write("says", "'got\\nand less\\n'")
    ran = port.run("check")
    assert (
        "not what was accepted: output differs · other.in\n  | in\n  @@ line 2\n   got\n  -and more\n  +and less\n"
        in ran.out
    )
    assert "--- -accepted +got\n@@ line 1\n got\n-and more\n+and less\n" in port.run("show", "other.in").out


def test_the_difference_from_an_accepted_error_is_shown_by_field(port: Workspace) -> None:
    port.write("worker.py", (port.folder / "worker.py").read_text().replace("import pathlib", FAIL))
    accept(port, f"fail({ERROR})")
    port.write("says", f"fail({ERROR.replace('3', '4')})")
    assert "  -error line: 3\n  +error line: 4\n" in port.run("check").out
    assert "-error line: 3\n+error line: 4\n" in port.run("show", "other.in").out


def test_a_reference_that_changes_underneath_is_red_until_it_is_accepted_again(port: Workspace) -> None:
    accept(port, "'got\\n'")
    of = entry(port)["of"]
    port.pair("other", "in", "wanted something else\n")
    ran = port.run("check")
    assert (ran.code, ran.first.partition(" · port")[0]) == (3, "GATE 1/2 pass · 1 accepted")
    says = "the reference is not the one that this was accepted in place of; look, and accept it again"
    assert f"gate      skiplist.toml:4: pairs/other.in: {says}\n" in ran.out
    accept(port, "'got\\n'")
    assert entry(port)["of"] != of
    assert port.run("check").code == 0


def test_what_can_not_be_accepted_is_told_and_nothing_is_written(port: Workspace) -> None:
    port.write("says", "1 / 0")

    def refused(*words: str) -> str:
        ran = port.run("skip", "add", *words, "--status", "accepted", "--reason", "r")
        assert (ran.code, ran.out) == (2, "")
        assert not (port.folder / "skiplist.toml").exists()
        assert not (port.folder / "accepted").exists()
        return ran.err

    assert refused("other.in") == "ERROR pairs/other.in: has not run yet; harness check runs it\n"
    port.run("check")
    crash = "crashed when it last ran (panic: ZeroDivisionError: division by zero in <module> (<string>:1))"
    assert refused("other.in", "right.in").splitlines() == [
        "ERROR",
        f"pairs/other.in: {crash}; only an output or an error can be accepted",
        "pairs/right.in: passed when it last ran; there is nothing to accept",
    ]
    assert "one known reply of one case" in refused("pairs/*")
    port.write("says", "'got'")
    port.run("check")
    port.write("cases/other.in", "another input")
    assert refused("other.in") == "ERROR pairs/other.in: has changed since it last ran; harness check runs it again\n"


def test_with_its_entry_the_recorded_file_goes_and_no_other(port: Workspace) -> None:
    path = accept(port, "'got'")
    port.run("skip", "remove", "other.in")
    assert not (port.folder / path).exists()
    accept(port, "'got'")
    text = (port.folder / "skiplist.toml").read_text()
    port.write("skiplist.toml", text.replace(path, "cases/other.out"))
    port.run("skip", "remove", "other.in")
    assert (port.folder / "cases" / "other.out").exists()


def test_a_recorded_reply_that_is_none_is_told_with_its_line(port: Workspace) -> None:
    path = accept(port, "Outputs({'output': 'got', 'exit': 3})")
    for broken in ("{", "[]", '{"unsupported": "x"}', '{"output": "a", "value": 1}', '{"error": {}}'):
        port.write(path, broken)
        assert port.run("check").err == (
            f"ERROR skiplist.toml:4: 'pairs/other.in': its recorded reference {path} is not a reply with output(s), a"
            " value or an error; restore the file, or record it again\n"
        )
