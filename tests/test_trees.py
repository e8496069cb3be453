"""Texts that print a structure are read as trees, whatever language printed them; and no two different ones alike."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.trees import DEEPEST, Branch, Difference, Leaf, NoTree, Tree, differences, of_json, parse, parse_json

if TYPE_CHECKING:
    from harness.model import Json

LONG = 100_000


def tree(text: str) -> Tree:
    found = parse(text)
    assert not isinstance(found, NoTree), found
    return found


def word(text: str) -> tuple[None, Leaf]:
    return None, Leaf(text)


def apart(want: str, got: str) -> list[str]:
    return [str(one) for one in differences(tree(want), tree(got))]


def test_rust_debug_is_read() -> None:
    pretty = (
        'Template {\n    all: [\n        EmitRaw {\n            raw: "\\u{e9}\\n",\n        } @ 1:1-1:2,\n    ],\n}'
    )
    raw = Branch("EmitRaw", "{}", ((Leaf("raw"), Leaf("\u00e9\n", '"')),), "@ 1:1-1:2")
    assert tree(pretty) == Branch("Template", "{}", ((Leaf("all"), Branch("", "[]", ((None, raw),))),))
    assert tree('Template { all: [EmitRaw { raw: "é\\n" } @ 1:1-1:2] }') == tree(pretty)


def test_python_repr_is_read() -> None:
    assert tree("Name(id='x', ctx=Load())") == Branch(
        "Name", "()", ((Leaf("id"), Leaf("x", "'")), (Leaf("ctx"), Branch("Load", "()", ())))
    )
    assert tree("{'a': b'\\xff', (1, 2): {3}, 4: <object at 0x7f>}") == Branch(
        "",
        "{}",
        (
            (Leaf("a", "'"), Leaf("\\xff", "b'")),
            (Branch("", "()", (word("1"), word("2"))), Branch("", "{}", (word("3"),))),
            (Leaf("4"), Leaf("<object at 0x7f>")),
        ),
    )


def test_go_syntax_is_read() -> None:
    text = 'main.T{A:1, B:[]string{"x"}, C:map[string]int{"k":2}, D:(*main.T)(0xc000012345), E:interface {}(nil)}'
    assert tree(text) == Branch(
        "main.T",
        "{}",
        (
            (Leaf("A"), Leaf("1")),
            (Leaf("B"), Branch("[]string", "{}", ((None, Leaf("x", '"')),))),
            (Leaf("C"), Branch("map[string]int", "{}", ((Leaf("k", '"'), Leaf("2")),))),
            (Leaf("D"), Branch("(*main.T)", "()", (word("0xc000012345"),))),
            (Leaf("E"), Branch("interface {}", "()", (word("nil"),))),
        ),
    )


VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_one_tree_by_either_reader_and_however_it_is_spaced(value: Json) -> None:
    trees = [parse(json.dumps(value)), parse_json(json.dumps(value, indent=3, ensure_ascii=False)), of_json(value)]
    assert trees[0] == trees[1] == trees[2]


@given(VALUES, VALUES)
def test_two_values_that_differ_have_trees_that_differ(one: Json, other: Json) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    trees = tree(json.dumps(one)), tree(json.dumps(other))
    assert (not list(differences(*trees))) is same
    assert same or list(differences(tree(repr(one)), tree(repr(other))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1,)", "(1)"),
        ("(1,)", "[1]"),
        ("{1}", "(1)"),
        ("A(1)", "B(1)"),
        ("A(1)", "A(1) @ 2"),
        ("1", "'1'"),
        ("'1'", '"1"'),
        ("'1'", "b'1'"),
        ("1", "1.0"),
        ("1", "true"),
        ("[]", "()"),
        ("[]", "[[]]"),
        ("A", "A()"),
        ("A { x: 1 }", "A { x: 1, x: 1 }"),
        ("A { x: 1, x: 2 }", "A { x: 2, x: 1 }"),
        ("[1, 2]", "[2, 1]"),
        ("[1, 2]", "[1 2]"),
        ("a b", "a  b"),
        (r'"\\n"', r'"\n"'),
        (r'"\\u{e9}"', '"é"'),
        (r'"\xff"', '"ÿ"'),
        (r'"\ud83d"', r'"\ud83d\ude00"'),
        ("A\nB", "A B"),
        ("{a: 1}", "{a: {}}"),
        ("[a=1]", "[a==1]"),
        ("[x:y]", "[x :y]"),
    ],
)
def test_what_means_something_else_is_another_tree(one: str, other: str) -> None:
    assert apart(one, other)
    assert apart(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A { x: 1, y: 2 }", "A{y:2,x:1,}"),
        ("[1, 2]", "[\n    1,\n    2,\n]\n"),
        (r'"\u{e9}\u00e9\n\t\""', '"éé\n\t\\""'),
        (r'"\ud83d\ude00"', '"😀"'),
        ("{a=1}", "{a: 1}"),
        ("A(1)\n\n  B\n", "A(1)\nB"),
    ],
)
def test_what_only_looks_different_is_the_same_tree(one: str, other: str) -> None:
    assert apart(one, other) == []


def test_a_difference_has_a_path_and_both_sides() -> None:
    assert apart("Ok(A { b: [1, 2], c: X @ 2 })", "Ok(A { b: [1, 3, 4], d/~: Y })") == [
        "at 0/b/1: 2, got 3",
        "at 0/b/2: nothing, got 4",
        "at 0/c: X @ 2, got nothing",
        "at 0/d~1~0: nothing, got Y",
    ]
    assert apart("A(1) @ 1:2", "A(1) @ 1:3") == ["at @: @ 1:2, got @ 1:3"]
    assert apart("A(1)", "B(1)") == ["at the top: A(..), got B(..)"]
    one = list(differences(Leaf("a"), Leaf("b")))
    assert one == [Difference("", Leaf("a"), Leaf("b"))]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a, b", "a comma that ends nothing (line 1)"),
        ("[1,,2]", "a comma that ends nothing (line 1)"),
        ("x\n[1", "a '[' that is not closed (line 2)"),
        ("[1)", "a ')' that closes nothing (line 1)"),
        ("1)", "a ')' that closes nothing (line 1)"),
        ('["a]', "a string that does not end (line 1)"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "more than 200 levels (line 1)"),
    ],
)
def test_a_text_that_is_no_tree_says_why(text: str, why: str) -> None:
    assert parse(text) == NoTree(why)


@pytest.mark.parametrize("text", ["[1,]", "{'a': 1}", "", "[1] 2", "01", '"\t"', "[" * 201 + "]" * 201, "[" * LONG])
def test_json_is_read_as_strictly_as_it_is_written(text: str) -> None:
    assert isinstance(parse_json(text), NoTree)


def test_json_keeps_digits_and_duplicate_keys() -> None:
    found = parse_json('{"n": 123456789012345678901234567890.10, "n": 1E2, "x": NaN}')
    assert isinstance(found, Branch)
    assert [str(value) for _, value in found.entries] == ["123456789012345678901234567890.10", "1E2", "NaN"]


@pytest.mark.parametrize(
    "piece", ["'\\", '"', "b'", "a'", "=", "!", ":", " ", "a=b ", "(\n)", "{:", "x:y ", "\\", "a\n"]
)
def test_long_runs_of_anything_are_no_trouble(piece: str) -> None:
    # Quadratic, each of these takes minutes.
    for text in (piece * LONG, "[" + piece * LONG, "{" + piece * LONG, "(" + piece * LONG):
        parse(text)
