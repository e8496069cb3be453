"""What `pairs` can say beyond one file beside another: must-fail folders, archives, inherited options, lists."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness.files import as_content
from harness.readers import pairs

from .finding import cases, outputs, told, write

HRX = r"(?:^|\n)<(?P<same>=+)>(?: +(?P<name>.+))?\n"
SASS = {
    "inputs": "**/input.{scss,sass}",
    "outputs": {"output": ["{folder}/output-mine.css", "{folder}/output.css"], "warning": "{folder}/warning"},
    "optional": ["warning"],
    "error": "{folder}/error",
}


def test_a_folder_of_inputs_that_must_fail_has_references_without_a_text(tmp_path: Path) -> None:
    for name in ("valid/a.toml", "valid/a.json", "invalid/deep/b.toml"):
        write(tmp_path, f"t/{name}", name)
    options = {"inputs": "t/**/*.toml", "outputs": {"json": "t/{stem}.json"}, "must_fail": ["invalid/**"]}
    found = cases(pairs.read("s", tmp_path, options))
    assert {name: outputs(one) for name, one in found.items()} == {
        "invalid/deep/b.toml": {"error": ("",)},
        "valid/a.toml": {"json": ("valid/a.json",)},
    }
    assert told(pairs.read("s", tmp_path, {**options, "must_fail": ["invalid/**", "nope/**"]})) == [
        "must_fail: must_fail 'nope/**' fits no input; correct the glob"
    ]
    bare = {"inputs": "t/**/*.toml", "must_fail": ["invalid/**"]}
    assert outputs(cases(pairs.read("s", tmp_path, bare))["valid/a.toml"]) == {"accepted": ("",)}
    assert told(pairs.read("s", tmp_path, {"inputs": "t/**/*.toml"})) == [
        "inputs: nothing says what must come out; add `outputs`, `error` or `must_fail`"
    ]


def test_an_error_file_makes_a_case_fail_and_an_own_reference_comes_first(tmp_path: Path) -> None:
    for name in ("a/input.scss", "a/output.css", "a/output-mine.css", "b/input.sass", "b/error", "b/warning"):
        write(tmp_path, name, name)
    for name in ("input.scss", "output.css", "warning"):
        write(tmp_path, name, name)
    found = cases(pairs.read("s", tmp_path, SASS))
    assert {name: outputs(one) for name, one in found.items()} == {
        "a/input.scss": {"output": ("a/output-mine.css",)},
        "b/input.sass": {"error": ("b/error",)},
        "input.scss": {"output": ("output.css",), "warning": ("warning",)},
    }
    assert told(pairs.read("s", tmp_path, SASS)) == []


def test_any_of_several_references_will_do_and_one_at_least_must_be_there(tmp_path: Path) -> None:
    for name in ("a.sql", "a.out", "a_1.out", "b.sql"):
        write(tmp_path, name, name)
    options = {"inputs": "*.sql", "outputs": {"output": {"any": ["{stem}.out", "{stem}_1.out", "{stem}_2.out"]}}}
    found = cases(pairs.read("s", tmp_path, options))
    assert outputs(found["a.sql"]) == {"output": ("a.out", "a_1.out")}
    (word,) = told(pairs.read("s", tmp_path, options))
    assert re.fullmatch(r"b.sql:None: has no reference: .*b.out is missing; record it, or narrow `inputs`", word)


def test_options_are_inherited_down_the_folders_the_innermost_last(tmp_path: Path) -> None:
    write(tmp_path, "t/a/b/x.in", "")
    write(tmp_path, "t/a/b/x.out", "")
    write(tmp_path, "options.yml", "deep: outside")
    write(tmp_path, "t/options.yml", "one: 1\ntwo: 1\n")
    write(tmp_path, "t/a/b/options.yml", "two: 2\n")
    table = {"file": "options.yml", "format": "yaml"}
    options = {"inputs": "t/**/*.in", "outputs": "t/{stem}.out", "options": table}
    (case,) = cases(pairs.read("s", tmp_path, options)).values()
    assert (case.params, case.settings) == ({"one": 1, "two": 2}, {})
    (case,) = cases(pairs.read("s", tmp_path, {**options, "options": {**table, "settings": True}})).values()
    assert (case.params, case.settings) == ({}, {"one": 1, "two": 2})
    write(tmp_path, "t/a/options.yml", "- 1\n")
    assert told(pairs.read("s", tmp_path, options)) == [
        "options.yml:1: the file of options must hold an object; correct it"
    ]


def test_a_list_says_which_inputs_count_and_must_be_right(tmp_path: Path) -> None:
    for name in ("t/a.in", "t/a.out", "t/b.in", "t/b.out"):
        write(tmp_path, name, "")
    write(tmp_path, "list", "a.in\r\na.out\n\n")
    options = {"inputs": "t/*.in", "outputs": "t/{stem}.out", "list": "list"}
    assert list(cases(pairs.read("s", tmp_path, options))) == ["a.in"]
    assert told(pairs.read("s", tmp_path, options)) == []
    write(tmp_path, "list", "a.in\ngone.in\n")
    (word,) = told(pairs.read("s", tmp_path, options))
    assert re.fullmatch(r"list:2: there is no gone.in below .*; restore the file or the list", word)


def test_what_a_case_may_use_comes_with_it_and_never_a_reference(tmp_path: Path) -> None:
    for name in ("a/input.scss", "a/output.css", "a/_used.scss", "a/b/input.scss", "a/b/error", "a/deep/x.css"):
        write(tmp_path, name, name)
    write(tmp_path, "a/raw", b"\xff")
    found = cases(pairs.read("s", tmp_path, {**SASS, "files": ["{folder}/**"]}))
    assert found["a/input.scss"].params["files"] == {
        "_used.scss": "a/_used.scss",
        "b/input.scss": "a/b/input.scss",
        "deep/x.css": "a/deep/x.css",
        "raw": {"base64": "/w=="},
    }


def test_an_archive_holds_several_cases_and_its_boundary_may_have_any_length(tmp_path: Path) -> None:
    text = "<==> a/input.scss\nin\n<===> no boundary\n\n<==> a/output.css\n<==>\n=====\n"
    text += "<==> b/input.sass\nx\n<==> b/error\nE\n"
    write(tmp_path, "t/one.hrx", text)
    write(tmp_path, "t/two.hrx", "<=> input.scss\n\u00e9\n<=> output.css\n\n\n")
    write(tmp_path, "t/options.yml", "x: 1\n")
    options = {
        **SASS,
        "archive": {"files": "t/*.hrx", "boundary": HRX},
        "options": {"file": "options.yml", "format": "yaml"},
    }
    found = cases(pairs.read("s", tmp_path, options))
    assert {name: (one.input, outputs(one), one.place.line, one.params) for name, one in found.items()} == {
        "one.hrx/a/input.scss": ("in\n<===> no boundary\n", {"output": ("",)}, 2, {"x": 1}),
        "one.hrx/b/input.sass": ("x", {"error": ("E\n",)}, 9, {"x": 1}),
        "two.hrx/input.scss": ("\u00e9", {"output": ("\n\n",)}, 2, {"x": 1}),
    }
    assert told(pairs.read("s", tmp_path, options)) == []


TXTAR = {
    "inputs": "*.in",
    "outputs": "{stem}.out",
    "archive": {"files": "*.txtar", "boundary": r"^-- (?P<name>.+) --\n"},
}


def test_what_is_wrong_with_an_archive_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "a.txtar", "comment\n-- a.in --\n1\n-- a.in --\n2\n")
    write(tmp_path, "b.txtar", "only a comment\n")
    write(tmp_path, "c.txtar", "-- a.in --\n1\n-- b.out --\n2\n")
    assert told(pairs.read("s", tmp_path, TXTAR)) == [
        "a.txtar:4: a second file 'a.in' in it; correct the archive, or `boundary`",
        "b.txtar:1: `inputs` '*.in' fits nothing in it; correct it, or narrow `archive`",
        "c.txtar:2: has no reference: a.out is missing; record it, or narrow `inputs`",
        "note c.txtar: this reference has no input and is not compared",
    ]


@given(st.lists(st.tuples(st.binary(), st.binary()), min_size=1, max_size=4))
def test_every_byte_in_an_archive_comes_back(contents: list[tuple[bytes, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = b"".join(
            b"<==> %d.in\n%b\n<==> %d.out\n%b\n" % (number, a, number, b) for number, (a, b) in enumerate(contents)
        )
        write(folder, "t.hrx", text + b"<==>\nend")
        options = {"inputs": "*.in", "outputs": "{stem}.out", "archive": {"files": "t.hrx", "boundary": HRX}}
        found = cases(pairs.read("s", folder, options)).values()
        if b"<==>" not in b"".join(a + b for a, b in contents):
            assert [(one.input, outputs(one)["output"][0]) for one in found] == [
                (as_content(a), as_content(b)) for a, b in contents
            ]
