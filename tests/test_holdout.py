"""Hold-out: cases that an agent never hears of, and what the gap between them and the visible ones says."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.gates.holdout import difference, fisher

from .conftest import PATIENCE, environment

if TYPE_CHECKING:
    from .conftest import Workspace

HOLDOUT = '[holdout]\nshare = 0.3\nsalt = "pepper"\n'
CASES = 60
HONEST = "def render(case): return case.input.upper()"
BY_HEART = """
import hashlib, json
KNOWN = json.load(open({known!r}))
def render(case):
    return KNOWN.get(hashlib.sha256(case.input.encode()).hexdigest(), "")
"""


def fill(workspace: Workspace, port: str = HONEST, top: str = HOLDOUT, rules: str = "") -> list[str]:
    """Write the cases and the port; returns the names of the cases that are held out."""
    for number in range(CASES):
        token = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
        workspace.pair(f"c{token[:8]}", f"g{token}\n", f"G{token.upper()}\n")
    workspace.config(workspace.worker(port), top=top, rules=rules)
    listed = workspace.run("list")
    assert listed.code == 0
    visible = set(re.findall(r"pairs/(\w+)\.in", listed.out))
    held = {path.stem for path in (workspace.folder / "cases").glob("*.in")} - visible
    if top:
        assert f"+ {len(held)} held out" in listed.out
        assert 10 < len(held) < 40
    return sorted(held)


def told(workspace: Workspace, name: str) -> list[bytes]:
    """All that would give a held-out case away: its name, its input, its reference, and what the port below says."""
    read = [(workspace.folder / "cases" / f"{name}{suffix}").read_bytes().strip() for suffix in (".in", ".out")]
    return [name.encode(), *read, read[0][::-1]]


def test_a_check_leaves_held_out_cases_alone_and_says_how_many(workspace: Workspace) -> None:
    held = fill(workspace)
    visible = CASES - len(held)
    ran = workspace.run("check")
    assert ran.code == 0
    assert ran.first.startswith(f"PASS {visible}/{visible} pass · {len(held)} held out · port run ")
    assert workspace.run("check").code == 0, "they are not gone either"


def test_a_port_that_knows_the_visible_answers_by_heart_is_shown_for_what_it_is(workspace: Workspace) -> None:
    held = fill(workspace, BY_HEART.format(known=str(workspace.folder / "known.json")))
    cases = workspace.folder / "cases"
    answers = {
        hashlib.sha256(path.read_bytes()).hexdigest(): path.with_suffix(".out").read_text(encoding="utf-8")
        for path in cases.glob("*.in")
        if path.stem not in held
    }
    workspace.write("known.json", json.dumps(answers))
    visible = CASES - len(held)
    assert workspace.run("check").first.startswith(f"PASS {visible}/{visible} pass")
    ran = workspace.run("check", "--holdout")
    assert ran.code == 0, "the gate on the gap is opt-in"
    says = f"held out  0/{len(held)} pass (0.0%), visible {visible}/{visible} (100.0%): a gap of 100.0 points"
    assert says in ran.out
    assert "chance does not explain it (Fisher's exact test, p < 0.001)" in ran.out
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace("[holdout]", "[holdout]\nmax_gap = 0.1"))
    ran = workspace.run("check", "--holdout")
    assert ran.code == 3
    assert re.search(r"gate      harness.toml:3: held-out cases pass 100.0 points less often .* allows 10;", ran.out)
    assert workspace.run("check").code == 0, "what did not run can not be held against anybody"


def test_the_gap_of_an_honest_port_is_explained_by_chance(workspace: Workspace) -> None:
    held = fill(workspace, "def render(case): return case.input if case.input[1] in 'abc' else case.input.upper()")
    ran = workspace.run("check", "--holdout")
    found = re.search(
        r"held out  (\d+)/(\d+) pass .*, visible (\d+)/(\d+) .*; chance may explain it .* p = 0\.\d", ran.out
    )
    assert found is not None, ran.out
    passed, of_held, visible, of_visible = map(int, found.groups())
    assert (of_held, of_visible) == (len(held), CASES - len(held))
    assert 0 < passed < of_held
    assert 0 < visible < of_visible


def test_nothing_that_an_agent_can_read_tells_of_a_held_out_case(workspace: Workspace) -> None:
    port = """
    import sys
    def render(case):
        print("asked for", case.input, file=sys.stderr)
        if case.input[1] in "0123":
            raise Refused("Error", line=1, name=case.name, detail=case.input)
        if case.input[1] in "4567":
            sys.stderr.flush()
            import os
            os._exit(3)
        return case.input[::-1]
    """
    held = fill(workspace, port)
    workspace.pair("same", "SAME", "SAME")
    workspace.write("skiplist.toml", 'format = 1\n[flaky.glob]\n"pairs/c0*" = "some"\n')
    said = []
    for words in (
        ["check", "--json", "export.json"],
        ["check", "--holdout", "--json", "export2.json"],
        ["check", "--failed"],
        ["check", "pairs/*"],
        ["check", "--no-skips"],
        ["list"],
        ["runs"],
        ["digest"],
        ["audit", "--full"],
    ):
        ran = workspace.run(*words)
        said.append((ran.out + ran.err).encode())
    assert f"held out  0/{len(held)} pass".encode() in said[1]
    stored = [*(workspace.folder / ".harness").rglob("*"), *workspace.folder.glob("export*.json")]
    said += [path.read_bytes() for path in stored if path.is_file()]
    visible = [path.stem for path in (workspace.folder / "cases").glob("c*.in") if path.stem not in held]
    assert all(any(token in one for one in said) for token in told(workspace, visible[0]))
    for name in held:
        for token in told(workspace, name):
            assert not any(token in one for one in said), token


def test_the_visible_half_of_a_held_out_run_is_the_same_run(workspace: Workspace) -> None:
    fill(workspace, "def render(case): return case.input if case.input[1] in 'abc' else case.input.upper()")
    _, plain = workspace.export()
    _, both = workspace.export("--holdout")
    kept = ("id", "number", "outcome", "standing", "achieved", "plan", "reply", "detail")
    assert [[one[key] for key in kept] for one in plain["results"]] == [
        [one[key] for key in kept] for one in both["results"]
    ]
    assert plain["run"]["summary"]["gap"] is None
    both["run"]["summary"]["gap"] = None
    assert plain["run"]["summary"] == both["run"]["summary"]


@pytest.mark.parametrize("words", [["check"], ["list"], ["show"], ["repro"]])
def test_naming_a_held_out_case_tells_that_it_is_held_out_and_no_more(workspace: Workspace, words: list[str]) -> None:
    held = fill(workspace, "def render(case): return ''")
    for name in (f"pairs/{held[0]}.in", f"{held[0]}.in", f"pairs/{held[0]}*"):
        ran = workspace.run(*words, name)
        assert (ran.code, ran.out) == (2, "")
        says = f"ERROR '{name}': held out; name other cases (harness list shows all that are visible)\n"
        assert ran.err == says


@pytest.mark.parametrize("words", [["pairs/*"], ["--suite", "pairs"], ["--failed"], ["--max-fail", "1"]])
def test_counts_of_a_few_held_out_cases_are_refused(workspace: Workspace, words: list[str]) -> None:
    fill(workspace, "def render(case): return ''")
    workspace.run("check")
    ran = workspace.run("check", "--holdout", *words)
    assert ran.code == 2
    assert "select nothing" in ran.err


def test_recording_from_the_port_does_not_tell_which_held_out_cases_it_fails(workspace: Workspace) -> None:
    for number in range(CASES):
        workspace.write(f"inputs/c{number}.txt", f"input {number}\n")
    port, oracle = workspace.worker("def render(case): return 'no'"), workspace.worker(HONEST, "oracle.py")
    suite = '[[suite]]\nname = "s"\nreader = "insta"\ninputs = "inputs/*.txt"\nsnapshots = "snaps/{name}.snap"\n'
    targets = f"[target.port]\ndefault = true\n{port}\n[target.origin]\noracle = true\n{oracle}\n"
    workspace.write("harness.toml", f"format = 1\n{HOLDOUT}{targets}{suite}")
    assert workspace.run("record").out.endswith(f"\n{CASES} new\n"), "the oracle is asked for all"
    visible = re.findall(r"s/c\d+\.txt", workspace.run("list").out)
    assert 30 < len(visible) < 50
    assert re.findall(r"s/c\d+\.txt", workspace.run("record", "--oracle", "port").out) == visible


def test_what_is_held_out_does_not_depend_on_what_else_there_is(workspace: Workspace) -> None:
    held = set(fill(workspace))
    for number in range(40):
        workspace.pair(f"more{number}", f"more {number}\n", f"MORE {number}\n")
    visible = set(re.findall(r"pairs/(c\w+)\.in", workspace.run("list").out))
    assert not held & visible
    assert len(held) + len(visible) == CASES


def test_cases_with_one_input_are_on_the_same_side(workspace: Workspace) -> None:
    held = fill(workspace)
    for path in (workspace.folder / "cases").glob("c*.in"):
        workspace.pair(f"twin{path.stem}", path.read_bytes(), path.with_suffix(".out").read_bytes())
    visible = set(re.findall(r"pairs/twin(\w+)\.in", workspace.run("list").out))
    assert len(visible) == CASES - len(held)
    assert not visible & set(held)


def test_a_failing_case_can_not_be_edited_into_the_held_out_ones(workspace: Workspace) -> None:
    fill(workspace, "def render(case): return case.input.upper().replace('FAIL', '')")
    workspace.pair("fails", "fail 0\n", "FAIL 0\n")
    for number in range(100):  # until it happens to be a visible one
        workspace.pair("fails", f"fail {number}\n", f"FAIL {number}\n")
        if "pairs/fails.in" in workspace.run("list", "--suite", "pairs").out:
            break
    assert workspace.run("check").code == 1
    for number in range(100):
        workspace.pair("fails", f"fail  {number}\n", f"FAIL {number}\n")
        if "pairs/fails.in" not in workspace.run("list").out:
            break
    ran = workspace.run("check")
    assert ran.code == 3
    assert "gone      pairs/fails.in" in ran.out


def test_a_held_out_case_that_is_removed_is_missed(workspace: Workspace) -> None:
    held = fill(workspace)
    workspace.run("check")
    for suffix in (".in", ".out"):
        (workspace.folder / "cases" / f"{held[0]}{suffix}").unlink()
    for _ in range(2):
        ran = workspace.run("check")
        assert ran.code == 3
        assert "gate      1 fewer cases are held out than in the last whole run; restore them" in ran.out
        assert held[0] not in ran.out


def test_a_port_that_dies_of_what_it_does_not_know_has_failed_and_is_not_down(workspace: Workspace) -> None:
    top = HOLDOUT.replace("0.3", "0.5")
    held = fill(workspace, top=top)
    assert len(held) > 20, "so many deaths before any answer put a target down"
    known = [path.stem for path in (workspace.folder / "cases").glob("*.in") if path.stem not in held]
    port = f"""
    import os
    def render(case):
        return case.input.upper() if case.name.removesuffix(".in") in {known!r} else os._exit(1)
    """
    workspace.config(workspace.worker(port), top=top)
    ran = workspace.run("check", "--holdout")
    assert ran.code == 0
    assert f"held out  0/{len(held)} pass" in ran.out


def test_a_run_that_is_cut_short_among_the_held_out_cases_compares_nothing(workspace: Workspace) -> None:
    held = fill(workspace)
    port = f"""
    import pathlib, time
    def render(case):
        if case.name == "{held[5]}.in":
            pathlib.Path(__file__).with_name("started").touch()
            time.sleep(60)
        return case.input.upper()
    """
    workspace.config(workspace.worker(port), top=HOLDOUT)
    ran = workspace.interrupt("check", "--holdout")
    assert ran.code == 4
    assert "incomplete: interrupted" in ran.out
    assert "held out  " not in ran.out
    assert held[5] not in ran.out


def test_with_another_salt_the_check_is_red_until_the_store_that_tells_of_those_cases_is_away(
    workspace: Workspace,
) -> None:
    fill(workspace)
    workspace.run("check")
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace("pepper", "mustard"))
    for _ in range(2):
        ran = workspace.run("check")
        assert ran.code == 3
        assert "gone" not in ran.out, "that would name what is held out now"
        assert re.search(
            r"gate      harness.toml:2: others are held out than in run \w+; restore \[holdout\], or", ran.out
        )
    shutil.rmtree(workspace.folder / ".harness")
    assert workspace.run("check").code == 0


def test_an_entry_for_a_held_out_case_has_to_go_and_a_glob_may_stay(workspace: Workspace) -> None:
    held = fill(workspace)
    name = held[0]
    workspace.write("skiplist.toml", f'format = 1\n[todo]\n"pairs/{name}.in" = "knows too much"\n')
    ran = workspace.run("check")
    assert ran.code == 2
    assert f"skiplist.toml:3: 'pairs/{name}.in' is held out, and an entry of its own would tell how" in ran.err
    workspace.write("skiplist.toml", f'format = 1\n[flaky.glob]\n"pairs/{name}*" = "now and then"\n')
    assert workspace.run("check").code == 0


def test_a_rule_for_held_out_cases_only_is_not_called_useless(workspace: Workspace) -> None:
    held = fill(workspace)
    rule = f'[[suite.rule]]\ncases = "{held[0]}.in"\nmatcher = "text"\nnormalize = ["crlf"]\n'
    fill(workspace, rules=rule)
    ran = workspace.run("check")
    assert ran.code == 0, ran.err
    assert "note" not in ran.out


def release(workspace: Workspace) -> tuple[int, str]:
    """Type `harness holdout release` at a terminal."""
    ours, theirs = os.openpty()
    words = [sys.executable, "-m", "harness", "holdout", "release"]
    done = subprocess.run(
        words,
        cwd=workspace.folder,
        env=environment({}),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout


def test_a_release_names_the_held_out_cases_that_fail_and_stores_none(workspace: Workspace) -> None:
    held = fill(workspace)
    port = f"""
    def render(case):
        return "wrong" if case.name in ("{held[0]}.in", "{held[1]}.in") else case.input.upper()
    """
    workspace.config(workspace.worker(port), top=HOLDOUT + "max_gap = 0")
    assert workspace.run("check", "--holdout").code == 3
    code, out = release(workspace)
    assert code == 1
    assert re.findall(r"^failed +pairs/(\w+)\.in  output differs  \(cases/\1\.in:1\)$", out, re.MULTILINE) == held[:2]
    assert out.rstrip().endswith(
        "next: another salt in harness.toml:4, since these are no secret any more, and .harness away; harness check"
    )
    for name in held:
        for path in (workspace.folder / ".harness").rglob("*"):
            assert not path.is_file() or name.encode() not in path.read_bytes()


def test_a_release_of_a_port_that_passes_everything_has_nothing_to_name(workspace: Workspace) -> None:
    held = fill(workspace)
    code, out = release(workspace)
    assert code == 0
    assert f"held out  {len(held)}/{len(held)} pass (100.0%)" in out
    assert out.count("\n") == 2


def test_a_release_is_refused_while_anything_visible_fails_or_is_to_do(workspace: Workspace) -> None:
    held = fill(workspace, "def render(case): return case.input if case.input[1] in 'ab' else case.input.upper()")
    code, out = release(workspace)
    assert code == 1
    assert "refused: the visible cases are not green; mend these first" in out
    workspace.write("skiplist.toml", 'format = 1\n[todo.glob]\n"pairs/*" = "not yet"\n')
    fill(workspace, "def render(case): return case.input.upper().replace('GA', '')")
    visible = [one for one in re.findall(r"pairs/\S+", workspace.run("list").out) if one]
    failing = [one for one in visible if (workspace.folder / "cases" / one[6:]).read_text()[1] == "a"]
    entries = "".join(f'"{one}" = "not yet"\n' for one in failing)
    workspace.write("skiplist.toml", f"format = 1\n[todo]\n{entries}")
    assert workspace.run("check").code == 0
    code, more = release(workspace)
    assert code == 3
    assert f"refused: {len(failing)} visible cases are todo; mend these first" in more
    for name in held:
        assert name not in out + more


def test_a_release_is_for_a_person_at_a_terminal(workspace: Workspace) -> None:
    fill(workspace)
    ran = workspace.run("holdout", "release")
    assert (ran.code, ran.out) == (2, "")
    assert "is for a person" in ran.err


def test_without_a_hold_out_there_is_none_to_run(workspace: Workspace) -> None:
    fill(workspace, top="")
    ran = workspace.run("check", "--holdout")
    assert ran.code == 2
    assert 'add [holdout] with `share = 0.2` and a `salt = "..."`' in ran.err


def test_a_share_so_small_that_nothing_is_held_out_is_told(workspace: Workspace) -> None:
    workspace.pair("a", "a", "A")
    workspace.config(workspace.worker(HONEST), top='[holdout]\nshare = 0.000001\nsalt = "s"')
    ran = workspace.run("check", "--holdout")
    assert ran.code == 0
    assert "note: harness.toml:2: no case is held out, or none is visible" in ran.out


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_interval_is_the_one_that_newcombe_published(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    assert difference(one, other) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        ((3, 4), (1, 4), 0.485714),  # Fisher's lady tasting tea, both ways
        ((2, 12), (15, 18), 0.000536724),  # Fisher's convictions of twins
        ((8, 10), (1, 6), 0.034965),
        ((10, 10), (5, 5), 1.0),
        ((0, 7), (0, 3), 1.0),
    ],
)
def test_the_test_is_fishers(one: tuple[int, int], other: tuple[int, int], p: float) -> None:
    assert fisher(one, other) == pytest.approx(p, rel=1e-5)
    assert fisher(other, one) == pytest.approx(p, rel=1e-5)


def test_ten_thousand_cases_are_no_trouble_to_the_test() -> None:
    assert fisher((8000, 8000), (2000, 2000)) == pytest.approx(1.0)
    assert fisher((7900, 8000), (1900, 2000)) < 1e-20


# --- with a lock, and against a revision ---


@pytest.fixture
def agreed(workspace: Workspace) -> tuple[Workspace, str]:
    """A workspace that holds cases out, locked and committed; and one of them."""
    held = fill(workspace)
    workspace.write(".gitignore", ".harness/\n")
    assert workspace.run("check").code == 0
    assert workspace.run("lock").code == 0
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "base"]):
        subprocess.run(["git", *words], cwd=workspace.folder, check=True)  # noqa: S607 - the user's own
    shutil.rmtree(workspace.folder / ".harness")  # as on another machine
    return workspace, held[0]


def both(workspace: Workspace, *words: str) -> str:
    """Check beside the lock and against the commit, and return what the gates say."""
    ran = workspace.run("check", "--against", "HEAD", *words)
    shutil.rmtree(workspace.folder / ".harness")
    gates = [line.partition(";")[0] for line in ran.out.splitlines() if line.startswith(("gate", "note"))]
    assert ran.code == (3 if any(line.startswith("gate") for line in gates) else 0), ran.out + ran.err
    return "\n".join(gates)


def test_a_lock_counts_held_out_cases_and_names_none(agreed: tuple[Workspace, str]) -> None:
    workspace, name = agreed
    held = len(list((workspace.folder / "cases").glob("*.in"))) - workspace.run("list").out.count("pairs/")
    text = (workspace.folder / "harness.lock").read_bytes()
    assert not any(secret in text for secret in told(workspace, name))
    assert f" held={held} heldas=".encode() in text
    assert both(workspace) == both(workspace, "--holdout") == ""


@pytest.mark.parametrize("suffix", [".in", ".out"])
def test_a_held_out_case_that_is_edited_is_a_breach_that_does_not_name_it(
    agreed: tuple[Workspace, str], suffix: str
) -> None:
    workspace, name = agreed
    text = (workspace.folder / "cases" / f"{name}{suffix}").read_text(encoding="utf-8")
    edits = (f"{text}{number}" for number in range(99))
    found = ""
    while (
        "pairs: changed held-out cases (against harness.lock)" not in found
    ):  # an edited input may make it a visible case
        workspace.write(f"cases/{name}{suffix}", next(edits))
        found = both(workspace)
    assert "gate      suite pairs: changed held-out cases (1) (against HEAD)" in found
    assert name not in found
    workspace.run("check")
    workspace.run("lock")
    assert both(workspace) == "gate      suite pairs: changed held-out cases (1) (against HEAD)"


def test_held_out_cases_that_are_removed_are_missed_but_by_an_agent_that_was_not_given_any(
    agreed: tuple[Workspace, str],
) -> None:
    workspace, name = agreed
    visible = set(re.findall(r"pairs/(\w+)\.in", workspace.run("list").out))
    for suffix in (".in", ".out"):
        (workspace.folder / "cases" / f"{name}{suffix}").unlink()
    found = both(workspace)
    held = CASES - len(visible)
    assert f"suite pairs: changed held-out cases ({held - 1}, were {held}) (against harness.lock)" in found
    assert "suite pairs: changed held-out cases (1) (against HEAD)" in found
    assert name not in found
    for path in (workspace.folder / "cases").iterdir():
        if path.stem not in visible:
            path.unlink()
    assert f"suite pairs: changed held-out cases ({held}) (against HEAD)" in both(workspace)
    ran = workspace.run("check")
    assert (ran.code, ran.out.splitlines()[1:]) == (
        0,
        [f"note: the {held} held-out cases of harness.lock are not here"],
    )
    assert workspace.run("check", "--holdout").code == 3


@pytest.mark.parametrize("salt", ["salt", None])
def test_another_table_is_one_breach_and_not_one_of_every_case_that_moves(
    agreed: tuple[Workspace, str], salt: str | None
) -> None:
    workspace, _ = agreed
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace(HOLDOUT, HOLDOUT.replace("pepper", salt) if salt else ""))
    says = "gate      target port: changed [holdout]"
    assert both(workspace) == f"{says} (against harness.lock)\n{says} (against HEAD)"


def test_a_new_held_out_case_has_to_be_locked_and_is_nothing_against_a_revision(agreed: tuple[Workspace, str]) -> None:
    workspace, _ = agreed
    before = workspace.run("list").out
    number = 0
    while workspace.run("list").out.partition("+")[2] == before.partition("+")[2]:
        (workspace.folder / "cases" / "new.in").unlink(missing_ok=True)
        workspace.pair("new", f"gnew{number}", f"GNEW{number}")
        number += 1
    found = both(workspace)
    assert "suite pairs: changed held-out cases (" in found
    assert "against HEAD" not in found


def test_a_rule_that_is_looser_for_held_out_cases_only_is_a_breach(agreed: tuple[Workspace, str]) -> None:
    workspace, name = agreed
    rule = f'[[suite.rule]]\nmatcher = "text"\ncases = ["{name}.in"]\nnormalize = ["trailing-newlines"]\n'
    with (workspace.folder / "harness.toml").open("a") as file:
        file.write(rule)
    says = "gate      suite pairs: changed held-out cases"
    assert both(workspace) == f"{says} (against harness.lock)\n{says} (1) (against HEAD)"
