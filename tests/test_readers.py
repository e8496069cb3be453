"""What the readers make of files, good and broken; and that wrong input stops a run with file, line and next step."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.errors import Fault
from harness.files import as_content, find
from harness.judge import judge
from harness.matchers import exact
from harness.model import Case, Misfit, Notice, Outputs, Passed, Rule, Shared, Strength
from harness.plan import plan
from harness.readers import insta, pairs

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import Content, Found

    from .conftest import Workspace

ECHO = "def render(case): return case.input"
TELL = """
import json
def render(case):
    files = {name: text for name, text in case.files.items()}
    return json.dumps([case.name, case.input, case.params, case.settings, files], ensure_ascii=False, sort_keys=True)

import functools
serve = functools.partial(serve, settings=["x", "y", "z"])
"""
"""A worker that says what it was sent."""


def told(found: Iterator[Found]) -> list[str]:
    """Each finding but the cases and the shared files, as `file:line: sentence`."""
    words: list[str] = []
    for one in found:
        match one:
            case Fault(place, says):
                words.append(f"{os.path.basename(place.path)}:{place.line}: {says}")
            case Notice(says, place):
                words.append(f"note {os.path.basename(place.path) if place else ''}: {says}")
            case Misfit(option, says):
                words.append(f"{option}: {says}")
            case Case() | Shared():
                pass
    return words


def cases(found: Iterator[Found]) -> dict[str, Case]:
    return {one.name: one for one in found if isinstance(one, Case)}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- pairs ---------------------------------------------------------------------------------------------------------

IN_OUT = {"inputs": "*.in", "outputs": "{stem}.out"}


@settings(deadline=None, max_examples=60)
@given(st.binary() | st.text().map(str.encode), st.binary() | st.text().map(str.encode))
def test_pairs_are_read_byte_by_byte_and_an_echo_is_exact(given_: bytes, other: bytes) -> None:
    rule = Rule(exact.make({}), "exact", "exact", lambda _case, _reference: True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for stem, expected in (("same", given_), ("other", other)):
            write(folder, f"{stem}.in", given_)
            write(folder, f"{stem}.out", expected)
        for case in cases(pairs.read("s", folder, IN_OUT)).values():
            assert case.input == as_content(given_)
            echo = judge(plan(case, [rule], None, pairs.canonical, b""), Outputs({"output": case.input}))
            expected = given_ if case.name == "same.in" else other
            assert isinstance(echo, Passed) is (given_ == expected)
            raw = case.input.encode() if isinstance(case.input, str) else case.input
            assert judge(plan(case, [rule], None, pairs.canonical, b""), Outputs({"output": raw})) == echo


STRANGE = [
    b"",
    b"\x00",
    b"\r\n",
    b"\xef\xbb\xbfmark",
    b"\xff\xfe\x00",
    "caf\u00e9 \u2028 \U0001f600".encode(),
    b"a\rb\x0bc\x85",
]


def test_strange_bytes_reach_the_port_and_come_back_as_they_are(workspace: Workspace) -> None:
    for number, content in enumerate(STRANGE):
        workspace.pair(f"c{number}", content, content)
    workspace.config(workspace.worker(ECHO))
    ran = workspace.run("check")
    assert ran.first.startswith(f"PASS {len(STRANGE)}/{len(STRANGE)} pass · port"), ran


def test_one_input_may_have_several_outputs_and_lie_in_another_tree(tmp_path: Path) -> None:
    write(tmp_path, "in/a.md", "A")
    write(tmp_path, "in/deep/b.md", "B")
    for name in ("a", "deep/b"):
        write(tmp_path, f"html/{name}.html", f"<{name}>")
        write(tmp_path, f"exit/{name}.md.exit", "0\n")
    options = {"inputs": "in/**/*.md", "outputs": {"stdout": "html/{stem}.html", "exit": "exit/{name}.exit"}}
    found = cases(pairs.read("s", tmp_path, options))
    assert {
        name: (case.id, case.input, {one.name: one.contents for one in case.references}) for name, case in found.items()
    } == {
        "a.md": ("s/a.md", "A", {"stdout": ("<a>",), "exit": ("0\n",)}),
        "deep/b.md": ("s/deep/b.md", "B", {"stdout": ("<deep/b>",), "exit": ("0\n",)}),
    }
    assert told(pairs.read("s", tmp_path, options)) == []


def test_a_reference_without_an_input_is_noted_and_one_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    for name in ("a.in", "a.out", "lonely.out", "bare.in", "elsewhere/deep.out"):
        write(tmp_path, name, "")
    words = told(pairs.read("s", tmp_path, IN_OUT))
    assert len(words) == 2
    assert re.fullmatch(
        r"bare.in:None: has no reference: .*bare.out is missing; record it, or narrow `inputs`", words[0]
    )
    assert words[1] == "note lonely.out: this reference has no input and is not compared"


def test_patterns_that_name_one_file_as_input_and_output_are_refused_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path, name, "")
    (word,) = told(pairs.read("s", tmp_path, {"inputs": "*", "outputs": "{name}"}))
    assert re.fullmatch(r"outputs: inputs and outputs both name .*/a; make one of the patterns narrower", word)


def test_a_folder_in_the_place_of_a_reference_is_a_fault_and_one_named_like_an_input_is_no_input(
    tmp_path: Path,
) -> None:
    write(tmp_path, "a.in", "")
    (tmp_path / "a.out").mkdir()
    (tmp_path / "folder.in").mkdir()
    assert told(pairs.read("s", tmp_path, IN_OUT)) == [
        "a.out:None: can not be read (Is a directory); restore the file or its permissions"
    ]


# --- what any reader meets on a disk -------------------------------------------------------------------------------


def test_shared_files_are_sent_by_their_names_below_the_globs_fixed_folder(workspace: Workspace) -> None:
    workspace.write("shared/refs/a.txt", "A")
    workspace.write("shared/refs/deep/b.txt", "B")
    workspace.write("more/c.txt", "C")
    files = '{"a.txt": "A", "c.txt": "C", "deep/b.txt": "B"}'
    workspace.pair("x", "in", f'["x.in", "in", {{}}, {{}}, {files}]')
    workspace.config(workspace.worker(TELL), suite='shared = ["shared/refs/**/*", "more/*"]')
    assert workspace.run("check").first.startswith("PASS 1/1")


def test_shared_globs_that_match_nothing_or_one_name_twice_are_faults(workspace: Workspace) -> None:
    workspace.write("one/a.txt", "A")
    workspace.write("two/a.txt", "A")
    workspace.pair("x", "in", "in")
    workspace.config(workspace.worker(ECHO), suite='shared = ["one/*", "two/*", "one/*.md", "none/*"]')
    suite, step = "harness.toml:11: suite 'pairs'", "correct the glob or [source] root"
    assert refused(workspace) == [
        f"{suite}: shared 'none/*' matches nothing: there is no folder none; {step}",
        f"{suite}: shared 'one/*.md' matches nothing: one holds no such file; {step}",
        "two/a.txt: a second shared file named 'a.txt'; narrow the globs of `shared`",
    ]


def test_a_reference_that_two_inputs_would_share_is_a_fault_that_names_both(workspace: Workspace) -> None:
    for name in ("cases/a.in", "cases/a.txt", "cases/a.out", "cases/b.in", "cases/b.out"):
        workspace.write(name, "in")
    workspace.config(workspace.worker(ECHO))
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace("*.in", "*.{in,txt}"))
    step = "narrow `inputs`, or use {name}"
    assert refused(workspace) == [f"cases/a.txt: its reference cases/a.out is that of cases/a.in too; {step}"]


def test_two_outputs_of_one_case_may_have_one_reference(workspace: Workspace) -> None:
    workspace.pair("a", "in", "in")
    workspace.config(workspace.worker("def render(case): return Outputs({'x': 'in', 'y': 'in'})"))
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    both = 'outputs = { x = "cases/{stem}.out", y = "cases/{stem}.out" }'
    workspace.write("harness.toml", config.replace('outputs = "cases/{stem}.out"', both))
    assert workspace.run("check").code == 0


@pytest.mark.parametrize(
    ("path", "hint"),
    [("{stm}.out", "did you mean '{stem}'?"), ("{nme}.out", "did you mean '{name}'?"), ("x.out", "correct it")],
)
def test_a_placeholder_that_there_is_not_is_a_fault_with_the_one_that_was_meant(
    workspace: Workspace, path: str, hint: str
) -> None:
    workspace.pair("a", "in", "in")
    workspace.config(workspace.worker(ECHO))
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace("{stem}.out", path))
    says = "is not a path with one {name} or {stem} in it, and no wildcard"
    assert refused(workspace) == [f"harness.toml:10: suite.outputs: 'cases/{path}' {says}; {hint}"]


def test_two_suites_may_read_the_same_files(workspace: Workspace) -> None:
    workspace.pair("x", "in", "in")
    workspace.config(workspace.worker(ECHO))
    text = (workspace.folder / "harness.toml").read_text()
    again = text[text.index("[[suite]]") :].replace('name = "pairs"', 'name = "again"')
    workspace.write("harness.toml", text + again)
    assert workspace.run("check").first.startswith("PASS 2/2")


@pytest.fixture
def decomposed(workspace: Workspace) -> Workspace:
    """A pair whose names are spelled in NFD on disk, as macOS does."""
    workspace.pair("e\u0301te\u0301", "in", "in")
    if "e\u0301te\u0301.in" not in os.listdir(workspace.folder / "cases"):
        pytest.skip("this file system spells names its own way")
    workspace.config(workspace.worker(ECHO))
    return workspace


def test_names_are_nfc_in_ids_and_as_they_are_on_disk(decomposed: Workspace) -> None:
    _, export = decomposed.export()
    assert [row["id"] for row in export["results"]] == ["pairs/\u00e9t\u00e9.in"]
    for typed in ("pairs/\u00e9t\u00e9.in", "pairs/e\u0301te\u0301.in", "pairs/\u00e9*"):
        assert decomposed.run("check", typed).first.startswith("PASS"), typed


def test_two_files_whose_names_are_one_in_nfc_are_two_cases_with_one_id(decomposed: Workspace) -> None:
    decomposed.pair("\u00e9t\u00e9", "in", "in")
    (line,) = refused(decomposed)
    assert line.startswith("cases/\u00e9t\u00e9.in:1: a second case with the id 'pairs/\u00e9t\u00e9.in';")
    assert line.endswith("; the first is cases/e\u0301te\u0301.in:1: narrow the globs or rename one")


@pytest.mark.parametrize("where", ["cases/%s.in", "cases/%s/a.in", "cases/refs/%s"])
def test_a_name_that_is_not_utf8_is_told_and_reaches_neither_store_nor_wire(workspace: Workspace, where: str) -> None:
    workspace.pair("a", "in", "in")
    workspace.write("cases/refs/a", "")
    suite = 'shared = ["cases/refs/*"]'
    workspace.config(workspace.worker(ECHO), suite=suite)
    text = (workspace.folder / "harness.toml").read_text()
    workspace.write("harness.toml", text.replace("cases/*.in", "cases/**/*.in"))
    path = os.path.join(os.fsencode(workspace.folder), where.encode() % b"caf\xe9")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    (line,) = refused(workspace)
    assert "its name is not UTF-8 (b'" in line
    assert "caf\\xe9" in line
    assert line.endswith("; rename it, or narrow the glob")


def test_a_name_with_blanks_quotes_and_newlines_is_a_name(workspace: Workspace) -> None:
    for name in ("two words", "qu'ote\"s", "new\nline", "-dash", "[x]{y}", "\\back", "\U0001f600"):
        workspace.pair(name, name, name)
    workspace.config(workspace.worker(ECHO))
    assert workspace.run("check").first.startswith("PASS 7/7")


def store_of(workspace: Workspace) -> list[tuple[Any, ...]]:
    """All that the store holds of finished runs, once it was found to be sound."""
    with closing(sqlite3.connect(workspace.folder / ".harness" / "store.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        runs = db.execute("SELECT * FROM runs WHERE state = 'complete' ORDER BY number").fetchall()
        return runs + db.execute("SELECT * FROM results ORDER BY run, number").fetchall()


def count_runs(workspace: Workspace) -> int:
    with closing(sqlite3.connect(workspace.folder / ".harness" / "store.db")) as db:
        return len(db.execute("SELECT id FROM runs").fetchall())


def refused(workspace: Workspace) -> list[str]:
    """Run a check that must stop with exit code 2 and leave nothing behind; its complaints, sorted.

    A run of its own comes first, of one case in a suite of its own, so that there is something to damage.
    """
    config = (workspace.folder / "harness.toml").read_text()
    target = config[: config.index("[[suite]]")].replace("[source]\n", "")
    earlier = '[[suite]]\nname = "earlier"\nreader = "pairs"\ninputs = "earlier/*.in"\noutputs = "earlier/{stem}.out"\n'
    workspace.write("earlier/a.in", "x")
    workspace.write("earlier/a.out", "x")
    workspace.write("harness.toml", f"{target}\n{earlier}")
    workspace.run("check")
    workspace.write("harness.toml", config)
    before, runs = store_of(workspace), count_runs(workspace)
    assert runs > 0
    ran = workspace.run("check")
    assert ran.code == 2, ran
    assert store_of(workspace) == before
    assert count_runs(workspace) == runs, "no half-written run"
    assert "Traceback" not in ran.err
    lines = ran.err.removeprefix("ERROR").strip().splitlines()
    assert all(re.search(r"[;:] \S.*[^.]$", line) for line in lines), "each ends with the next step"
    return sorted(lines)


def test_a_glob_that_matches_nothing_is_told_at_its_line(workspace: Workspace) -> None:
    workspace.config(workspace.worker(ECHO))
    says = "harness.toml:9: suite 'pairs': inputs 'cases/*.in' matches nothing"
    step = "correct the glob or [source] root"
    assert refused(workspace) == [f"{says}: there is no folder cases; {step}"]
    workspace.write("cases/a.input", "")
    assert refused(workspace) == [f"{says}: cases holds no such file; {step}"]


def test_a_link_that_leads_back_is_a_fault_and_one_that_leads_aside_is_followed(workspace: Workspace) -> None:
    workspace.pair("a", "in", "in")
    workspace.write("aside/b.in", "in")
    workspace.write("aside/b.out", "in")
    (workspace.folder / "cases" / "aside").symlink_to("../aside")
    workspace.config(workspace.worker(ECHO))
    text = (workspace.folder / "harness.toml").read_text()
    workspace.write("harness.toml", text.replace("cases/*.in", "cases/**/*.in"))
    _, export = workspace.export()
    assert [row["id"] for row in export["results"]] == ["pairs/a.in", "pairs/aside/b.in"]
    (workspace.folder / "aside" / "back").symlink_to("../cases")
    assert refused(workspace) == [
        "cases/aside/back: this link leads back to a folder above it; remove the link or narrow the glob"
    ]


@pytest.mark.parametrize("link", ["cases/self.in", "cases/gone.in"])
def test_a_link_to_itself_or_to_nothing_is_a_fault(workspace: Workspace, link: str) -> None:
    workspace.pair("a", "in", "in")
    (workspace.folder / link).symlink_to("self.in" if "self" in link else "nowhere")
    workspace.write(link.replace(".in", ".out"), "")
    workspace.config(workspace.worker(ECHO))
    (line,) = refused(workspace)
    assert re.fullmatch(rf"{link}: can not be read \(.*\); restore the file or its permissions", line)


@pytest.mark.parametrize("name", ["cases/a.in", "cases/a.out"])
def test_a_pipe_or_a_device_in_the_place_of_a_file_does_not_hold_the_run_up(workspace: Workspace, name: str) -> None:
    workspace.pair("a", "in", "in")
    workspace.config(workspace.worker(ECHO))
    says = f"{name}: is a pipe or a device, and a file is due; put a file in its place"
    (workspace.folder / name).unlink()
    os.mkfifo(workspace.folder / name)
    assert refused(workspace) == [says]
    (workspace.folder / name).unlink()
    (workspace.folder / name).symlink_to("/dev/zero")
    assert refused(workspace) == [says]


def test_what_may_not_be_read_is_a_fault_and_not_an_empty_folder(tmp_path: Path) -> None:
    write(tmp_path, "in/a/x.in", "")
    write(tmp_path, "in/b/x.in", "")
    write(tmp_path, "in/x.in", "")
    closed = [tmp_path / "in" / "a", tmp_path / "in" / "x.in"]
    for path in closed:
        path.chmod(0)
    if os.access(closed[0], os.R_OK):
        pytest.skip("permissions do not hold for this user")
    try:
        found = list(find(tmp_path, "in/**/*.in"))
        words = told(iter([one for one in found if isinstance(one, Fault)]))
        assert words == ["a:None: can not be listed (Permission denied); restore the folder or its permissions"]
        assert [one[0] for one in found if isinstance(one, tuple)] == ["b/x.in", "x.in"]
        words = told(pairs.read("s", tmp_path, {"inputs": "in/*.in", "outputs": "in/{stem}.out"}))
        assert words[0] == "x.in:None: can not be read (Permission denied); restore the file or its permissions"
    finally:
        for path in closed:
            path.chmod(0o700)


def test_a_file_that_vanishes_while_the_run_is_on_stops_it_and_leaves_no_run(workspace: Workspace) -> None:
    for number in range(620):  # more than are read ahead
        workspace.pair(f"{number:03}", "x", "x")
    body = """
    import pathlib
    def render(case):
        if case.suite == "pairs":
            for path in pathlib.Path(__file__).parent.glob("cases/61*.in"): path.unlink()
        return case.input
    """
    workspace.config(workspace.worker(body))
    lines = refused(workspace)
    assert lines == [
        f"cases/{number}.in: can not be read (No such file or directory); restore the file or its permissions"
        for number in range(610, 620)
    ]


def test_a_file_in_the_place_of_the_store_stays_and_is_told(workspace: Workspace) -> None:
    workspace.pair("a", "in", "in")
    workspace.config(workspace.worker(ECHO))
    workspace.write(".harness", "mine")
    ran = workspace.run("check")
    assert ran.code == 2
    assert re.fullmatch(
        r"ERROR .*\.harness: can not be used as the store \(File exists\); move what is there out of the way\n", ran.err
    )
    assert (workspace.folder / ".harness").read_text() == "mine"


def test_without_space_the_run_stops_and_the_earlier_ones_are_as_they_were(workspace: Workspace) -> None:
    workspace.pair("a", "in", "in")
    workspace.config(workspace.worker("def render(case): return case.input if case.input == 'in' else 'no' * 500"))
    assert workspace.run("check").first.startswith("PASS 1/1")
    before = store_of(workspace)
    for number in range(2500):
        workspace.pair(f"more{number}", "x", "y")
    command = f"ulimit -f 2000; exec {sys.executable} -m harness check"
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=workspace.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done
    assert re.fullmatch(
        r"ERROR .*store\.db: could not be written \(.*\); make room and run again \(earlier runs are as they were\)\n",
        done.stderr,
    )
    with closing(sqlite3.connect(workspace.folder / ".harness" / "store.db")) as db:
        states = db.execute("SELECT state FROM runs ORDER BY number").fetchall()
        assert states in ([("complete",)], [("complete",), ("incomplete",)]), "never as if it had been a whole run"
        db.execute("DELETE FROM runs WHERE state = 'incomplete'")
        db.execute("DELETE FROM results WHERE run NOT IN (SELECT id FROM runs)")
        db.commit()
    assert store_of(workspace) == before
    assert workspace.run("check", "--max-fail", "1").code in {1, 4}, "with room again, it works again"


# --- insta ---------------------------------------------------------------------------------------------------------

SNAP = "snapshots/t@{name}.snap"
PLAIN = {"inputs": "inputs/*", "snapshots": SNAP}


def reference(folder: Path, name: str = "a.txt", **options: object) -> Content:
    ((content,),) = [one.contents for one in cases(insta.read("s", folder, {**PLAIN, **options}))[name].references]
    return content


def snapshot(folder: Path, content: str | bytes, name: str = "a.txt", given_: str | bytes = "in") -> list[str]:
    """Write an input and its snapshot; what there is to be said about them."""
    write(folder, f"inputs/{name}", given_)
    write(folder, f"snapshots/t@{name.replace('/', '__')}.snap", content)
    return told(insta.read("s", folder, PLAIN))


@pytest.mark.parametrize(
    ("content", "body", "line"),
    [
        ("---\nsource: x.rs\n---\nbody\n", "body\n", 4),
        ("---\r\nsource: x.rs\r\n---\r\nbody\r\n", "body\n", 4),
        ("--- \nsource: x.rs\n---\t\nbody", "body", 4),
        ("---\n---\nbody", "body", 3),
        ("---\nsource: x.rs\n---", "", 3),
        ("---\nsource: x.rs\n---\n", "", 4),
        ('---\nexpression: "---"\n---\n---\nbody', "---\nbody", 4),
        ("---\nx: |\n  ---\n  a\n---\nbody", "body", 6),
        ("no front matter\n---\nat all\n", "no front matter\n---\nat all\n", 1),
        ("", "", 1),
        ("Created: 2019\nCreator: insta@0.6\nExpression: x\nSource: a.rs\n\nbody\n", "body\n", 6),
        ("Expression: is this a header?\nno blank line\n", "Expression: is this a header?\nno blank line\n", 1),
        ("\n\nbody", "\n\nbody", 1),
    ],
)
def test_the_body_of_a_snapshot_is_found(tmp_path: Path, content: str, body: str, line: int) -> None:
    assert snapshot(tmp_path, content) == []
    assert reference(tmp_path) == body
    (case,) = cases(insta.read("s", tmp_path, PLAIN)).values()
    assert case.references[0].place.line == line


DEEP = 100_000


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("---\nsource: x.rs\nbody\n", r"1: the front matter is not closed by a `---` line; restore the snapshot"),
        ("---\n ---\n", r"1: the front matter is not closed by a `---` line; restore the snapshot"),
        ("---\na: 1\nb: [1\n---\nbody", r"4: the front matter is not YAML \(.*\); correct it"),
        ("---\na: 1\nb: c: d\n---\nbody", r"3: the front matter is not YAML \(mapping values.*\); correct it"),
        ("---\na: \x07\n---\nbody", r"2: the front matter is not YAML \(.*\); correct it"),
        ("---\n- a\n---\nbody", r"2: the front matter is not a YAML mapping; restore the snapshot"),
        ("---\nword\n---\nbody", r"2: the front matter is not a YAML mapping; restore the snapshot"),
        (b"---\na: 1\n---\nbody\n\xff\n", r"5: a snapshot must be UTF-8 text; restore it from the source project"),
        (
            "---\nsnapshot_kind: binary\n---\n",
            r"1: is a binary snapshot without an `extension`; restore it from the source project",
        ),
        (
            "---\nsnapshot_kind: binary\nextension: ../x\n---\n",
            r"1: is a binary snapshot without an `extension`; restore it from the source project",
        ),
        (
            "---\nsnapshot_kind: binary\nextension: png\n---\n",
            r"1: is a binary snapshot, and .*a\.txt\.snap\.png can not be read \(No such file.*",
        ),
    ],
)
def test_a_broken_snapshot_is_told_with_its_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    (word,) = snapshot(tmp_path, content)
    assert re.fullmatch(rf"t@a\.txt\.snap:{says}", word)


@pytest.mark.parametrize(
    "front",
    [
        "a: " + "[" * DEEP + "]" * DEEP + "\n",
        "- " * DEEP + "x\n",
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]\n" for n in range(30)),
        "a: &a {x: 1}\n"
        + "".join(f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}' if n else '*a'] * 9)}]}}\n" for n in range(30)),
        "info: " + "x" * 5_000_000 + "\n",
        "when: 2001-99-99\nmuch: " + "9" * 5000 + "\nodd: !made/up x\n",
    ],
    ids=["deep", "deep list", "bomb", "merge bomb", "huge", "odd scalars"],
)
def test_front_matter_that_would_kill_a_careless_parser_is_harmless(tmp_path: Path, front: str) -> None:
    words = snapshot(tmp_path, f"---\n{front}source: x.rs\n---\nbody")
    if words:
        assert re.fullmatch(
            r"t@a\.txt\.snap:\d+: the front matter is (not (YAML|a YAML mapping)|nested too deeply).*", words[0]
        )
    else:
        assert reference(tmp_path) == "body"


def test_a_binary_snapshot_is_the_bytes_of_the_file_beside_it(workspace: Workspace) -> None:
    for name, content in (("a", b"\x89PNG\r\n\x00\xff"), ("b", b"<svg/>\n")):
        workspace.write(f"inputs/{name}", content)
        workspace.write(f"snapshots/t@{name}.snap", "---\nextension: x\nsnapshot_kind: binary\n---\n")
        workspace.write(f"snapshots/t@{name}.snap.x", content)
    insta_suite(workspace, ECHO)
    assert workspace.run("check").first.startswith("PASS 2/2 pass · port")
    workspace.write("inputs/b", b"<svg/>")
    ran = workspace.run("check")
    assert ran.first.startswith("FAIL 1/2"), "bytes are compared as bytes: nothing is trimmed"


def insta_suite(workspace: Workspace, body: str, options: str = "", inputs: str = "inputs/**/*") -> None:
    text = f'format = 1\n[target.port]\n{workspace.worker(body)}\n[[suite]]\nname = "snaps"\nreader = "insta"\n'
    workspace.write("harness.toml", f'{text}inputs = "{inputs}"\nsnapshots = "{SNAP}"\n{options}\n')


JSON = {"format": "json"}
YAML = {"format": "yaml"}


@pytest.mark.parametrize(
    ("header", "content", "parts"),
    [
        (None, "{}\n---\nin", ("{}\n---\nin", {}, {})),
        (JSON, '{"x": [1, null]}\n---\nin', ("in", {"x": [1, None]}, {})),
        (JSON, "{}\r\n---\r\nin\r\n", ("in\r\n", {}, {})),
        (JSON, '{"x": 1}\n---\n', ("", {"x": 1}, {})),
        (JSON, '{"x": "\\ud800", "y": 1E400}\n---\nin', ("in", {"x": "\ud800", "y": float("inf")}, {})),
        ({**JSON, "settings": "*"}, '{"x": 1}\n---\nin', ("in", {}, {"x": 1})),
        (
            {**JSON, "settings": "$settings"},
            '{"x": 1, "$settings": {"y": 2}}\n---\nin\n---\nin',
            ("in\n---\nin", {"x": 1}, {"y": 2}),
        ),
        ({**JSON, "settings": "$settings"}, '{"x": 1}\n---\nin', ("in", {"x": 1}, {})),
        ({**JSON, "settings": ["y", "z"]}, '{"x": 1, "y": 2}\n---\nin', ("in", {"x": 1}, {"y": 2})),
        (YAML, "x:\n  - 1\n  - {y: no}\n---\nin", ("in", {"x": [1, {"y": False}]}, {})),
        (YAML, "1: one\n---\nin", ("in", {"1": "one"}, {})),
        (YAML, "---\nin", ("in", {}, {})),
        ({**YAML, "separator": "====="}, "x: 1\n=====\nin", ("in", {"x": 1}, {})),
    ],
)
def test_a_header_is_parted_into_params_and_settings(
    tmp_path: Path, header: object, content: str, parts: tuple[object, ...]
) -> None:
    write(tmp_path, "inputs/a", content)
    options = {**PLAIN, "header": header} if header else PLAIN
    (case,) = insta.inputs("s", tmp_path, options)
    assert isinstance(case, Case)
    assert (case.input, case.params, case.settings) == parts


def test_params_settings_and_shared_files_reach_the_port(workspace: Workspace) -> None:
    workspace.write("inputs/a", '{"x": [NaN, "\u00e9"], "$settings": {"y": 2}}\n---\nin')
    workspace.write("refs/b", "B")
    workspace.write("snapshots/t@a.snap", '["a", "in", {"x": [NaN, "\u00e9"]}, {"y": 2}, {"b": "B"}]')
    insta_suite(workspace, TELL, 'header = { format = "json", settings = "$settings" }\nshared = ["refs/*"]')
    assert workspace.run("check").first.startswith("PASS 1/1 pass · port")


@pytest.mark.parametrize(
    ("form", "content", "says"),
    [
        ("json", "{\n  x\n}\n---\nin", r"a:2: the header is not JSON \(Expecting property name.*\); correct it"),
        ("json", "\n---\nin", r"a:1: the header is not JSON \(.*\); correct it"),
        ("json", "[1]\n---\nin", r"a:1: the header must be an object; correct it"),
        ("json", "in", r"a:1: no line '---' after the header; add it, or drop `header` for this suite"),
        ("json", "{}\n--- \nin", r"a:1: no line '---' after the header; .*"),
        ("json", "{}\n---", r"a:1: no line '---' after the header; .*"),
        ("json", b'{"x": "\xff"}\n---\nin', r"a:1: an input with a header must be UTF-8 text; .*"),
        ("json", b"{}\n---\n\n\xff", r"a:4: an input with a header must be UTF-8 text; .*"),
        ("json", '{"$settings": 1}\n---\n', r"a:1: '\$settings' in the header must be an object; correct it"),
        ("json", '{"x": ' + "[" * DEEP + "]" * DEEP + "}\n---\n", r"a:1: the header is nested too deeply.*"),
        ("json", '{"x": ' + "9" * 5000 + "}\n---\n", r"a:1: the header holds what JSON can not \(.*\); .*"),
        ("yaml", "a: 1\nb: c: d\n---\n", r"a:2: the header is not YAML \(mapping values.*\); correct it"),
        ("yaml", "- a\n---\n", r"a:1: the header must be an object; correct it"),
        ("yaml", "[]\n---\n", r"a:1: the header must be an object; correct it"),
        ("yaml", "x: " + "[" * DEEP + "]" * DEEP + "\n---\n", r"a:1: the header is nested too deeply.*"),
        ("yaml", "x: &x [1]\ny: *x\n---\n", r"a:1: the header holds what JSON can not \(the alias \*x\); .*"),
        ("yaml", "x: 2001-01-01\n---\n", r"a:1: the header holds what JSON can not \(.* date .*\); .*"),
        ("yaml", "x: 2001-99-99\n---\n", r"a:1: the header holds what JSON can not \(.*\); .*"),
        ("yaml", "x: !!python/object:os.system {}\n---\n", r"a:1: the header is not YAML \(.*\); correct it"),
    ],
)
def test_a_broken_header_is_told_with_its_line(tmp_path: Path, form: str, content: str | bytes, says: str) -> None:
    write(tmp_path, "inputs/a", content)
    write(tmp_path, "snapshots/t@a.snap", "")
    header = {"format": form, "settings": "$settings"}
    (word,) = told(insta.inputs("s", tmp_path, {**PLAIN, "header": header}))
    assert re.fullmatch(says, word), word


def test_the_place_of_an_input_is_the_line_below_its_header(tmp_path: Path) -> None:
    snapshot(tmp_path, "", given_='{\n"x": 1\n}\n---\nin')
    (case,) = cases(insta.read("s", tmp_path, {**PLAIN, "header": {"format": "json"}})).values()
    assert case.place.line == 5


def test_slashes_in_a_name_are_two_underscores_in_its_snapshots_name(workspace: Workspace) -> None:
    workspace.write("inputs/deep/er/a b.txt", "in")
    workspace.write("snapshots/t@deep__er__a b.txt.snap", "---\nsource: x\n---\nin\n")
    insta_suite(workspace, ECHO)
    ran, export = workspace.export()
    assert ran.code == 0
    assert [row["id"] for row in export["results"]] == ["snaps/deep/er/a b.txt"]


def test_a_snapshot_that_two_inputs_would_share_is_a_fault_that_names_both(workspace: Workspace) -> None:
    for name in ("inputs/a/b", "inputs/a__b", "snapshots/t@a__b.snap"):
        workspace.write(name, "in")
    insta_suite(workspace, ECHO)
    says = "its snapshot snapshots/t@a__b.snap is that of inputs/a/b:1 too; rename one, or narrow `inputs`"
    assert refused(workspace) == [f"inputs/a__b:1: {says}"]


def test_snapshots_without_an_input_are_noted_and_pending_ones_are_left_alone(workspace: Workspace) -> None:
    workspace.write("inputs/a", "in")
    for name in ("t@a.snap", "t@lonely.snap", "t@a.snap.new", "other@a.snap"):
        workspace.write(f"snapshots/{name}", "in")
    insta_suite(workspace, ECHO)
    ran = workspace.run("check")
    assert ran.first.startswith("PASS 1/1")
    assert ran.out.count("this snapshot has no input and is not compared") == 1
    assert "snapshots/t@lonely.snap: this snapshot has no input and is not compared" in ran.out


def test_broken_snapshots_are_told_all_at_once_through_the_command_line(workspace: Workspace) -> None:
    broken: dict[str, str | bytes] = {
        "a": "---\nsource: x\nnever closed\n",
        "b": "---\na: b: c\n---\n",
        "c": b"---\nsource: x\n---\nfine\n\xff",
        "e": "fine",
    }
    for name, content in broken.items():
        workspace.write(f"inputs/{name}", "in")
        workspace.write(f"snapshots/t@{name}.snap", content)
    workspace.write("inputs/d", "in")
    (workspace.folder / "snapshots/t@f.snap").mkdir()
    workspace.write("inputs/f", "in")
    insta_suite(workspace, ECHO)
    not_allowed = "mapping values are not allowed in this context"
    assert refused(workspace) == [
        "inputs/d: has no snapshot: snapshots/t@d.snap is missing; record it, or narrow `inputs`",
        "snapshots/t@a.snap:1: the front matter is not closed by a `---` line; restore the snapshot",
        f"snapshots/t@b.snap:2: the front matter is not YAML ({not_allowed}); correct it",
        "snapshots/t@c.snap:5: a snapshot must be UTF-8 text; restore it from the source project",
        "snapshots/t@f.snap: can not be read (Is a directory); restore the file or its permissions",
    ]


def test_a_header_that_is_not_json_is_told_through_the_command_line(workspace: Workspace) -> None:
    workspace.write("inputs/a", "{\n'x': 1}\n---\nin")
    workspace.write("snapshots/t@a.snap", "in")
    insta_suite(workspace, ECHO, 'header = { format = "json" }')
    (line,) = refused(workspace)
    assert re.fullmatch(r"inputs/a:2: the header is not JSON \(Expecting property name.*\); correct it", line)


def test_snapshots_alone_are_cases_out_of_scope_and_an_error_otherwise(workspace: Workspace) -> None:
    workspace.pair("x", "in", "in")
    workspace.write("snapshots/t@a.snap", "code")
    workspace.write("snapshots/t@b.snap", "code")
    workspace.config(workspace.worker(ECHO))
    text = (workspace.folder / "harness.toml").read_text()
    alone = f'[[suite]]\nname = "alone"\nreader = "insta"\nsnapshots = "{SNAP}"\n'
    workspace.write("harness.toml", f'{text}{alone}out_of_scope = "byte code"\n')
    ran = workspace.run("list")
    assert ran.out.splitlines()[-1] == "1 case (1 pairs) + 2 out of scope (2 alone) = 3"
    assert "alone/a" in ran.out
    workspace.write("harness.toml", text + alone)
    assert refused(workspace) == [
        f"snapshots/t@{name}.snap: suite 'alone' has no input for this; name `inputs`, or declare `out_of_scope`"
        for name in ("a", "b")
    ]


@settings(deadline=None, max_examples=150)
@given(st.text(alphabet=st.sampled_from("-ab \n\r\x1c\xa0"), max_size=12) | st.text(max_size=20))
@example("---\n---\nbody")  # insta's legacy rule drops one such line, and another each time it is applied
@example("---\n\nbody")
def test_what_is_recorded_reads_back_as_equal_to_what_was_said(said: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "inputs/a", '{"x": "---"}\n---\nin')
        options = {**PLAIN, "header": {"format": "json"}}
        (case,) = insta.inputs("s", folder, options)
        assert isinstance(case, Case)
        path, content = insta.write(folder, options, case, said)
        write(folder, os.path.relpath(path, folder), content)
        read = reference(folder, "a", header={"format": "json"})
        match = exact.make({}).match(read, said, insta.canonical)
        assert getattr(match, "achieved", None) is Strength.EXACT


def test_of_thousands_of_missing_references_the_first_are_named_and_the_rest_counted(workspace: Workspace) -> None:
    workspace.config('command = ["true"]')
    for number in range(200):
        workspace.write(f"cases/{number:03}.in", "x")
    ran = workspace.run("check")
    assert ran.code == 2
    assert ran.err.count("has no reference") == 50
    assert ran.err.endswith("and 150 more faults; mend these and run again\n")
