"""Many cases in one text file: what is in a case, what may stand between two, and that nothing is lost."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.files import as_content
from harness.readers import blocks

from .finding import cases, outputs, told, write

DOTS = {
    "files": "*.txt",
    "case": r"^(?P<name>.+)\n\.\n(?P<given>(?s:.*?))^\.\n(?P<due>(?s:.*?))^\.$",
    "id": "name",
    "input": "given",
    "outputs": "due",
}
FENCES = {
    "files": "spec.txt",
    "case": r"^(?P<fence>`{4,}) example(?: (?P<flag>disabled))?\n(?P<given>(?s:.*?))^\.\n(?P<due>(?s:.*?))^(?P=fence)$",
    "between": r"(?:(?!`{4,} example).*\n?)*",
    "heading": r"^(?:# (?P<chapter>.+)|## (?P<section>.+))$",
    "id": ["chapter", "section"],
    "input": "given",
    "outputs": "due",
    "spelled": {"\u2192": "\t"},
}
HASHES = {
    "files": "*.dat",
    "case": r"(?s)^#data\n.*?\n(?=\n#data\n|\Z)",
    "part": r"(?:\n|^)#(?P<part>data|errors|script-on|document)\n",
    "input": "data",
    "params": {"script": "script-on"},
    "outputs": "document",
}


def test_a_case_has_a_name_an_input_and_an_output(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "one\n.\nin\n\n.\n.\n\n\ntwo\n.\n. \n.\nout\r\n.\n")
    found = cases(blocks.read("s", tmp_path, DOTS))
    assert {name: (one.input, outputs(one), one.place.line) for name, one in found.items()} == {
        "a.txt/one": ("in\n\n", {"output": ("",)}, 1),
        "a.txt/two": (". \n", {"output": ("out\r\n",)}, 9),
    }


def test_fences_vary_in_length_prose_stands_between_and_headings_give_names(tmp_path: Path) -> None:
    text = "---\ntitle: x\n---\n# A\nprose\n\n## B\n```` example\na\u2192\n.\n```\n````\nmore\n"
    text += "````` example disabled\n````\n.\nout\n`````\n# C\n```` example\n.\n````\n"
    write(tmp_path, "spec.txt", text)
    found = cases(blocks.read("s", tmp_path, FENCES))
    assert [
        (name.partition("~")[0], one.input, outputs(one)["output"], one.place.line) for name, one in found.items()
    ] == [
        ("A/B", "a\t\n", ("```\n",), 8),
        ("A/B", "````\n", ("out\n",), 14),
        ("C/B", "", ("",), 20),
    ]
    assert len(found) == 3
    (plain,) = (name for name in found if "~" not in name)
    assert plain == "C/B"


def test_parts_come_in_any_number_and_what_is_not_there_is_not_sent(tmp_path: Path) -> None:
    text = "#data\na\n\nb\n#errors\n#document\n| a\n\n#data\n#errors\n1: x\n#script-on\n#document\n| b\n\n| c\n"
    write(tmp_path, "t.dat", text)
    found = cases(blocks.read("s", tmp_path, HASHES))
    assert [(one.input, one.params, outputs(one)["output"]) for one in found.values()] == [
        ("a\n\nb", {}, ("| a\n",)),
        ("", {"script": ""}, ("| b\n\n| c\n",)),
    ]


def test_a_group_that_takes_part_is_an_error_that_is_due(tmp_path: Path) -> None:
    options = {
        "files": "*.txt",
        "case": r"^in: (?P<given>.*)\n(?:out: (?P<due>.*)|(?P<error>fails):? ?(?P<why>.*))$",
        "input": "given",
        "outputs": "due",
        "error": "why",
    }
    write(tmp_path, "a.txt", "in: 1\nout: 2\nin: 3\nfails: boom\nin: 4\nfails\n")
    assert [outputs(one) for one in cases(blocks.read("s", tmp_path, options)).values()] == [
        {"output": ("2",)},
        {"error": ("boom",)},
        {"error": ("",)},
    ]


def test_what_is_in_no_case_and_between_none_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "one\n.\nin\n.\nout\n.\n\n  stray\nmore\n\ntwo\n.\n.\n.\n\n\nend\n.\nof\n")
    says = "is in no case, and `between` does not fit it; correct `case`, or widen `between`"
    assert told(blocks.read("s", tmp_path, DOTS)) == [f"a.txt:8: 'stray' {says}", f"a.txt:17: 'end' {says}"]


def test_a_file_without_a_case_and_a_part_that_comes_twice_are_faults(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "prose\n")
    assert told(blocks.read("s", tmp_path, DOTS)) == [
        "a.txt:1: `case` fits nothing in it; correct the expression, or narrow `files`"
    ]
    write(tmp_path, "t.dat", "#data\na\n#document\nx\n#document\ny\n")
    assert told(blocks.read("s", tmp_path, HASHES)) == [
        "t.dat:1: this case has a second 'document'; correct `part` or `case`"
    ]


def test_a_field_that_is_in_no_case_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "one\n.\nin\n.\nout\n.\n")
    options = {**DOTS, "params": {"mode": "mdoe"}}
    assert told(blocks.read("s", tmp_path, options)) == [
        "params: params: 'mdoe' finds nothing in any case; correct or remove it"
    ]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"caf\xe9", b"\x00\r", "\u2028\x85\x0b".encode()])
def test_bytes_that_are_not_utf8_stay_bytes_and_the_fields_beside_them_text(tmp_path: Path, data: bytes) -> None:
    write(tmp_path, "a.txt", b"one\n.\n" + data + b"\n.\n\xc3\xa9\n.\n")
    (case,) = cases(blocks.read("s", tmp_path, DOTS)).values()
    assert case.input == as_content(data + b"\n")
    assert outputs(case) == {"output": ("\u00e9\n",)}


@given(st.lists(st.tuples(st.binary(), st.binary()), min_size=1, max_size=4))
def test_every_byte_of_a_case_comes_back(pairs: list[tuple[bytes, bytes]]) -> None:
    options = {"files": "*.x", "case": r"(?s)<<<(?P<a>.*?)===(?P<b>.*?)>>>\n", "input": "a", "outputs": "b"}
    clean = [(a, b) for a, b in pairs if not any(mark in a + b"|" + b for mark in (b"<", b"=", b">"))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "t.x", b"".join(b"<<<" + a + b"===" + b + b">>>\n" for a, b in clean) or b"<<<===>>>\n")
        found = cases(blocks.read("s", folder, options)).values()
        assert [(one.input, outputs(one)["output"][0]) for one in found] == [
            (as_content(a), as_content(b)) for a, b in clean or [(b"", b"")]
        ]


def test_without_case_each_file_is_one(tmp_path: Path) -> None:
    write(tmp_path, "a.phpt", "--TEST--\nadds\n--FILE--\n1+1\n--EXPECT--\n2\n")
    write(tmp_path, "b.phpt", "--TEST--\nfails\n--FILE--\n1+\n--FAILS--\nline 1\n")
    options = {
        "files": "*.phpt",
        "part": r"^--(?P<part>[A-Z]+)--\n",
        "id": "TEST",
        "input": "FILE",
        "outputs": "EXPECT",
        "error": "FAILS",
    }
    found = cases(blocks.read("s", tmp_path, options))
    assert {name: (one.input, outputs(one)) for name, one in found.items()} == {
        "a.phpt/adds": ("1+1\n", {"output": ("2\n",)}),
        "b.phpt/fails": ("1+\n", {"error": ("line 1\n",)}),
    }
