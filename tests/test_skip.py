"""`harness skip`: edits of the skip list as a person, or two at once, would make them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace

ECHO = "def render(case): return case.input"


@pytest.fixture
def four(workspace: Workspace) -> Workspace:
    """An echo that is right about `a` and `b`, and wrong about `x` and `y`."""
    for name in "abxy":
        workspace.pair(name, name, name if name in "ab" else "other")
    workspace.config(workspace.worker(ECHO))
    return workspace


def listed(workspace: Workspace) -> dict[str, Any]:
    data = tomllib.loads((workspace.folder / "skiplist.toml").read_text(encoding="utf-8-sig"))
    assert data.pop("format") == 1
    return data


def test_cases_are_listed_by_id_by_name_and_by_glob_and_then_they_are_excused(four: Workspace) -> None:
    assert four.run("skip", "add", "pairs/x.in", "--reason", "not yet").out == "added  todo        pairs/x.in\n"
    assert four.run("skip", "add", "pairs/[y]*", "--reason", "all y", "--status", "unsupported").code == 0
    assert listed(four) == {"todo": {"pairs/x.in": "not yet"}, "unsupported": {"glob": {"pairs/[y]*": "all y"}}}
    assert four.run("check").first.startswith("PASS 2/4 pass · 1 todo · 1 unsupported")
    assert four.run("skip", "add", "x.in", "y.in", "--reason", "hang", "--no-run").code == 0
    own = {"reason": "hang", "run": False}
    assert listed(four)["todo"] == {"pairs/x.in": own, "pairs/y.in": own}


def test_a_name_that_means_nothing_or_too_much_changes_nothing(four: Workspace) -> None:
    ran = four.run("skip", "add", "pairs/x.in", "pairs/z.in", "q*", "--reason", "r")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "ERROR\nno case 'pairs/z.in'; did you mean 'pairs/a.in'?\nno case 'q*' fits\n"
    assert not (four.folder / "skiplist.toml").exists()
    assert four.run("skip", "remove", "pairs/x.in").err == "ERROR skiplist.toml has no entry 'pairs/x.in'\n"
    assert four.run("skip", "add", "x.in", "--reason", " ").err == "ERROR --reason is empty; say why\n"


def test_what_a_case_has_in_the_list_is_replaced_and_told(four: Workspace) -> None:
    four.run("skip", "add", "x.in", "--reason", "one")
    ran = four.run("skip", "add", "x.in", "--reason", "two", "--status", "flaky")
    assert ran.out == "changed  flaky       pairs/x.in  (was todo: one)\n"
    assert listed(four) == {"todo": {}, "flaky": {"pairs/x.in": "two"}}
    assert four.run("skip", "add", "x.in", "--reason", "two", "--status", "flaky").out == "nothing to change\n"


KEPT = """\
# what this is
format = 1

[todo]   # the rest
# about x
"pairs/x.in" = "x"  # goes with its line
# about y, and all below

'pairs/y.in' = { reason = "y",   run = false }
"pairs/a.in" = [
    { target = "port", reason = "in port" }, # stays
    { target = "js", reason = "in js" },
]
# the end of todo

[flaky]
"pairs/b.in" = "b"
# the end
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_an_edit_keeps_comments_order_line_endings_and_the_mark_in_front(
    four: Workspace, newline: str, mark: str
) -> None:
    four.write("harness.toml", (four.folder / "harness.toml").read_text() + '[target.js]\ncommand = ["true"]\n')
    four.write("harness.toml", (four.folder / "harness.toml").read_text().replace("port]", "port]\ndefault = true"))

    def edited(*words: str) -> str:
        four.write("skiplist.toml", mark.encode() + KEPT.replace("\n", newline).encode())
        assert four.run("skip", *words).code == 0
        return (four.folder / "skiplist.toml").read_bytes().decode()

    def expected(old: str, new: str) -> str:
        assert old in KEPT
        return mark + KEPT.replace(old, new).replace("\n", newline)

    assert edited("remove", "x.in") == expected('"pairs/x.in" = "x"  # goes with its line\n', "")
    assert edited("remove", "b.in") == expected('"pairs/b.in" = "b"\n', "")
    assert edited("remove", "a.in", "--target", "js") == expected('    { target = "js", reason = "in js" },\n', "")
    assert edited("add", "b.in", "--reason", 'a "quoted" ü', "--status", "flaky") == expected(
        '"b"\n', '"a \\"quoted\\" ü"\n'
    )
    assert edited("add", "x.in", "--reason", "X", "--status", "flaky") == expected(
        '"pairs/b.in" = "b"\n', '"pairs/b.in" = "b"\n"pairs/x.in" = "X"\n'
    ).replace(f'"pairs/x.in" = "x"  # goes with its line{newline}', "")


def test_an_entry_for_another_target_stands_beside_the_one_of_the_default_target(four: Workspace) -> None:
    text = (four.folder / "harness.toml").read_text().replace("port]", "port]\ndefault = true")
    four.write(
        "harness.toml", f'{text}[target.js]\ncommand = ["true"]\n[target.real]\ncommand = ["true"]\noracle = true\n'
    )
    four.run("skip", "add", "x.in", "--reason", "mine")
    four.run("skip", "add", "x.in", "--reason", "theirs", "--target", "js")
    assert listed(four) == {"todo": {"pairs/x.in": [{"reason": "mine"}, {"reason": "theirs", "target": "js"}]}}
    four.run("skip", "remove", "x.in")
    assert listed(four) == {"todo": {"pairs/x.in": [{"reason": "theirs", "target": "js"}]}}
    assert four.run("skip", "remove", "x.in").code == 2
    assert "nothing excuses the oracle" in four.run("skip", "add", "x.in", "--reason", "r", "--target", "real").err


def test_permissions_stay_and_a_link_stays_a_link(four: Workspace) -> None:
    real = four.write("elsewhere/list.toml", "format = 1\n")
    real.chmod(0o640)
    link = four.folder / "skiplist.toml"
    link.symlink_to("elsewhere/list.toml")
    assert four.run("skip", "add", "x.in", "--reason", "r").code == 0
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert "pairs/x.in" in real.read_text()
    assert [path.name for path in real.parent.iterdir()] == ["list.toml"]


def test_what_can_not_be_edited_without_a_loss_is_left_as_it_is(four: Workspace) -> None:
    before = 'format = 1\ntodo = { "pairs/x.in" = "x", "pairs/y.in" = "y" }\n'
    four.write("skiplist.toml", before)
    ran = four.run("skip", "remove", "x.in")
    assert ran.code == 2
    assert ran.err.startswith("ERROR skiplist.toml: can not be edited without a loss; write each entry as a line")
    assert (four.folder / "skiplist.toml").read_text() == before
    assert not list(four.folder.glob(".skiplist*"))


def test_two_who_edit_at_once_lose_nothing(workspace: Workspace) -> None:
    for number in range(12):
        workspace.pair(f"c{number}", "x", "y")
    workspace.config(workspace.worker(ECHO))
    add = [sys.executable, "-m", "harness", "skip", "add"]
    running = [
        subprocess.Popen(
            [*add, f"c{number}.in", "--reason", str(number)],
            cwd=workspace.folder,
            env=environment({}),
            stdout=subprocess.DEVNULL,
        )
        for number in range(12)
    ]
    assert [process.wait(timeout=60) for process in running] == [0] * 12
    assert listed(workspace)["todo"] == {f"pairs/c{number}.in": str(number) for number in range(12)}


# --- prune ---------------------------------------------------------------------------------------------------------


def test_prune_drops_what_passes_and_of_a_glob_leaves_what_still_fails(four: Workspace) -> None:
    for name in ("macro_1", "macro_2", "set_1", "dice"):
        four.pair(name, name, "other" if name == "macro_2" else name)
    four.write(
        "skiplist.toml",
        """\
        format = 1
        [todo]
        "pairs/a.in" = "passes"
        "pairs/x.in" = "fails"
        [todo.glob]
        "pairs/set_*" = "all pass"
        "pairs/macro_*" = "one fails"
        "pairs/[y]*" = "all fail"
        [flaky]
        "pairs/dice.in" = "by chance"
        """,
    )
    assert four.run("skip", "prune").err == "ERROR there is no whole run of 'port'; harness check makes one\n"
    assert four.run("check").code == 3
    assert four.run("skip", "prune").out.splitlines() == [
        "added  todo        pairs/macro_2.in",
        "removed  todo        pairs/a.in",
        "removed  todo        pairs/set_*",
        "removed  todo        pairs/macro_*",
    ]
    assert listed(four) == {
        "todo": {"pairs/x.in": "fails", "pairs/macro_2.in": "one fails", "glob": {"pairs/[y]*": "all fail"}},
        "flaky": {"pairs/dice.in": "by chance"},
    }
    assert four.run("check").first.startswith("PASS 5/8 pass · 3 todo")
    assert four.run("skip", "prune").out == "nothing to change\n"


def test_prune_keeps_what_failed_since_the_whole_run(four: Workspace) -> None:
    four.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "was needed"\n')
    assert "stale" in four.run("check").out
    four.pair("a", "a", "other")
    four.run("check", "a.in")
    assert four.run("skip", "prune").out == "nothing to change\n"


# --- ages ---


def test_the_list_is_shown_by_status_and_suite_with_the_age_of_each_line(repository: Workspace) -> None:
    when = {"GIT_AUTHOR_DATE": "2001-02-03T04:05:06Z", "GIT_COMMITTER_DATE": "2001-02-03T04:05:06Z"}
    repository.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/x.in" = "new one"\n"pairs/y.in" = "old one"\n')
    git(repository.folder, "commit", "-qam", "two", env=when)
    repository.write(
        "skiplist.toml",
        'format = 1\n[todo]\n"pairs/x.in" = "changed"\n"pairs/y.in" = "old one"\n[flaky]\n"pairs/a.in" = "dice"\n',
    )
    lines = repository.run("skip", "list").out.splitlines()
    days = int(lines[0].split()[1])
    assert days > 9000
    assert lines == [
        f"todo        {days} d  pairs/y.in  old one",
        "todo           new  pairs/x.in  changed",
        "flaky          new  pairs/a.in  dice",
        "2 todo, 1 flaky",
        "3 pairs",
    ]
    assert repository.run("skip", "list", "--status", "flaky").out.splitlines()[1:] == ["1 flaky", "1 pairs"]
    assert repository.run("skip", "list", "--suite", "pears").err == (
        "ERROR no suite named 'pears'; did you mean 'pairs'? (suites: pairs)\n"
    )


def test_without_a_repository_no_age_is_known(four: Workspace) -> None:
    assert four.run("skip", "list").out == "no entries\n"
    four.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/x.in" = "x"\n')
    assert four.run("skip", "list").out.splitlines()[0] == "todo             -  pairs/x.in  x"


# --- merging -------------------------------------------------------------------------------------------------------


def git(folder: Path, *words: str, env: dict[str, str] | None = None) -> None:
    words = ("-c", "user.name=t", "-c", "user.email=t@t", *words)
    subprocess.run(
        ["/usr/bin/env", "git", *words], cwd=folder, check=True, capture_output=True, env=environment(env or {})
    )


@pytest.fixture
def repository(four: Workspace) -> Workspace:
    """All four cases listed, in a repository with this project's own attributes."""
    lines = "".join(f'"pairs/{name}.in" = "{name}"\n' for name in "abxy")
    four.write("skiplist.toml", f"format = 1\n[todo]\n{lines}")
    shutil.copy(ROOT / ".gitattributes", four.folder)
    git(four.folder, "init", "-q", "-b", "main")
    git(four.folder, "add", "-A")
    git(four.folder, "commit", "-qm", "all listed")
    return four


def branches(repository: Workspace, one: tuple[str, ...], other: tuple[str, ...]) -> None:
    for name, words in (("one", one), ("other", other)):
        git(repository.folder, "checkout", "-qb", name, "main")
        assert repository.run("skip", *words).code == 0
        git(repository.folder, "commit", "-qam", name)
    git(repository.folder, "merge", "-q", "-m", "both", "one")


def test_two_branches_that_take_out_neighbours_merge_and_prune_takes_out_what_came_back(
    repository: Workspace,
) -> None:
    branches(repository, ("remove", "a.in"), ("remove", "b.in"))
    assert {"pairs/x.in", "pairs/y.in"} <= listed(repository)["todo"].keys()
    repository.run("check")
    repository.run("skip", "prune")
    assert listed(repository)["todo"] == {"pairs/x.in": "x", "pairs/y.in": "y"}
    assert repository.run("check").code == 0


def test_two_branches_that_add_merge_to_both(repository: Workspace) -> None:
    git(repository.folder, "rm", "-q", "skiplist.toml")
    repository.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/a.in" = "a"\n')
    git(repository.folder, "add", "-A")
    git(repository.folder, "commit", "-qm", "one listed")
    branches(repository, ("add", "x.in", "--reason", "x"), ("add", "y.in", "--reason", "y"))
    assert listed(repository)["todo"].keys() == {"pairs/a.in", "pairs/x.in", "pairs/y.in"}


def test_a_key_that_a_merge_made_twice_is_told_with_both_lines(repository: Workspace) -> None:
    branches(repository, ("add", "x.in", "--reason", "one says"), ("add", "x.in", "--reason", "other says"))
    says = "ERROR skiplist.toml:6: 'pairs/x.in' is listed twice in [todo]: also in line 5; keep one\n"
    assert repository.run("check").err == says
    assert repository.run("skip", "add", "y.in", "--reason", "y").err == says


def test_a_section_that_a_merge_made_twice_is_told_with_both_lines(four: Workspace) -> None:
    four.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/x.in" = "x"\n[ todo ]\n"pairs/y.in" = "y"\n')
    assert four.run("check").err == "ERROR skiplist.toml:4: a second [todo]: the first is in line 2; make them one\n"


# --- init and import -----------------------------------------------------------------------------------------------


def test_init_lists_what_fails_with_how_it_fails_and_leaves_what_is_there(four: Workspace) -> None:
    assert four.run("skip", "init").err == "ERROR there is no whole run of 'port'; harness check makes one\n"
    four.write("skiplist.toml", 'format = 1\n[unsupported]\n"pairs/x.in" = "a person said so"\n')
    four.pair("z", "z", "other")
    four.run("check")
    assert four.run("skip", "init").out == "added  todo        pairs/y.in\nadded  todo        pairs/z.in\n"
    assert listed(four) == {
        "unsupported": {"pairs/x.in": "a person said so"},
        "todo": {"pairs/y.in": "output differs", "pairs/z.in": "output differs"},
    }
    assert four.run("check").first.startswith("PASS 2/5 pass · 2 todo · 1 unsupported")
    assert four.run("skip", "init").out == "nothing to change\n"


GO = """\
package port

// "pairs/q.in": not in here
var skip = map[string]string{
\t"x.in": "no \\"x\\", yet", // "z.in"
\t`y`:    "", // y is hard
}

func TestOther(t *testing.T) { run(t, []string{"some", "words"}, "x.in") }
"""
JS = """\
const skip = new Map([
  ['x.in', 'no x'], /* what
  a comment */ ["pairs/y.in", "no y"],
]);
"""
ITEMS = "export const skip = [\n  'x.in', // no x\n  'y.in', // no y\n];\n"


@pytest.mark.parametrize(
    ("file", "text", "reasons"),
    [
        ("names.txt", "# skipped\n\nx.in # no x\n  pairs/y  # no y\n", ("no x", "no y")),
        ("skip_test.go", GO, ('no "x", yet', "y is hard")),
        ("skip.mjs", JS, ("no x", "no y")),
        ("skip.ts", ITEMS, ("no x", "no y")),
        (
            "run.sh",
            "#!/bin/sh\n# -skip z.in\ntoml-test -decoder=x -skip x \\\n  -skip='pairs/[y]*,x.in'\n",
            ("imported from run.sh", "imported from run.sh"),
        ),
    ],
)
def test_what_a_port_already_skips_is_taken_over(
    four: Workspace, file: str, text: str, reasons: tuple[str, str]
) -> None:
    four.write(file, text.encode())
    ran = four.run("skip", "import", file)
    assert (ran.code, ran.err) == (0, "")
    assert listed(four) == {"todo": dict(zip(("pairs/x.in", "pairs/y.in"), reasons, strict=True))}


def test_names_that_are_no_case_are_told_and_nothing_is_written_unless_that_is_wanted(four: Workspace) -> None:
    four.write("more/x.in", "x")
    four.write("more/x.out", "x")
    config = (four.folder / "harness.toml").read_text()
    suite = '[[suite]]\nname = "more"\nreader = "pairs"\ninputs = "more/*.in"\noutputs = "more/{stem}.out"\n'
    four.write("harness.toml", config + suite)
    four.write("names.txt", "pairs/x.in\nqqq\nx.in\n")
    ran = four.run("skip", "import", "names.txt")
    assert (ran.code, ran.out) == (2, "")
    wrong = ["names.txt:2: no case 'qqq'", "names.txt:3: 'x.in' is 2 cases: pairs/x.in, more/x.in"]
    more = "the rest means 1 case; correct the file, or take that with --matched-only"
    assert ran.err.splitlines() == ["ERROR", *wrong, more]
    assert not (four.folder / "skiplist.toml").exists()
    ran = four.run("skip", "import", "names.txt", "--matched-only", "--status", "flaky")
    assert ran.out.splitlines() == [*(f"left out {line}" for line in wrong), "added  flaky       pairs/x.in"]
    assert listed(four) == {"flaky": {"pairs/x.in": "imported from names.txt"}}
