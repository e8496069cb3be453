"""`harness loop`, with small programs as agents: what is kept, what is not, why it stops, and what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from .conftest import PATIENCE, ROOT, Workspace, environment
from .nights import PORT, Night, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return make(tmp_path)


# --- what is kept --------------------------------------------------------------------------------------------------


def test_better_work_lands_as_a_commit_with_its_numbers_and_its_attempt(night: Night) -> None:
    night.agent("learn('two', 2); learn('three', 3); print('both words were missing')")
    ran = night.run("loop", "run")
    assert ran.code == 0
    assert ran.first == "DONE (every case in scope passes or is accepted) · 2 -> 4 of 4 cases pass"
    assert night.git("log", "-1", "--format=%B") == (
        "Port: 4 of 4 cases pass (+2)\n\npairs 4/4\n\nTurned:\n  pairs/three.in\n  pairs/two.in\n\nHarness-Attempt: 1"
    )
    assert night.git("status", "--porcelain") == ""
    assert night.run("check").first.startswith("PASS 4/4")


def test_an_entry_that_the_work_made_stale_goes_in_the_same_commit_and_no_other_does(night: Night) -> None:
    listed = 'format = 1\n\n# what is left\n[todo]\n"pairs/two.in" = "not yet"\n"pairs/three.in" = "never"  # truly\n'
    night.workspace.write("skiplist.toml", listed)
    night.agent("learn('two', 2)")
    night.run("loop", "run", "--until", "pass=3")
    assert (night.folder / "skiplist.toml").read_text() == listed.replace('"pairs/two.in" = "not yet"\n', "")
    assert night.git("show", "--stat", "--format=", "HEAD").count("|") == 2
    assert night.run("check").code == 0


def test_a_gain_that_breaks_something_is_discarded_and_the_next_attempt_is_told_what_broke(night: Night) -> None:
    night.agent("""
        learn("two", 2)
        if tried == 0:
            edit("port/port.py", '"one": "1"', '"one": "11"')
            print("a word and a half")
        else:
            learn("three", 3)
    """)
    assert night.run("loop", "run").code == 0
    assert night.outcomes()[0] == ("discarded", "it gained pairs/two.in, and broke pairs/one.in")
    brief = (night.folder / ".harness/loop/2/brief.md").read_text()
    assert "Attempt 1, discarded: it gained pairs/two.in, and broke pairs/one.in. It broke pairs/one.in." in brief
    assert "In its own words: a word and a half" in brief
    assert f"git apply {night.folder}/.harness/loop/1/work.patch" in brief


def test_a_regression_that_is_none_when_it_runs_alone_is_no_regression(night: Night) -> None:
    """The port forgets a word whenever it is asked for more than one."""
    night.agent("""
        learn("two", 2), learn("three", 3)
        edit("port/port.py", "def render(case):", "ASKED = []\\n\\n\\ndef render(case):\\n"
             "    ASKED.append(case.name)\\n"
             "    if case.name == 'zero.in' and len(ASKED) > 1:\\n        return '?'")
    """)
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("kept", "2 more pass")]
    assert night.report()["kept"][0]["flaky"] == ["pairs/zero.in"]


def test_a_pass_that_becomes_weaker_is_no_gain(night: Night) -> None:
    rule = '[[suite.rule]]\nmatcher = "text"\nnormalize = ["trailing-whitespace"]\n'
    night.workspace.write("harness.toml", (night.folder / "harness.toml").read_text() + rule)
    night.agent("learn('two', 2), edit('port/port.py', '\"0\"', '\"0 \"')")
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("discarded", "weaker than before: pairs/zero.in")]


def test_a_build_that_breaks_is_told_as_such(night: Night) -> None:
    config = (night.folder / "harness.toml").read_text()
    build = json.dumps([[sys.executable, "-m", "py_compile", "port/port.py"]])
    night.workspace.write("harness.toml", config.replace("workers = 1", f"workers = 1\nbuild = {build}"))
    night.agent("edit('port/port.py', 'def render(', 'def render')")
    night.run("loop", "run", "--max-attempts", "1")
    ((outcome, why),) = night.outcomes()
    assert outcome == "discarded"
    assert why.startswith("the build failed: `")


def test_a_workspace_may_be_a_folder_of_its_repository(tmp_path: Path) -> None:
    whole = make(tmp_path)
    inner = Night(Workspace(whole.folder / "deep"))
    inner.folder.mkdir()
    for name in ("port", "cases", "harness.toml"):
        shutil.move(whole.folder / name, inner.folder / name)
    inner.agent("learn('two', 2); learn('three', 3); tried or Path('../outside.txt').write_text('')")
    assert inner.run("loop", "run").code == 0
    assert inner.outcomes() == [("void", "outside.txt: added, and it is not in `edit`"), ("kept", "2 more pass")]
    assert whole.git("status", "--porcelain") == ""


def test_work_on_different_clusters_is_done_at_once_and_judged_on_top_of_what_has_landed(night: Night) -> None:
    """Each of the two is good by itself: the port knows three words, and a fourth makes it forget the first."""
    config = (night.folder / "harness.toml").read_text()
    suite = '\n[[suite]]\nname = "more"\nreader = "pairs"\ninputs = "more/*.in"\noutputs = "more/{stem}.out"\n'
    night.workspace.write(
        "harness.toml",
        'stages = ["both"]\n'
        + config.replace('name = "pairs"', 'name = "pairs"\nstage = "both"')
        + suite
        + 'stage = "both"\n',
    )
    for name in ("two", "three"):
        (night.folder / "cases" / f"{name}.in").unlink()
        (night.folder / "cases" / f"{name}.out").unlink()
    night.workspace.write("more/two.in", "two")
    night.workspace.write("more/two.out", "2\n")
    night.workspace.write("more/three.in", "crash")
    night.workspace.write("more/three.out", "3\n")
    port = (
        (night.folder / "port/port.py")
        .read_text()
        .replace(
            "    return",
            "    if len(WORDS) > 3 and case.input == 'one':\n        return ''\n"
            "    if case.input == 'crash' and 'crash' not in WORDS:\n        raise KeyError\n    return",
        )
    )
    night.workspace.write("port/port.py", port)
    night.agent("""
        here = Path(os.environ["HARNESS_LOOP_STATE"]).parents[1]
        (here / f"began-{os.getpid()}").write_text("")
        while len(list(here.glob("began-*"))) < 2:
            time.sleep(0.01)
        path = Path("port/port.py")
        lines = path.read_text().splitlines(keepends=True)
        word = "crash" if "more/three" in brief else "two"
        lines.insert(1 if word == "two" else 3, f'    "{word}": "{2 if word == "two" else 3}",\\n')
        path.write_text("".join(lines))
    """)
    night.run("loop", "run", "--workers", "2", "--max-attempts", "2")
    outcomes = dict(night.outcomes())
    assert [*outcomes] == ["kept", "discarded"] or [*outcomes] == ["discarded", "kept"]
    assert outcomes["discarded"].endswith("and broke pairs/one.in")


# --- what voids an attempt -----------------------------------------------------------------------------------------

CHEATS = {
    "edits a reference": "edit('cases/two.out', '2', '?')",
    "adds a skip": "Path('skiplist.toml').write_text('format = 1\\n[todo]\\n\"pairs/two.in\" = \"no\"\\n')",
    "loosens the config": "edit('harness.toml', '[loop]', '[[suite.rule]]\\nmatcher = \"text\"\\n[loop]')",
    "adds a module": "Path('conftest.py').write_text('import os; os._exit(0)')",
    "renames the references": "os.rename('cases', 'elsewhere'); os.mkdir('cases')",
    "adds a link": "os.symlink('/etc', 'port/link')",
    "adds a repository": "subprocess.run(['git', 'init', '-q', 'port/own']); Path('port/own/x').write_text('')\n"
    "own = ['git', '-C', 'port/own', '-c', 'user.name=x', '-c', 'user.email=x', 'commit', '-qm', 'x']\n"
    "subprocess.run([*own, '--allow-empty'])",
    "edits CI": "os.makedirs('.github/workflows'); Path('.github/workflows/x.yml').write_text('on: push')",
}


@pytest.mark.parametrize("cheat", CHEATS.values(), ids=CHEATS)
def test_an_attempt_that_touches_what_it_may_not_is_void_however_good_the_rest_is(cheat: str, night: Night) -> None:
    night.agent(f"learn('two', 2); learn('three', 3)\n{cheat}")
    head = night.git("rev-parse", "HEAD")
    ran = night.run("loop", "run")
    assert ran.code == 1
    assert ran.first.startswith("GUARD (2 attempts in a row touched what they may not edit)")
    assert [outcome for outcome, _ in night.outcomes()] == ["void", "void"]
    assert night.git("rev-parse", "HEAD") == head


def test_a_port_that_reads_its_references_while_it_runs_is_found(night: Night) -> None:
    night.agent("""
        edit("port/port.py", 'return WORDS.get(case.input.strip(), "?") + "\\\\n"',
             "from pathlib import Path\\n    cases = Path(__file__).parents[1] / 'cases'\\n"
             "    return (cases / case.name).with_suffix('.out').read_text()")
    """)
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("void", "reads its references while it runs: pairs/three.in, pairs/two.in")]


def test_what_an_agent_plants_in_its_clones_git_folder_stays_there(night: Night, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    night.agent(f"""
        hook = "#!/bin/sh\\ntouch {proof}\\n"
        os.makedirs(".git/hooks", exist_ok=True)
        for name in ("pre-commit", "post-checkout", "reference-transaction", "fsmonitor"):
            Path(".git/hooks", name).write_text(hook)
            os.chmod(Path(".git/hooks", name), 0o755)
        with open(".git/config", "a") as config:
            config.write("[core]\\n fsmonitor = .git/hooks/fsmonitor\\n[diff]\\n external = .git/hooks/fsmonitor\\n")
            config.write("[filter \\"x\\"]\\n clean = touch {proof}\\n")
        Path("port/.gitattributes").write_text("* filter=x\\n")
        learn("two", 2), learn("three", 3)
    """)
    assert night.run("loop", "run").code == 0
    assert not proof.exists()


def test_a_child_that_hides_and_edits_later_is_gone_before_the_work_is_judged(night: Night, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    night.agent(f"""
        late = "import time; time.sleep(1.5); open({str(proof)!r}, 'w').close()"
        subprocess.Popen([sys.executable, "-c", late], start_new_session=True, env={{}}, cwd="/")
        learn("two", 2), learn("three", 3)
    """)
    assert night.run("loop", "run").code == 0
    time.sleep(2)
    assert not proof.exists()


def test_a_clone_has_no_history_and_no_way_back(night: Night) -> None:
    night.workspace.write("secret.txt", "held out")
    night.commit()
    night.git("rm", "--quiet", "secret.txt")
    night.agent("""
        history = ["log", "--all", "--format=%H", "--", "secret.txt"]
        for words in (["rev-list", "--all", "--count"], ["remote"], history):
            print(subprocess.run(["git", *words], capture_output=True, text=True).stdout.strip() or "-")
    """)
    night.run("loop", "run", "--max-attempts", "1")
    assert night.report()["others"][0]["summary"].split("\n") == ["1", "-", "-"]


def test_held_out_cases_are_nowhere_in_a_clone_and_what_only_knows_the_others_is_discarded(night: Night) -> None:
    config = (night.folder / "harness.toml").read_text()
    night.workspace.write("harness.toml", config + '\n[holdout]\nshare = 0.5\nsalt = "s"\nmax_gap = 0.3\n')
    for number in range(4, 40):
        night.workspace.pair(f"n{number}", f"n{number}", f"{number}\n")
    night.workspace.write("port/port.py", PORT.replace('"?"', 'case.input[1:] if len(case.input) == 9 else "?"'))
    night.agent("""
        objects = ["git", "cat-file", "--batch-check", "--batch-all-objects"]
        blobs = subprocess.run(objects, capture_output=True, text=True).stdout.count("blob")
        print(len(list(Path("cases").glob("*.in"))), blobs)
        if tried == 0:
            known = {one.read_text(): one.with_suffix(".out").read_text()[:-1] for one in Path("cases").glob("*.in")}
            edit("port/port.py", "{", "{" + str(known)[1:-1] + ", ")
        else:
            edit("port/port.py", "len(case.input) == 9", 'case.input[0] == "n"')
            learn("two", 2), learn("three", 3)
    """)
    ran = night.run("loop", "run", "--max-attempts", "2")
    assert ran.code == 0, ran.err
    outcomes = night.outcomes()
    assert outcomes[0][0] == "discarded"
    assert outcomes[0][1].startswith("held-out cases pass ")
    assert outcomes[1][0] == "kept"
    assert "held out  " in ran.out
    files, blobs = map(int, night.report()["kept"][0]["summary"].split())
    assert 10 < files < 30
    assert blobs <= 2 * files + len(["agent.py", "harness.toml", ".gitignore", "port/port.py", "port/__init__.py"])


def test_an_agent_sees_nothing_of_our_environment_but_what_is_passed_on(night: Night) -> None:
    night.agent("print(sorted(os.environ))", agent={"pass_env": ["MY_KEY"], "env": {"OWN": "1"}})
    night.run("loop", "run", "--max-attempts", "1", env={"MY_KEY": "k", "OTHER_KEY": "secret"})
    seen = night.report()["others"][0]["summary"]
    assert {"HARNESS_LOOP_STATE", "HOME", "MY_KEY", "OWN", "PATH"} <= set(seen.replace("'", "").strip("[]").split(", "))
    assert "OTHER_KEY" not in seen


# --- why it stops --------------------------------------------------------------------------------------------------


def test_a_case_that_three_attempts_did_not_help_is_parked_and_the_loop_stops(night: Night) -> None:
    night.agent("edit('port/port.py', 'zero', 'zero'); Path('port/note.txt').write_text(brief)")
    ran = night.run("loop", "run")
    assert ran.code == 1
    assert ran.first.startswith("NO PROGRESS (what is left is parked after 3 tries (2) or blocked (0))")
    assert night.report()["parked"] == ["pairs/three.in", "pairs/two.in"]


def test_a_case_that_the_agent_blocks_is_left_to_a_person(night: Night) -> None:
    night.agent(
        "subprocess.run(['harness', 'block', 'three.in', '--reason', 'no such number'], check=True); learn('two', 2)"
    )
    ran = night.run("loop", "run")
    assert ran.first.startswith("NO PROGRESS")
    assert "blocked: pairs/three.in: no such number" in ran.out
    assert night.run("check").first.startswith("FAIL 3/4"), "it is no excuse"


def test_an_agent_that_changes_nothing_is_idle(night: Night) -> None:
    night.agent("print('I would rather not')")
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("idle", "it changed nothing")]


def test_a_goal_may_be_a_number_of_passes_or_a_stage(night: Night) -> None:
    night.agent("learn(*[('two', 2), ('three', 3)][tried])")
    ran = night.run("loop", "run", "--until", "pass=3")
    assert (ran.code, ran.first) == (0, "DONE (pass=3) · 2 -> 3 of 4 cases pass")
    ran = night.run("loop", "run", "--until", "stage=pair")
    assert (ran.code, ran.err) == (2, "ERROR no stage named 'pair'; did you mean 'pairs'? (stages: pairs)\n")


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--max-cost=0.5", "0.5 of 0.5 dollars"),
        ("--max-tokens=20", "20 of 20 tokens"),
        ("--max-attempts=2", "2 of 2 attempts"),
    ],
)
def test_a_budget_that_is_spent_ends_the_loop(option: str, says: str, night: Night) -> None:
    night.agent("tell(usage={'cost': 0.25, 'tokens_in': 7, 'tokens_out': 3})")
    ran = night.run("loop", "run", option)
    assert ran.code == 1
    assert ran.first.startswith(f"BUDGET ({says})")


def test_a_budget_of_time_ends_an_agent_that_is_at_work(night: Night) -> None:
    night.agent("time.sleep(3600)")
    ran = night.run("loop", "run", "--max-time", "2s")
    assert ran.first.startswith("BUDGET (")
    night.see_nothing_is_left()


def test_a_rate_limit_is_waited_for_in_the_same_clone_and_uses_no_attempt(night: Night) -> None:
    night.agent("""
        if not Path("port/begun.txt").exists():
            Path("port/begun.txt").write_text("")
            tell(fault="rate_limit", seconds=0.1)
            sys.exit(1)
        learn("two", 2), learn("three", 3)
    """)
    assert night.run("loop", "run").code == 0
    report = night.report()
    assert (report["figures"]["attempts"], report["kept"][0]["faults"]) == (1, ["rate limit, 0.1 s"])


def test_an_agent_that_can_not_work_at_all_stops_the_loop(night: Night) -> None:
    night.agent("tell(fault='unavailable', why='no such model'); sys.exit(1)")
    ran = night.run("loop", "run")
    assert (ran.code, ran.first) == (1, "AGENT UNAVAILABLE (unavailable: no such model) · 2 -> 2 of 4 cases pass")
    assert night.run("loop", "resume").first == ran.first, "and it is tried again when a person says so"
    assert night.report()["figures"]["attempts"] == 2


def test_an_agent_that_is_silent_for_too_long_is_ended_and_what_it_left_is_judged(night: Night) -> None:
    night.agent("learn('two', 2); learn('three', 3); time.sleep(3600)", agent={"quiet": 1})
    assert night.run("loop", "run").code == 0
    assert night.report()["kept"][0]["faults"] == ["hung: ended after 1 s"]
    night.see_nothing_is_left()


def test_an_agent_that_babbles_is_ended_at_its_wall(night: Night) -> None:
    night.agent("while True: print('and so on', flush=True); time.sleep(0.01)", agent={"wall": 1})
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("failed", "hung: ended after 1 s")]


def test_an_agent_that_is_not_there_is_told_by_name(night: Night) -> None:
    night.agent("")
    config = (night.folder / "harness.toml").read_text()
    night.workspace.write("harness.toml", config.replace(sys.executable, "no-such-agent"))
    night.commit()
    night.run("loop", "run", "--max-attempts", "1")
    assert night.outcomes() == [("failed", "ended with exit code 127: no-such-agent: No such file or directory")]


def test_stop_ends_a_loop_in_order_and_only_one_runs_at_a_time(night: Night) -> None:
    night.agent("Path(os.environ['HARNESS_LOOP_STATE'], '..', 'started').resolve().write_text(''); time.sleep(3600)")
    night.temporary.mkdir()
    loop = subprocess.Popen(
        [sys.executable, "-m", "harness", "loop", "run"],
        cwd=night.folder, env=environment({"TMPDIR": str(night.temporary)}), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + PATIENCE
    while not [*night.temporary.glob("*/*/started")] and time.monotonic() < until:
        time.sleep(0.02)
    second = night.run("loop", "run")
    assert second.code == 2
    assert f"a loop runs here already (process {loop.pid})" in second.err
    assert f"running (process {loop.pid})" in night.run("loop", "status").out
    assert night.run("loop", "stop").code == 0
    out, _ = loop.communicate(timeout=PATIENCE)
    assert loop.returncode == 1
    assert out.startswith("STOPPED (by hand)")
    night.see_nothing_is_left()
    assert not [*night.temporary.iterdir()]


# --- what it refuses -----------------------------------------------------------------------------------------------


def test_what_is_not_committed_is_not_worked_on(night: Night) -> None:
    night.agent("")
    night.workspace.write("port/more.py", "")
    ran = night.run("loop", "run")
    assert (ran.code, ran.err.partition(": ")[2]) == (
        2,
        "port/more.py is not committed, and agents start from commits; commit or stash it\n",
    )


def test_a_sandbox_that_is_required_and_not_there_is_an_error(night: Night) -> None:
    night.agent("", sandbox="required")
    ran = night.run("loop", "run", env={"PATH": "/nowhere", "GIT_PYTHON_GIT_EXECUTABLE": str(shutil.which("git"))})
    says = 'ERROR sandbox = "required", and bwrap is not installed; install bubblewrap, or say "auto"\n'
    assert (ran.code, ran.err) == (2, says)


def test_a_commit_of_somebody_else_in_the_night_stops_the_loop(night: Night) -> None:
    night.agent(f"""
        own = ["git", "-C", {str(night.folder)!r}, "-c", "user.name=x", "-c", "user.email=x"]
        subprocess.run([*own, "commit", "--quiet", "--allow-empty", "-m", "mine"], check=True)
        learn("two", 2)
    """)
    ran = night.run("loop", "run")
    assert ran.code == 2
    assert "somebody else has committed" in ran.err
    assert "mine" in night.git("log", "--format=%s")


def test_without_a_loop_in_the_config_there_is_none(night: Night) -> None:
    ran = night.run("loop", "run")
    assert ran.code == 2
    assert "harness.toml: has no [loop]; name what an agent may edit" in ran.err


# --- what it says --------------------------------------------------------------------------------------------------


def test_the_brief_begins_with_what_is_the_same_for_all_and_is_the_same_twice(night: Night) -> None:
    night.agent("")
    night.run("check")
    first, second = night.run("brief").out, night.run("brief").out
    assert first == second
    head, _, task = first.partition("## Your task")
    assert "You may edit: port/**" in head
    assert "pairs/three.in  line 1: -3 +?" in task


def test_the_brief_inside_an_attempt_is_that_attempts(night: Night) -> None:
    night.agent("print(subprocess.run(['harness', 'brief'], capture_output=True, text=True).stdout == brief)")
    night.run("loop", "run", "--max-attempts", "1")
    assert night.report()["others"][0]["summary"] == "True"


# --- the demo ------------------------------------------------------------------------------------------------------


def test_the_demo_night_is_finished_and_its_report_is_true(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "fixtures" / "night" / "demo.py")],
        env=environment({"TMPDIR": str(tmp_path)}), capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "21 -> 54 of 54 cases pass" in done.stdout
    assert "33 attempts · 16 kept · 9 discarded · 7 void · 1 idle" in done.stdout
    assert "a fresh check of the last commit says the same" in done.stdout
