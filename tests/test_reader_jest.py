"""Snapshots by the names of tests: Jest's and Vitest's files, and syrupy's."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.readers import ambr, jest

from .finding import cases, outputs, told, write

KEY = {"files": "*.snap", "input": "key"}
HEAD = "// Jest Snapshot v1, https://goo.gl/fbAQLP\n"


def literal(text: str) -> str:
    """Write a template literal as Jest does."""
    return "`" + re.sub(r"[`\\]|\$\{", lambda found: "\\" + found[0], text) + "`"


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_characters="\r")),
        st.text(st.characters(codec="utf-8")),
        min_size=1,
        max_size=4,
    )
)
def test_what_jest_writes_comes_back(snapshots: dict[str, str]) -> None:
    snapshots = {key: re.sub(r"\r\n?", "\n", value) for key, value in snapshots.items()}  # as Jest does
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = HEAD
        for key, value in snapshots.items():
            lines = f"\n{value}\n" if "\n" in value or value == "" else value
            text += f"\nexports[{literal(key)}] = {literal(lines)};\n"
        write(folder, "a.snap", text)
        found = cases(jest.read("s", folder, KEY)).values()
        assert {one.input: outputs(one)["output"][0] for one in found} == {
            key: value or "\n\n" for key, value in snapshots.items()
        }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"\`\\\${x}", "`\\${x}"),
        (r"\n\t\x41\u0042\u{1F600}\0\q", "\n\tAB\U0001f600\0q"),
        ("a\\\nb\r\nc\rd", "ab\nc\nd"),
        ("\n\n", "\n\n"),
        ("\n\n\n", "\n"),
        ("$ {x} $\\{", "$ {x} ${"),
        (r"\\\\${", None),
    ],
)
def test_escapes_are_read_as_javascript_does(tmp_path: Path, written: str, read: str | None) -> None:
    write(tmp_path, "a.snap", f"exports[`k 1`] = `{written}`;\n")
    found = list(jest.read("s", tmp_path, KEY))
    if read is None:
        assert told(iter(found)) == ["a.snap:1: a `${` that is not escaped; restore the file, or narrow `files`"]
    else:
        assert outputs(cases(iter(found))["a.snap/k 1"]) == {"output": (read,)}


def test_the_input_is_in_a_file_that_the_name_leads_to_or_inside_the_snapshot(tmp_path: Path) -> None:
    write(tmp_path, "a.snap", f"{HEAD}exports[`x.js - flow 1`] = `\n== in ==\na\n== out ==\nb\n== end ==\n`;\n")
    write(tmp_path, "inputs/x.js", b"\xff")
    options = {
        "files": "a.snap",
        "key": r"^(?P<file>\S+) - (?P<parser>\w+) \d+$",
        "snapshot": r"== in ==\n(?P<given>(?s:.*))== out ==\n(?P<due>(?s:.*))== end ==",
        "params": {"parser": "parser"},
        "id": ["file", "parser"],
        "outputs": "due",
    }
    (inside,) = cases(jest.read("s", tmp_path, {**options, "input": "given"})).values()
    assert (inside.name, inside.input, outputs(inside)) == ("x.js/flow", "a\n", {"output": ("b\n",)})
    beside = {**options, "input": "input_file", "input_file": "inputs/{file}"}
    (case,) = cases(jest.read("s", tmp_path, beside)).values()
    assert (case.input, case.params) == (b"\xff", {"parser": "flow"})
    assert re.fullmatch(
        r"a.snap:2: its input .*/none/x.js: can not be read \(No such file or directory\); restore .*",
        told(jest.read("s", tmp_path, {**beside, "input_file": "none/{file}"}))[0],
    )
    assert told(jest.read("s", tmp_path, {**beside, "input_file": "{nope}"}))[0].startswith(
        "a.snap:2: `input_file` has no field 'nope' here; name it"
    )
    assert told(jest.read("s", tmp_path, {**options, "input": "given", "key": "^nope$"})) == [
        "a.snap:2: `key` does not fit 'x.js - flow 1'; widen the expression"
    ]


def test_what_is_no_snapshot_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "a.snap", f"{HEAD}\nexports[`a 1`] = `\nb\n`;\nexports[`c 1`] = 'd';\n")
    assert told(jest.read("s", tmp_path, KEY)) == [
        "a.snap:6: \"exports[`c 1`] = 'd';\" is no snapshot as Jest writes them; restore the file, or narrow `files`"
    ]
    write(tmp_path, "a.snap", b"// x\n\xff")
    assert told(jest.read("s", tmp_path, KEY)) == ["a.snap:2: is not UTF-8 text; restore it, or narrow `files`"]


AMBR = "# serializer version: 1\n# name: test_a[x]\n  'one'\n# ---\n# name: test_b\n  '''\n  two\n  \n  '''\n# ---\n"


def test_syrupys_files_are_read_by_syrupy(tmp_path: Path) -> None:
    write(tmp_path, "a.ambr", AMBR)
    found = cases(ambr.read("s", tmp_path, {"files": "*.ambr", "input": "key"}))
    assert {name: (one.input, outputs(one)["output"], one.place.line) for name, one in found.items()} == {
        "a.ambr/test_a[x]": ("test_a[x]", ("'one'",), 2),
        "a.ambr/test_b": ("test_b", ("'''\ntwo\n\n'''",), 5),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (AMBR[1:], "a.ambr:1: is of another version of the format than this syrupy's; update it with syrupy"),
        (AMBR.replace("test_b", "test_a[x]"), "a.ambr:5: the snapshot 'test_a[x]' stands twice in it; update .*"),
        (AMBR.replace("  'one'\n", ""), "a.ambr:2: the snapshot 'test_a[x]' has nothing that syrupy can read; .*"),
        (AMBR.replace("test_b", ""), r"a.ambr:None: syrupy can not read it \(Missing snapshot name.\); restore it"),
    ],
)
def test_what_syrupy_would_pass_over_is_told(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "a.ambr", text)
    words = told(ambr.read("s", tmp_path, {"files": "*.ambr", "input": "key"}))
    assert re.fullmatch(says.replace("[x]", r"\[x\]"), words[0]), words


def test_without_syrupy_the_next_step_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.ambr", AMBR)
    code = (
        "import sys, pathlib; sys.modules['syrupy'] = None; from harness.readers import ambr;"
        f"print(*ambr.read('s', pathlib.Path({str(tmp_path)!r}), {{'files': '*.ambr', 'input': 'key'}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert "Misfit(option='reader', says=\"reader 'ambr' needs syrupy (" in done.stdout
    assert done.stdout.rstrip().endswith('install it beside the harness: syrupy>=5")')
