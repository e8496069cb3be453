"""Recording references from the oracle: what is new is written, what has changed only when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Ran, Workspace

ORACLE = """
    import os, pathlib
    def render(case):
        match case.input.strip():
            case "refuse":
                raise Refused("SyntaxError", text="!!! SyntaxError in " + case.name)
            case "wordless":
                raise Refused("SyntaxError", detail="no end")
            case "bytes":
                return b"\\xff"
            case "die":
                os._exit(3)
            case "surrogate":
                return "\\ud800"
            case "hang":
                pathlib.Path(__file__).with_name("started").touch()
                import time
                time.sleep(60)
        return f"{case.input.upper()}{case.params}{case.files}"
"""


@pytest.fixture
def source(workspace: Workspace) -> Workspace:
    """Two inputs without references, and an oracle that writes them in capitals."""
    setup(workspace, ORACLE)
    workspace.write("inputs/a.txt", '{"n": 1}\n---\nhello\n')
    workspace.write("inputs/sub/b.txt", "{}\n---\nrefuse\n")
    workspace.write("refs/part.txt", "shared")
    return workspace


def setup(workspace: Workspace, oracle: str) -> None:
    target = workspace.worker(oracle)
    workspace.write(
        "harness.toml",
        f"""
format = 1
[target.port]
default = true
command = ["false"]
[target.original]
oracle = true
workers = 2
{target}
[[suite]]
name = "s"
reader = "insta"
inputs = "inputs/**/*.txt"
snapshots = "snapshots/{{name}}.snap"
header = {{ format = "json" }}
shared = ["refs/*"]
timeout = 20
""",
    )


def recorded(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((workspace.folder / "snapshots").iterdir())}


def ended(ran: Ran) -> tuple[int, list[str]]:
    assert ran.err == ""
    return ran.code, ran.out.splitlines()


def test_what_is_new_is_written_in_the_format_of_the_suite(source: Workspace) -> None:
    assert ended(source.run("record")) == (0, ["new       s/a.txt", "new       s/sub/b.txt", "2 new"])
    assert recorded(source) == {
        "a.txt.snap": b"---\ninfo:\n  n: 1\ninput_file: inputs/a.txt\n---\nHELLO\n{'n': 1}{'part.txt': 'shared'}\n",
        "sub__b.txt.snap": b"---\ninput_file: inputs/sub/b.txt\n---\n!!! SyntaxError in sub/b.txt\n",
    }


def test_the_oracle_passes_what_was_recorded_from_it(source: Workspace) -> None:
    source.run("record")
    rule = '[[suite.rule]]\nreference = "^!!!"\nmatcher = "error"\n'
    rule += 'pattern = "!!! (?P<kind>[A-Za-z]+)"\nfields = { kind = "exact" }\n'
    config = source.folder / "harness.toml"
    config.write_text(config.read_text() + rule)
    assert source.run("check", "--target", "original").first.startswith("PASS 2/2 pass ")


def test_recording_again_changes_no_byte(source: Workspace) -> None:
    source.run("record")
    before = recorded(source)
    assert ended(source.run("record")) == (0, ["2 unchanged"])
    assert ended(source.run("record", "--update")) == (0, ["2 unchanged"])
    assert recorded(source) == before


def test_a_reference_that_differs_is_only_listed(source: Workspace) -> None:
    source.run("record")
    source.write("snapshots/a.txt.snap", "---\n---\nby hand\n")
    before = recorded(source)
    expected = ["changed   s/a.txt  (left as it was; --update writes it)", "1 changed, 1 unchanged"]
    assert ended(source.run("record")) == (1, expected)
    assert recorded(source) == before


def test_update_writes_what_differs(source: Workspace) -> None:
    source.run("record")
    before = recorded(source)
    source.write("snapshots/a.txt.snap", b"\xff no text at all")
    assert ended(source.run("record", "--update")) == (0, ["changed   s/a.txt", "1 changed, 1 unchanged"])
    assert recorded(source) == before


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("wordless", "the error has no `text` to record (SyntaxError: no end)"),
        ("bytes", "not a text: outputs"),
        ("surrogate", "not a text: surrogates not allowed"),
        ("die", "not a text: died"),
    ],
)
def test_what_is_no_text_is_refused_and_the_others_are_recorded(source: Workspace, given: str, why: str) -> None:
    source.write("inputs/c.txt", f"{{}}\n---\n{given}\n")
    code, lines = ended(source.run("record"))
    assert code == 1
    assert f"refused   s/c.txt  ({why})" in lines
    assert lines[-1] == "2 new, 1 refused"
    assert set(recorded(source)) == {"a.txt.snap", "sub__b.txt.snap"}


def test_only_what_is_named_is_recorded(source: Workspace) -> None:
    assert ended(source.run("record", "s/sub/*")) == (0, ["new       s/sub/b.txt", "1 new"])
    assert ended(source.run("record", "a.txt")) == (0, ["new       s/a.txt", "1 new"])


def test_a_name_that_is_none_is_an_error_with_the_nearest_one(source: Workspace) -> None:
    ran = source.run("record", "s/aa.txt")
    assert (ran.code, ran.err) == (2, "ERROR no input 's/aa.txt'; did you mean 's/a.txt'?\n")
    assert not (source.folder / "snapshots").exists()


def test_every_fault_of_the_inputs_is_told_and_nothing_is_written(source: Workspace) -> None:
    source.write("inputs/x.txt", "no header")
    source.write("inputs/y.txt", "{\n---\n")
    ran = source.run("record")
    assert ran.code == 2
    assert "inputs/x.txt:1: no line '---' after the header" in ran.err
    assert "inputs/y.txt:1: the header is not JSON" in ran.err
    assert not (source.folder / "snapshots").exists()


def test_an_oracle_that_is_down_has_the_exit_code_of_a_target(source: Workspace) -> None:
    setup(source, "raise SystemExit('the licence has expired')")
    ran = source.run("record")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith("TARGET original: the worker did not come up in 3 tries")
    assert ran.err.endswith("\nthe licence has expired\n")


def test_without_an_oracle_the_next_step_is_told(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    ran = workspace.run("record")
    assert (ran.code, ran.out) == (2, "")
    assert "add `oracle = true`" in ran.err


def test_a_format_that_can_not_be_written_is_told_with_its_suite(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]\noracle = true')
    workspace.pair("a", "a", "a")
    ran = workspace.run("record")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "ERROR suite 'pairs': reader 'pairs' can not write references; record them by hand\n"


def test_an_interrupted_recording_keeps_what_it_has_and_says_so(source: Workspace) -> None:
    source.write("inputs/z.txt", "{}\n---\nhang\n")
    config = source.folder / "harness.toml"
    config.write_text(config.read_text().replace("workers = 2", "workers = 1"))
    ran = source.interrupt("record")
    assert (ran.code, ran.out.splitlines()[-2:]) == (4, ["2 new", "interrupted: the other references are as they were"])
    assert set(recorded(source)) == {"a.txt.snap", "sub__b.txt.snap"}
