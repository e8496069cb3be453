"""`harness.lock` and `[[protect]]`: what a person has agreed to does not change by itself."""

from __future__ import annotations

import pytest

from .conftest import Workspace

CAT = 'default = true\nprotocol = "command"\ncommand = ["cat"]'
TODO = 'format = 1\n[todo]\n"pairs/bad.in" = "not ported"\n'


@pytest.fixture
def locked(workspace: Workspace) -> Workspace:
    """Two cases that pass, one that is known to fail, and a lock that says so."""
    workspace.config(CAT)
    for name, expected in {"one": "one", "two": "two", "bad": "good"}.items():
        workspace.pair(name, name, expected)
    workspace.write("skiplist.toml", TODO)
    assert workspace.run("check").code == 0
    ran = workspace.run("lock")
    assert (ran.code, ran.out[:43]) == (0, "locked 3 cases, 2 of them passed · port run")
    assert workspace.run("check").code == 0, "and nothing has changed yet"
    return workspace


def edit(workspace: Workspace, name: str, before: str, after: str) -> None:
    text = (workspace.folder / name).read_text(encoding="utf-8")
    assert before in text
    workspace.write(name, text.replace(before, after))


def test_the_lock_is_one_sorted_line_a_case_and_the_same_on_every_machine(
    locked: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = (locked.folder / "harness.lock").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith('"')]
    assert [row.split(" ")[:5] for row in rows] == [
        ['"pairs/bad.in"', "port", "failed", "-/exact", "todo"],
        ['"pairs/one.in"', "port", "passed", "exact/exact", "-"],
        ['"pairs/two.in"', "port", "passed", "exact/exact", "-"],
    ]
    assert "suite port pairs cases=3 passed=2 limits=" in text
    other = Workspace(tmp_path_factory.mktemp("elsewhere"))
    for path in locked.folder.rglob("*.*"):
        if ".harness" not in path.parts:
            other.write(str(path.relative_to(locked.folder)), path.read_bytes())
    assert other.run("check").code == 0


@pytest.mark.parametrize(
    ("name", "before", "after", "says"),
    [
        ("cases/one.out", "one", "1", "pairs/one.in: changed reference (against harness.lock)"),
        ("cases/one.in", "one", "1", "pairs/one.in: changed input (against harness.lock)"),
        ("harness.toml", "cat", "tee", "target port: changed command (against harness.lock)"),
        ("harness.toml", "[[suite]]", "build = [['true']]\n[[suite]]", "target port: changed build (against"),
        ("harness.toml", "[[suite]]", "env = { A = '1' }\n[[suite]]", "target port: changed env (against"),
        ("harness.toml", "[[suite]]", "[limits]\ntimeout = 99\n[[suite]]", "suite pairs: changed limits (against"),
        ("skiplist.toml", "not ported", "not at all", ""),
        ("skiplist.toml", "[todo]", "[unsupported]", "now in the skip list as unsupported, was todo"),
    ],
)
def test_what_has_changed_is_named_until_it_is_locked_again(
    locked: Workspace, name: str, before: str, after: str, says: str
) -> None:
    edit(locked, name, before, after)
    for _ in range(2):
        ran = locked.run("check")
        assert says in ran.out
        assert ("GATE" in ran.first.split(" · ")[0]) == bool(says)
        assert (ran.code == 0) == (not says)
    assert locked.run("lock").code == 0
    assert "gate" not in locked.run("check").out


def test_a_pass_that_gets_weaker_is_a_breach_though_the_rule_allows_it(workspace: Workspace) -> None:
    rule = '[[suite.rule]]\nmatcher = "text"\nnormalize = ["trailing-newlines"]'
    workspace.config('protocol = "command"\ncommand = ["sh", "{workspace}/port.sh"]', rules=rule)
    workspace.write("port.sh", "cat")
    workspace.pair("a", "a\n", "a\n")
    workspace.run("check")
    workspace.run("lock")
    workspace.write("port.sh", "cat; echo")
    ran = workspace.run("check")
    assert ran.code == 3
    assert "pairs/a.in: passes as normalized, passed as exact (against harness.lock)" in ran.out


def test_a_case_that_comes_to_more_and_a_list_that_shrinks_are_no_breach(locked: Workspace) -> None:
    locked.write("skiplist.toml", "format = 1\n")
    edit(locked, "harness.toml", '"cat"', '"sed", "s/bad/good/"')
    locked.run("check")
    locked.run("lock")
    edit(locked, "harness.toml", '"sed", "s/bad/good/"', '"cat"')
    locked.write("skiplist.toml", TODO)
    locked.run("check")
    locked.run("lock")
    edit(locked, "harness.toml", '"cat"', '"sed", "s/bad/good/"')
    locked.write("skiplist.toml", "format = 1\n")
    ran = locked.run("check")
    assert ran.out.count("pairs/bad.in") == ran.out.count("fixed     pairs/bad.in") == 1
    assert ran.out.count("gate") == 1, "the command alone"


def test_a_case_that_fails_in_another_way_is_told_and_not_gated(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["sh", "{workspace}/port.sh"]')
    workspace.write("port.sh", "cat")
    workspace.pair("a", "a", "a")
    workspace.pair("bad", "b", "c")
    workspace.write("skiplist.toml", TODO)
    workspace.run("check")
    workspace.run("lock")
    workspace.write("port.sh", 'read x; test "$x" = b && kill -9 $$; printf "$x"')
    ran = workspace.run("check")
    assert ran.code == 0
    assert "note: 1 failing cases fail in another way than before: pairs/bad.in (failed -> crashed)" in ran.out


def test_new_and_missing_cases_are_named_and_a_partial_run_looks_at_its_own(locked: Workspace) -> None:
    locked.pair("new", "new", "new")
    for name in ("two.in", "two.out"):
        (locked.folder / "cases" / name).unlink()
    assert locked.run("check", "one.in").code == 0
    ran = locked.run("check")
    assert ran.code == 3
    assert "gate      pairs/new.in: is not in harness.lock" in ran.out
    assert "gate      pairs/two.in: gone (against harness.lock)" in ran.out
    ran = locked.run("lock")
    assert ran.out.endswith(" · 1 new · 1 gone\n")
    assert locked.run("check").code == 0


def test_a_failure_that_nothing_excuses_is_not_told_twice(locked: Workspace) -> None:
    edit(locked, "harness.toml", 'command = ["cat"]', 'command = ["sh", "{workspace}/port.sh"]')
    locked.write("port.sh", "cat")
    locked.run("check")
    locked.run("lock")
    locked.write("port.sh", "echo nothing")
    ran = locked.run("check")
    assert ran.code == 4
    assert "gate" not in ran.out


def test_what_judges_in_a_module_of_ones_own_is_part_of_the_lock(workspace: Workspace) -> None:
    matcher = """
    from harness.model import Match, Mismatch, Strength
    OPTIONS = {}
    class Mine:
        allowed, wants, loosenings = Strength.EXACT, "output", ()
        def match(self, reference, got, canonical):
            return Match(Strength.EXACT) if reference == got else Mismatch("output differs")
    def make(options): return Mine()
    """
    workspace.write("mine/judge.py", matcher)
    workspace.config(CAT, rules='[[suite.rule]]\nmatcher = "mine.judge"')
    workspace.pair("a", "a", "a")
    workspace.run("check")
    workspace.run("lock")
    assert workspace.run("check").code == 0
    edit(workspace, "mine/judge.py", "if reference == got else", "if True else")
    ran = workspace.run("check")
    assert ran.code == 3
    assert "target port: changed modules (against harness.lock)" in ran.out


def test_a_lock_of_one_target_says_nothing_of_another_and_keeps_it(locked: Workspace) -> None:
    edit(locked, "harness.toml", "[[suite]]", '[target.second]\nprotocol = "command"\ncommand = ["tee"]\n[[suite]]')
    assert locked.run("check", "--target", "second").code == 1
    locked.run("lock", "--target", "second")
    text = (locked.folder / "harness.lock").read_text(encoding="utf-8")
    assert text.count('"pairs/one.in" port ') == text.count('"pairs/one.in" second ') == 1
    assert locked.run("check").code == 0


def test_a_lock_that_a_merge_or_a_hand_has_left_broken_is_an_error_with_its_lines(locked: Workspace) -> None:
    path = locked.folder / "harness.lock"
    whole = path.read_text(encoding="utf-8")
    lines = whole.splitlines()
    for text, says in {
        whole.replace(lines[-1], "<<<<<<< ours\n" + lines[-1]): f"harness.lock:{len(lines)}: is no line of a lock",
        whole.replace(lines[-1] + "\n", ""): "says that suite 'pairs' of 'port' has 3 cases, and lists 2",
        whole
        + lines[-1].replace("exact/exact", "fields/exact")
        + "\n": "lists \"pairs/two.in\" of 'port' a second time",
        whole.replace("format 1", "format 2"): "harness.lock:3: is no line of a lock of format 1",
    }.items():
        locked.write("harness.lock", text)
        ran = locked.run("check")
        assert ran.code == 2
        assert says in ran.err


def test_a_lock_is_made_of_a_whole_run_of_what_is_there_now(locked: Workspace) -> None:
    edit(locked, "cases/one.out", "one", "1")
    ran = locked.run("lock")
    assert ran.code == 2
    assert "pairs/one.in is new, or judged in another way, since run" in ran.err


# --- protected cases -----------------------------------------------------------------------------------------------

PROTECT = '[[protect]]\ncases = ["pairs/esc*"]\nreason = "escaping is safety"\n'


def test_a_protected_case_can_neither_be_skipped_nor_loosened(workspace: Workspace) -> None:
    workspace.pair("escape", "&lt;", "&lt;")
    workspace.pair("other", "x", "y")
    workspace.config(CAT, top=PROTECT)
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/other.in" = "later"\n')
    assert workspace.run("check").code == 0
    rule = '[[suite.rule]]\nmatcher = "text"\nnormalize = ["ansi"]'
    workspace.config(CAT, top=PROTECT, rules=rule)
    ran = workspace.run("check")
    assert ran.code == 3
    assert "pairs/escape.in: is protected (escaping is safety), and pairs rule 1 (text) judges it less than" in ran.out
    workspace.config(CAT, top=PROTECT)
    workspace.write(
        "skiplist.toml", 'format = 1\n[todo]\n"pairs/other.in" = "later"\n[flaky]\n"pairs/escape.in" = "x"\n'
    )
    ran = workspace.run("check")
    assert ran.code == 3
    assert "skiplist.toml:5: pairs/escape.in: is protected (escaping is safety), and the skip list must not" in ran.out


def test_a_protection_that_fits_no_case_is_told_with_its_line(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.config(CAT, top=PROTECT)
    ran = workspace.run("check")
    assert ran.code == 3
    assert "harness.toml:2: [[protect]] pairs/esc* fits no case; correct it" in ran.out
