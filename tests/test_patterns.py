"""Globs have one meaning everywhere."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.files import find
from harness.patterns import compile_glob, fixed_folder, is_glob

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace


def fits(glob: str, name: str) -> bool:
    return compile_glob(glob).fullmatch(name) is not None


@pytest.mark.parametrize(
    ("glob", "fitting", "others"),
    [
        ("*.txt", ["a.txt", ".txt"], ["a/b.txt", "a.txt/b", "atxt"]),
        ("a?c", ["abc", "a\nc"], ["ac", "a/c", "abbc"]),
        ("a/**", ["a/b", "a/b/c", "a/"], ["a", "b/a"]),
        ("**/x", ["x", "a/x", "a/b/x"], ["ax", "x/a"]),
        ("a/**/x", ["a/x", "a/b/c/x"], ["ax", "a/bx"]),
        ("**", ["", "a", "a/b"], []),
        ("*.{txt,html}", ["a.txt", "a.html"], ["a.text", "a.{txt,html}", "a."]),
        ("{a*,b?}/c", ["abc/c", "bx/c"], ["b/c", "a/x/c"]),
        ("a{,b}", ["a", "ab"], ["b", "abb"]),
        ("[abc].x", ["a.x", "c.x"], ["d.x", "abc.x", ".x"]),
        ("[a-cx-z]", ["b", "y"], ["d", "-"]),
        ("[!a-c]", ["d", "-", "!"], ["b", "/", ""]),
        ("[+-9]", ["5", "-"], ["/"]),
        ("[]]", ["]"], ["[", ""]),
        ("[!]]", ["[", "a"], ["]"]),
        ("[^a]", ["^", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[\\]", ["\\"], ["]"]),
        ("[z-a]", [], ["z", "a", "m", "-", ""]),
        ("[&&~~||--[]", ["&", "~", "|", "["], ["a"]),
        ("[", ["["], ["a"]),
        ("[]", ["[]"], [""]),
        ("[!]", ["[!]"], ["a"]),
        ("a{b,c", ["a{b,c"], ["ab"]),
        ("a.b", ["a.b"], ["axb"]),
        ("(a|b)+$", ["(a|b)+$"], ["a"]),
        ("\\d", ["\\d"], ["1"]),
    ],
)
def test_what_fits_and_what_does_not(glob: str, fitting: list[str], others: list[str]) -> None:
    assert [name for name in fitting if not fits(glob, name)] == []
    assert [name for name in others if fits(glob, name)] == []


@settings(deadline=None, max_examples=500)
@given(st.text(alphabet=st.sampled_from("ab*?[]{}!^-,/.\\&|~()\u00e9e\u0301"), max_size=12), st.text(max_size=8))
def test_any_text_is_a_glob_and_none_is_a_surprise(glob: str, name: str) -> None:
    fits(glob, name)  # no pattern raises, and none makes the regular expressions' parser warn


@settings(deadline=None)
@given(st.text())
def test_a_text_without_wildcards_fits_itself_in_nfc_and_nothing_else(text: str) -> None:
    if not is_glob(text):
        own = unicodedata.normalize("NFC", text)
        assert fits(text, own)
        assert not fits(text, own + "x")


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1))
def test_a_star_fits_every_name_without_a_slash(name: str) -> None:
    assert fits("*", name)
    assert not fits("*", f"a/{name}")


@pytest.mark.parametrize(
    ("glob", "folder"),
    [
        ("a/b/*.txt", "a/b"),
        ("*.txt", ""),
        ("a/b.txt", "a"),
        ("a/*/c/d", "a"),
        ("../x/{a,b}/c", "../x"),
        ("/abs/*", "/abs"),
        ("x{a/b,c}/d", ""),
    ],
)
def test_the_fixed_folder_is_what_stands_in_front_of_the_first_wildcard(glob: str, folder: str) -> None:
    assert fixed_folder(glob) == folder


def test_files_are_found_by_name_in_a_stable_order_relative_to_the_fixed_folder(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.txt", "sub.txt", "other.md"):
        path = tmp_path / "x" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "x" / "folder.txt").mkdir()
    assert list(find(tmp_path, "x/*.txt")) == [
        (name, str(tmp_path / "x" / name)) for name in ("a.txt", "b.txt", "sub.txt")
    ]
    names = [found[0] for found in find(tmp_path, "x/**/*.txt") if isinstance(found, tuple)]
    assert names == ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "sub.txt"]
    assert [found[0] for found in find(tmp_path, "x/{sub/c,b}.txt") if isinstance(found, tuple)] == [
        "b.txt",
        "sub/c.txt",
    ]
    assert list(find(tmp_path, "x/a.txt")) == [("a.txt", str(tmp_path / "x" / "a.txt"))]
    assert list(find(tmp_path, "none/*.txt")) == []
    assert list(find(tmp_path, "x/a.txt/*")) == []


def test_a_glob_means_the_same_in_a_rule_in_the_skip_list_and_on_the_command_line(workspace: Workspace) -> None:
    for name in ("a1", "a2", "b1", "deep/a1"):
        workspace.pair(name, "x \n", "x\n")
    rule = '[[suite.rule]]\ncases = "[!b]?.in"\nmatcher = "text"\nnormalize = ["trailing-whitespace"]\n'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rule)
    text = (workspace.folder / "harness.toml").read_text().replace("cases/*.in", "cases/**/*.in")
    workspace.write("harness.toml", text)
    workspace.write("skiplist.toml", 'format = 1\n[todo.glob]\n"pairs/{b,deep/*}*.in" = "not yet"\n')
    ran, export = workspace.export()
    standings = {case["id"]: case["standing"] for case in export["results"]}
    assert standings == {
        "pairs/a1.in": "passed",
        "pairs/a2.in": "passed",
        "pairs/b1.in": "todo",
        "pairs/deep/a1.in": "todo",
    }, ran
    assert workspace.run("check", "pairs/[a]*").first.startswith("PASS 2 of 4 selected")
    ran = workspace.run("check", "pairs/[z-a]*")
    assert (ran.code, ran.err) == (2, "ERROR no case 'pairs/[z-a]*' fits (harness list shows all)\n")
