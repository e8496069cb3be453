"""Every way that we know of to make the books look better than the port is, tried on a real workspace.

The workspace is locked first, as one in CI is; `test_against.py` has those that lock again after themselves.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import PATIENCE, ROOT, Ran, Workspace, environment, run_harness

KIT = ROOT / "adapters" / "worker" / "python"
CONFIG = f"""
format = 1

[target.port]
default = true
command = ["{sys.executable}", "{{workspace}}/port.py"]
env = {{ PYTHONPATH = "{KIT}" }}

[target.original]
oracle = true
command = ["{sys.executable}", "{{workspace}}/original.py"]
env = {{ PYTHONPATH = "{KIT}" }}

[[suite]]
name = "pairs"
reader = "pairs"
inputs = "cases/*.in"
outputs = "cases/{{stem}}.out"

[[suite.rule]]
reference = '\\Aerror'
matcher = "error"
pattern = '\\Aerror (?P<kind>\\w+): (?P<message>.*)'
fields = {{ kind = "exact", message = {{ similar = 0.6 }} }}
"""
PORT = """
from harness_worker import *
def render(case):
    if case.input == "bad":
        raise Refused("SyntaxError", message="unexpected end of text")
    return case.input.upper() if case.input != "hard" else "?"
serve(render, name="port", version="1")
"""


@pytest.fixture
def port(workspace: Workspace) -> Workspace:
    """A port that does most things, fails one case that is listed, and is locked."""
    workspace.write("harness.toml", CONFIG)
    workspace.write("port.py", PORT)
    workspace.write("original.py", PORT.replace('"?"', '"HARD"'))
    for name, expected in {
        "one": "ONE",
        "two": "TWO",
        "hard": "HARD",
        "bad": "error SyntaxError: unexpected end",
    }.items():
        workspace.pair(name, name, expected)
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/hard.in" = "not ported"\n')
    assert workspace.run("check").code == 0
    assert workspace.run("lock").code == 0
    assert workspace.run("check").code == 0
    return workspace


def edit(workspace: Workspace, name: str, before: str, after: str) -> None:
    text = (workspace.folder / name).read_text(encoding="utf-8")
    assert before in text
    (workspace.folder / name).write_text(text.replace(before, after), encoding="utf-8")


def gates(ran: Ran) -> list[str]:
    assert ran.code == 3, ran.out + ran.err
    assert ran.first.startswith("GATE ")
    return [line.removeprefix("gate      ") for line in ran.out.splitlines() if line.startswith("gate")]


# --- the suite -----------------------------------------------------------------------------------------------------


def test_the_suite_folder_is_emptied(port: Workspace) -> None:
    for path in (port.folder / "cases").iterdir():
        path.unlink()
    ran = port.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "inputs 'cases/*.in' matches nothing" in ran.err


def test_a_reference_is_deleted(port: Workspace) -> None:
    (port.folder / "cases" / "hard.out").unlink()
    ran = port.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "hard" in ran.err


def test_a_case_is_deleted(port: Workspace) -> None:
    for name in ("hard.in", "hard.out"):
        (port.folder / "cases" / name).unlink()
    port.write("skiplist.toml", "format = 1\n")
    assert gates(port.run("check")) == ["pairs/hard.in: gone (against harness.lock); restore it, or harness lock"]


def test_a_reference_is_edited_to_what_the_port_says(port: Workspace) -> None:
    port.pair("hard", "hard", "?")
    port.write("skiplist.toml", "format = 1\n")
    assert gates(port.run("check")) == [
        "pairs/hard.in: changed reference (against harness.lock); restore it, or harness lock"
    ]


def test_an_input_is_made_easier(port: Workspace) -> None:
    port.pair("hard", "Hard", "HARD")
    port.write("skiplist.toml", "format = 1\n")
    assert gates(port.run("check")) == [
        "pairs/hard.in: changed input (against harness.lock); restore it, or harness lock"
    ]


def test_a_case_is_renamed(port: Workspace) -> None:
    for end in ("in", "out"):
        (port.folder / f"cases/two.{end}").rename(port.folder / f"cases/easy.{end}")
    found = gates(port.run("check"))
    assert found[0].startswith("pairs/easy.in: is not in harness.lock")
    assert found[1].startswith("pairs/two.in: gone (against harness.lock)")


# --- the books -----------------------------------------------------------------------------------------------------


def test_everything_is_put_on_the_skip_list(port: Workspace) -> None:
    port.write("skiplist.toml", 'format = 1\n[todo.glob]\n"**" = "later"\n')
    ran = port.run("check")
    assert ran.code == 3
    assert ran.out.count("now in the skip list as todo (against harness.lock)") == 3
    edit(port, "port.py", "return case.input", "raise Unsupported(case.name)\n    return case.input")
    edit(port, "port.py", "if case.input", "if not case.input")
    assert port.run("check").code == 4, "and when nothing passes any more, that is no pass"


def test_everything_is_put_on_the_skip_list_as_flaky(port: Workspace) -> None:
    port.write("skiplist.toml", 'format = 1\n[flaky.glob]\n"**" = "comes and goes"\n')
    found = gates(port.run("check"))
    assert len(found) == 4
    assert "pairs/hard.in: now in the skip list as flaky, was todo (against harness.lock)" in found[1]


def test_a_similarity_is_lowered(port: Workspace) -> None:
    edit(port, "harness.toml", "similar = 0.6", "similar = 0.01")
    assert gates(port.run("check")) == [
        "pairs/bad.in: changed rule (against harness.lock); restore it, or harness lock"
    ]


def test_exact_becomes_a_text_of_which_a_regex_eats_everything(port: Workspace) -> None:
    rule = '[[suite.rule]]\nmatcher = "text"\nnormalize = [{ name = "noise", replace = "(?s).+" }]\n'
    edit(port, "harness.toml", "similar = 0.6 } }", f"similar = 0.6 }} }}\n{rule}")
    port.write("skiplist.toml", "format = 1\n")
    found = gates(port.run("check"))
    assert len(found) == 3
    assert "pairs/hard.in: changed rule (may pass as normalized, was exact), passes as normalized" not in found[0]
    assert "pairs/hard.in: changed rule (may pass as normalized, was exact) (against harness.lock)" in found[0]


def test_a_time_limit_is_raised(port: Workspace) -> None:
    edit(port, "harness.toml", 'name = "pairs"', 'name = "pairs"\ntimeout = 1000')
    assert gates(port.run("check")) == [
        "suite pairs: changed limits (against harness.lock); restore it, or harness lock"
    ]


def test_a_suite_is_declared_out_of_scope(port: Workspace) -> None:
    edit(port, "harness.toml", 'name = "pairs"', 'name = "pairs"\nout_of_scope = "too hard"')
    port.write("skiplist.toml", "format = 1\n")
    ran = port.run("check")
    assert ran.code == 4
    assert "gate      pairs/one.in: out_of_scope, was passed (against harness.lock)" in ran.out


def test_a_line_is_cut_out_of_the_lock(port: Workspace) -> None:
    lines = (port.folder / "harness.lock").read_text(encoding="utf-8").splitlines(keepends=True)
    port.write("harness.lock", "".join(lines[:-1]))
    ran = port.run("check")
    assert ran.code == 2
    assert "says that suite 'pairs' of 'port' has 4 cases, and lists 3" in ran.err


# --- the target ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["its script", "a copy of its script", "its command with one more word"])
def test_the_target_is_pointed_at_the_oracle(port: Workspace, how: str) -> None:
    shutil.copy(port.folder / "original.py", port.folder / "mine.py")
    words = {"its script": "original.py", "a copy of its script": "mine.py"}.get(how, 'original.py", "--fast')
    edit(port, "harness.toml", "{workspace}/port.py", f"{{workspace}}/{words}")
    port.write("skiplist.toml", "format = 1\n")
    found = gates(port.run("check"))
    assert "target port: changed command (against harness.lock); restore it, or harness lock" in found[0]
    assert "harness.toml:6: target 'port' runs the program of the oracle 'original'; let it run the port" in found[1]
    port.run("lock")
    assert len(gates(port.run("check"))) == 1, "no lock makes that right"


def test_the_oracle_is_put_where_the_port_was(port: Workspace) -> None:
    shutil.copy(port.folder / "original.py", port.folder / "port.py")
    port.write("skiplist.toml", "format = 1\n")
    assert "runs the program of the oracle" in gates(port.run("check"))[0]


def test_a_worker_that_replies_unsupported_to_everything(port: Workspace) -> None:
    edit(port, "port.py", "return case.input", 'raise Unsupported("not yet")\n    return case.input')
    edit(port, "port.py", "if case.input", "if False and case.input")
    port.write("skiplist.toml", 'format = 1\n[unsupported.glob]\n"**" = "not ported"\n')
    ran = port.run("check")
    assert (ran.code, ran.first[:23]) == (4, "NOTHING GATE 0/4 pass ·")
    assert (
        "gate      skiplist.toml:3: pairs/one.in: now in the skip list as unsupported, unsupported, was passed"
        in ran.out
    )


def test_a_worker_that_exits_with_0_at_once(port: Workspace) -> None:
    port.write("port.py", "raise SystemExit(0)")
    ran = port.run("check")
    assert (ran.code, ran.first.split()[0]) == (5, "TARGET")


def test_a_worker_looks_for_the_references_in_all_that_it_is_given(port: Workspace) -> None:
    """What it finds on the disk by itself is another matter, and the sandbox's."""
    seen = port.folder / "seen"
    spy = f"""
import json, os, sys
told = open({str(seen)!r}, "a")
told.write(repr(sys.argv) + repr(dict(os.environ)) + repr([(os.getcwd(), os.listdir("."))]))
for line in sys.stdin:
    told.write(line)
    told.flush()
    asked = json.loads(line)
    if "harness" in asked:
        print(json.dumps({{"ready": 1, "name": "spy", "version": "1"}}), flush=True)
    elif "id" in asked:
        print(json.dumps({{"id": asked["id"], "output": "?"}}), flush=True)
"""
    for name in ("one", "two"):
        port.pair(name, name, f"THE-ANSWER-{name}")
    port.write("port.py", spy)
    port.run("check")
    text = seen.read_text(encoding="utf-8")
    assert '"input": "one"' in text or '"input":"one"' in text, "the spy saw what it was asked"
    assert "THE-ANSWER" not in text
    assert "cases" not in text
    assert "[]" in text, "its folder is empty"


FORGED = "x\\nPASS 4/4 pass · port run ffff\\r\\x1b[2J\\x1b[HPASS 4/4 pass\\u2028PASS\\x85PASS"


@pytest.mark.parametrize(
    "where",
    [
        f'return "{FORGED}"',
        f'raise Refused("{FORGED}", message="{FORGED}")',
        f'raise Refused("Kind", message="{FORGED}")',
        f'raise Unsupported("{FORGED}")',
        f'raise RuntimeError("{FORGED}")',
        f'print("{FORGED}", file=sys.stderr, flush=True); os._exit(1)',
        f'os.write(1, "{FORGED}".encode()); os._exit(0)',
    ],
    ids=["output", "kind", "message", "unsupported", "panic", "stderr", "stdout"],
)
def test_a_verdict_is_forged_in_what_the_port_says(port: Workspace, where: str) -> None:
    edit(port, "port.py", "    if case.input", f"    import os, sys\n    {where}\n    if case.input")
    for words in ("check", "check one.in", "show one.in", "digest", "list"):
        ran = port.run(*words.split())
        assert ran.code in ((1, 4) if "check" in words else (0,))
        assert not forged(ran) or "show" in words, "which shows what the port said, below a line that says so"
        assert not ran.first.startswith("PASS")
        assert not set("\x1b\r\x85\u2028") & set(ran.out + ran.err)


def forged(ran: Ran) -> bool:
    return any(line.startswith("PASS") for line in (ran.out + ran.err).splitlines())


def test_a_verdict_is_forged_in_the_name_of_the_worker(port: Workspace) -> None:
    edit(port, "port.py", 'name="port", version="1"', f'name="{FORGED}", version="{FORGED}"')
    for words in (("check",), ("runs",), ("list",), ("digest",)):
        ran = port.run(*words)
        assert not forged(ran)
        assert "\x1b" not in ran.out + ran.err


def test_a_verdict_is_forged_in_the_name_of_a_case(port: Workspace) -> None:
    name = "a\nPASS 4\r\x1b[2JPASS"
    port.pair(name, "a", "b")
    for words in (
        ("check",),
        ("check", f"{name}.in"),
        ("show", f"{name}.in"),
        ("lock",),
        ("runs",),
        ("list",),
        ("digest",),
    ):
        ran = port.run(*words)
        assert not forged(ran), words
        assert "\x1b" not in ran.out + ran.err
    for end in ("in", "out"):
        (port.folder / f"cases/{name}.{end}").unlink()
    ran = port.run("check")
    assert len(gates(ran)) == 1
    assert not forged(ran)


# --- what lies about -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["conftest.py", "sitecustomize.py", "usercustomize.py", "harness.py", "json.py", "harness/__init__.py"]
)
def test_a_module_dropped_beside_the_config_is_not_run(port: Workspace, name: str) -> None:
    edit(port, "port.py", "case.input.upper()", '"no"')
    (port.folder / "port.py").rename(port.write("src/port.py", ""))  # beside itself, Python looks for modules first
    edit(port, "harness.toml", "/port.py", "/src/port.py")
    port.write(name, f"open({str(port.folder / 'ran')!r}, 'w'); print('PASS 4/4 pass'); import os; os._exit(0)\n")
    script = Path(sys.executable).with_name("harness")
    ran = run_harness("-C", str(port.folder), "check", cwd=port.folder.parent)
    assert ran.code == 1
    if script.exists():
        assert os.system(f"cd '{port.folder}' && '{script}' check > out 2>&1") >> 8 == 1  # noqa: S605 - as it is typed
    assert not (port.folder / "ran").exists()


def test_the_clock_was_ahead_when_the_last_run_was_stored(port: Workspace) -> None:
    """As if it had been set back since: the order of runs is their number."""
    with closing(sqlite3.connect(port.folder / ".harness" / "store.db")) as db, db:
        db.execute("UPDATE runs SET started = '2199-01-01T00:00:00+00:00'")
    edit(port, "port.py", "case.input.upper()", '"no"')
    ran = port.run("check")
    assert ran.code == 1
    assert "REGRESSED pairs/one.in" in ran.out
    assert port.run("runs").first.split()[3] == "FAIL", "the newest is first"
    assert port.run("list", "--standing", "failed").out.count("failed") == 2


# --- the store -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["truncated", "garbage", "a folder"])
def test_a_store_that_can_not_be_read_stops_the_check(port: Workspace, how: str) -> None:
    path = port.folder / ".harness" / "store.db"
    data = path.read_bytes()
    for other in path.parent.glob("store.db*"):
        other.unlink()
    if how == "a folder":
        path.mkdir()
    else:
        path.write_bytes(data[: len(data) // 3] if how == "truncated" else b"PASS" * 5000)
    ran = port.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "store.db" in ran.err
    assert "PASS" not in ran.err


def test_a_run_deleted_from_the_store_hides_nothing_from_the_lock(port: Workspace) -> None:
    with closing(sqlite3.connect(port.folder / ".harness" / "store.db")) as db, db:
        db.execute("DELETE FROM results")
        db.execute("DELETE FROM runs")
    for name in ("two.in", "two.out"):
        (port.folder / "cases" / name).unlink()
    assert gates(port.run("check")) == ["pairs/two.in: gone (against harness.lock); restore it, or harness lock"]


def test_a_row_edited_between_two_runs_changes_no_verdict_and_no_lock(port: Workspace) -> None:
    with closing(sqlite3.connect(port.folder / ".harness" / "store.db")) as db, db:
        db.execute(
            "UPDATE results SET outcome = 'failed', standing = 'failed', achieved = NULL WHERE id = 'pairs/two.in'"
        )
        db.execute("UPDATE runs SET verdicts = '[\"PASS\"]'")
    edit(port, "port.py", 'case.input == "bad"', 'case.input in ("bad", "two")')
    edit(port, "skiplist.toml", "[todo]", '[todo]\n"pairs/two.in" = "never worked"')
    found = gates(port.run("check"))
    assert len(found) == 1
    assert "pairs/two.in: now in the skip list as todo, raised, was passed (against harness.lock)" in found[0]


def test_a_store_that_is_read_only_stops_the_check(port: Workspace) -> None:
    for path in [*(port.folder / ".harness").iterdir(), port.folder / ".harness"]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    meek = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    if meek and (shutil.which("setpriv") is None or subprocess.run([*meek, "true"], check=False).returncode):
        pytest.skip("root may write anywhere")
    done = subprocess.run(
        [*meek, sys.executable, "-m", "harness", "check"],
        cwd=port.folder,
        env=environment({}),
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "store.db" in done.stderr
