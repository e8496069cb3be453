"""Snapshots inside Rust's sources: which macros are cases, what their literals hold, and insta's rule of equality."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.matchers import exact
from harness.model import Match
from harness.readers import insta_inline

from .finding import cases, outputs, told, write

OPTIONS = {"files": "*.rs", "input": "given", "expression": r'(?P<given>r#"(?s:.*?)"#|"(?s:[^"\\]|\\.)*")'}
SOURCE = r"""
#[test]
fn adds() {
    assert_snapshot!(render("a\n\u{e9}\x41 \
        b"), @"one \"line\"");
    insta::assert_debug_snapshot!(file_snapshot("x"));
    // assert_snapshot!("gone", @"gone");
}

fn spans() {
    assert_snapshot!(r#"raw\n"#, @r##"
    a "#
      b

    c
    "##);
    assert_snapshot![call("z", 1), @"", ];
}
"""


def test_each_inline_snapshot_is_a_case_by_its_functions_name(tmp_path: Path) -> None:
    write(tmp_path, "a.rs", SOURCE)
    found = cases(insta_inline.read("s", tmp_path, OPTIONS))
    assert [
        (name.partition("~")[0], one.input, outputs(one)["output"][0], one.place.line) for name, one in found.items()
    ] == [
        ("a.rs/adds", "a\n\u00e9A b", 'one "line"', 4),
        ("a.rs/spans", "raw\\n", '    a "#\n      b\n\n    c\n    ', 11),
        ("a.rs/spans", "z", "", 17),
    ]


@pytest.mark.parametrize(
    ("reference", "got", "equal"),
    [
        ('    a "#\n      b\n\n    c\n    ', 'a "#\n  b\n\nc', True),
        ("  a\n  b", "a\n b", False),
        (" a", "a", False),
        ("a \r\nb\n", "a \nb", True),
    ],
)
def test_indentation_that_all_lines_share_does_not_count(reference: str, got: str, *, equal: bool) -> None:
    assert isinstance(exact.make({}).match(reference, got, insta_inline.canonical), Match) is equal


def test_an_expression_that_does_not_fit_and_a_file_that_is_no_text_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a.rs", 'fn f() {\nassert_snapshot!(x(1), @"2");\n}\n')
    write(tmp_path, "b.rs", b"\n\xff")
    assert told(insta_inline.read("s", tmp_path, OPTIONS)) == [
        "a.rs:2: `expression` does not fit 'x(1)'; widen it",
        "b.rs:2: is not UTF-8 text; restore it, or narrow `files`",
    ]


@given(st.text(st.characters(codec="utf-8", exclude_characters='\r"')))
def test_a_raw_literal_comes_back_as_it_is(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, "a.rs", f'fn f() {{ assert_snapshot!("in", @r#"\n{text}"#); }}')
        (case,) = cases(insta_inline.read("s", folder, OPTIONS)).values()
        assert outputs(case) == {"output": (text,)}
