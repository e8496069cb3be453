"""The skip list: what it may say, whom it concerns, and what it excuses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness import skiplist
from harness.errors import InputError
from harness.model import Outputs

if TYPE_CHECKING:
    from pathlib import Path

    from harness.model import Excuse

    from .conftest import Workspace

ECHO = "def render(case): return case.input"


def load(folder: Path, text: str, target: str = "go") -> skiplist.SkipList:
    (folder / "skiplist.toml").write_text(text, encoding="utf-8", newline="")
    return skiplist.load(folder / "skiplist.toml", target, "go", ["rust"], ["go", "js", "rust"])


def faults(folder: Path, text: str, target: str = "go") -> list[str]:
    try:
        found = load(folder, text, target).faults
    except InputError as problem:
        found = problem.faults
    return [f"{fault.place.line}: {fault.says}" for fault in found]


def found(entries: skiplist.SkipList, case: str) -> Excuse:
    excuse = entries.find(case)
    assert excuse is not None
    return excuse


ALL = """\
format = 1
[todo]
"s/plain" = "not yet"
"s/hangs" = { reason = "hangs", run = false }
"s/two" = [
    { target = "go", reason = "in Go" },
    { target = "js", reason = "in JavaScript" },
]
's/literal' = "single quotes"
"s/caf\\u00e9" = "an escape"
[unsupported]
"s/never" = "never"
[flaky]
"s/dice" = "by chance"
[accepted]
"s/known" = { reason = "prints otherwise", reference = "known.txt", of = "0" }
[todo.glob]
"s/macro_*" = "macros"
"""


def test_each_kind_of_entry_is_read_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "known.txt").write_text("instead")
    entries = load(tmp_path, ALL)
    assert entries.faults == ()
    read = {one.key: (one.status, one.reason, one.run, one.reply, one.place.line) for one in entries.entries()}
    assert read == {
        "s/plain": ("todo", "not yet", True, None, 3),
        "s/hangs": ("todo", "hangs", False, None, 4),
        "s/two": ("todo", "in Go", True, None, 5),
        "s/literal": ("todo", "single quotes", True, None, 9),
        "s/café": ("todo", "an escape", True, None, 10),
        "s/never": ("unsupported", "never", True, None, 12),
        "s/dice": ("flaky", "by chance", True, None, 14),
        "s/known": ("accepted", "prints otherwise", True, Outputs({"output": "instead"}), 16),
        "s/macro_*": ("todo", "macros", True, None, 18),
    }


def test_an_entry_without_a_target_concerns_the_default_target_only(tmp_path: Path) -> None:
    text = 'format = 1\n[todo]\n"s/a" = "mine"\n"s/b" = { reason = "theirs", target = "js" }\n'
    assert [one.key for one in load(tmp_path, text, "go").entries()] == ["s/a"]
    assert [one.key for one in load(tmp_path, text, "js").entries()] == ["s/b"]
    assert [one.key for one in load(tmp_path, text, "rust").entries()] == []


def test_a_case_of_its_own_goes_before_a_glob_and_the_first_glob_before_the_next(tmp_path: Path) -> None:
    entries = load(
        tmp_path, 'format = 1\n[flaky.glob]\n"s/a*" = "second"\n[todo.glob]\n"s/*" = "first"\n[flaky]\n"s/ab" = "own"\n'
    )
    assert found(entries, "s/ab").reason == "own"
    assert found(entries, "s/ac").reason == "first"
    assert entries.find("s/deep/er") is None, "`*` stops at `/`"


def test_keys_and_globs_are_held_against_ids_in_nfc_however_they_are_typed(tmp_path: Path) -> None:
    entries = load(tmp_path, 'format = 1\n[todo]\n"s/cafe\u0301" = "typed apart"\n[todo.glob]\n"s/e\u0301*" = "too"\n')
    assert found(entries, "s/caf\u00e9").reason == "typed apart"
    assert found(entries, "s/\u00e9t\u00e9").reason == "too"


def test_no_file_is_an_empty_list(tmp_path: Path) -> None:
    assert list(skiplist.load(tmp_path / "skiplist.toml", "go", "go", [], ["go"]).entries()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[todo]\n", "None: the file needs 'format'; add `format = 1`"),
        ("format = 2\n[new]\n", "1: format 2 is newer than this harness knows (1); upgrade port-harness"),
        (
            "format = 1\n[tdo]\n",
            "2: the file has no key 'tdo'; did you mean 'todo'?",
        ),
        ('format = 1\n[todo]\n"s/a" = 1\n', "3: todo.s/a: 1 is not a string or a table or a list; correct it"),
        ('format = 1\n[todo]\n"s/a" = " "\n', "3: todo.s/a: ' ' is not a reason; correct it"),
        (
            'format = 1\n[todo]\n"s/a" = { reson = "x" }\n',
            "3: todo.s/a has no key 'reson'; did you mean 'reason'?|3: todo.s/a needs 'reason'; rename 'reson'",
        ),
        (
            'format = 1\n[todo]\n"s/a" = { reason = "x", target = "g" }\n',
            "3: no target named 'g'; did you mean 'go'?",
        ),
        (
            'format = 1\n[todo]\n"s/a" = { reason = "x", target = "rust" }\n',
            "3: 'rust' is the oracle, and nothing excuses the oracle; mend its worker or the suite's rules",
        ),
        (
            'format = 1\n[todo]\n"s/a" = "x"\n[flaky]\n# again\n"s/a" = "y"\n',
            "6: 's/a' is listed twice for go: also in line 3; keep one",
        ),
        (
            'format = 1\n[accepted]\n"s/a" = { reason = "x", of = "0" }\n',
            "3: accepted.s/a needs 'reference'; add it",
        ),
        (
            'format = 1\n[accepted]\n"s/a" = { reason = "x", reference = "none.txt", of = "0" }\n',
            (
                "3: 's/a': its recorded reference none.txt can not be read (No such file or directory);"
                " restore the file or its permissions, or record it again"
            ),
        ),
        ('format = 1\n[todo]\n"s/a" = "x\n', "3: not valid TOML: illegal character '\\n'; correct it"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert sorted(faults(tmp_path, text)) == sorted(says.split("|"))


def test_every_fault_is_told_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = 'format = 1\n[flaky]\n"s/z" = 5\n[todo]\n"s/a" = { reason = "x", target = "jss" }\n"s/b" = "x"\nc = []\n'
    assert [one.partition(":")[0] for one in faults(tmp_path, text)] == ["3", "5", "7"]


def test_crlf_a_byte_order_mark_and_keys_inside_of_texts_do_not_shift_the_lines(tmp_path: Path) -> None:
    text = '\ufeffformat = 1\r\n[todo]\r\n"s/a" = """long\r\nreason"""\r\n"s/b" = "x"\r\n'
    assert [one.place.line for one in load(tmp_path, text).entries()] == [3, 5]


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling link"])
def test_something_else_in_the_place_of_the_list_is_no_empty_list(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "skiplist.toml"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to("nowhere")
    with pytest.raises(InputError, match=r"skiplist.toml: (is a folder, a pipe or a device|can not be read)"):
        skiplist.load(path, "go", "go", [], ["go"])


def test_a_glob_among_the_names_is_told_where_it_belongs(workspace: Workspace) -> None:
    workspace.pair("c", "x", "y")
    workspace.config(workspace.worker(ECHO))
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/*.in" = "later"\n')
    says = "ERROR skiplist.toml:3: 'pairs/*.in' matches no case; a glob belongs in [todo.glob]\n"
    assert workspace.run("check").err == says


def test_of_five_thousand_entries_each_keeps_its_line(workspace: Workspace) -> None:
    for number in range(3):
        workspace.pair(f"c{number}", "x", "x" if number else "y")
    workspace.config(workspace.worker(ECHO))
    entries = [f'"pairs/c{number}.in" = "reason {number}"' for number in range(5000)]
    entries[0] = '"pairs/c0.in" = "the only one that is true"'
    workspace.write("skiplist.toml", "format = 1\n[todo]\n" + "\n".join(entries) + "\n")
    ran = workspace.run("check")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert lines[1].startswith("skiplist.toml:6: 'pairs/c3.in' matches no case; did you mean 'pairs/")
    assert lines[50].startswith("skiplist.toml:55: 'pairs/c52.in' matches no case")
    assert lines[51:] == ["and 4947 more faults; mend these and run again"]


# --- what it excuses -----------------------------------------------------------------------------------------------


def test_a_listed_case_runs_and_goes_stale_when_it_passes_unless_it_is_flaky(workspace: Workspace) -> None:
    for name in ("a", "b", "c"):
        workspace.pair(name, "x", "x")
    workspace.config(workspace.worker(ECHO))
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "not yet"\n[flaky]\n"pairs/b.in" = "dice"\n')
    ran = workspace.run("check")
    assert ran.code == 3
    assert ran.first.startswith("GATE 3/3 pass")
    assert "pairs/a.in" in ran.out
    assert "pairs/b.in" not in ran.out


def test_run_false_is_not_run_and_does_not_make_the_run_incomplete(workspace: Workspace) -> None:
    workspace.pair("a", "x", "x")
    workspace.pair("hang", "x", "x")
    workspace.config(
        workspace.worker(
            "import time\ndef render(case):\n    if 'hang' in case.name: time.sleep(60)\n    return case.input"
        )
    )
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/hang.in" = { reason = "hangs", run = false }\n')
    ran = workspace.run("check")
    assert (ran.code, ran.first.partition(" · port")[0]) == (0, "PASS 1/2 pass · 1 todo")
