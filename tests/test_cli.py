"""The commands as they are typed: looking closer, asking, listing, and what is said to somebody who mistypes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.build import telling

from .conftest import ROOT, Ran, Workspace, environment

if TYPE_CHECKING:
    from pathlib import Path

CAT = 'protocol = "command"\ncommand = ["cat"]'
PORT = """
    def render(case):
        match case.input:
            case "refuse":
                raise Refused("SyntaxError", detail="no end", line=3)
            case "die":
                import os, sys
                print("last words", file=sys.stderr)
                os._exit(3)
            case "control":
                return "\\x1b[31mred\\x1b[0m"
        return f"{case.input}|{case.name}|{case.suite}|{case.params}|{case.settings}|{case.files}"
"""


@pytest.fixture
def mirror(workspace: Workspace) -> Workspace:
    """A port that gives back its input, three cases of which one fails."""
    workspace.config(CAT)
    workspace.pair("good", "a\n", "a\n")
    workspace.pair("fine", "b\n", "b\n")
    workspace.pair("wrong", "c\n", "C\n")
    return workspace


def bash(line: str, cwd: Path) -> Ran:
    done = subprocess.run(
        ["bash", "-c", line],  # noqa: S607 - the user's own
        cwd=cwd,
        env=environment({"PYTHON": sys.executable}),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


# --- the command line itself ---------------------------------------------------------------------------------------


def test_help_names_every_command(tmp_path: Path) -> None:
    ran = Workspace(tmp_path).run("--help")
    assert ran.code == 0
    commands = re.findall(r"^  (\w+)  ", ran.out.partition("Commands:")[2], re.MULTILINE)
    assert commands == sorted(
        {path.stem.rstrip("_") for path in (ROOT / "harness" / "cli").glob("[a-z]*_.py")}, key=commands.index
    )
    for command in commands:
        ran = Workspace(tmp_path).run(command, "--help")
        assert ran.code == 0
        assert ran.out.startswith(f"Usage: harness {command} ")


def test_version(tmp_path: Path) -> None:
    ran = Workspace(tmp_path).run("--version")
    assert ran.code == 0
    assert re.fullmatch(r"port-harness (\d+\.\d+\.\d+|\(a checkout that is not installed\))\n", ran.out)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("chekc",), "no command 'chekc'; did you mean 'check'?"),
        (("check", "-C", "x"), "-C goes before the command; write harness -C DIR COMMAND"),
        (("check", "--suit", "x"), "no such option '--suit'"),
        (("check", "--suite", "piars"), "no suite named 'piars'; did you mean 'pairs'? (suites: pairs)"),
        (("check", "--stage", "pears"), "no stage named 'pears'; did you mean 'pairs'? (stages: pairs)"),
        (("check", "--target", "prt"), "no target named 'prt'; did you mean 'port'? (targets: port)"),
        (("check", "pairs/god.in"), "no case 'pairs/god.in'; did you mean 'pairs/good.in'? (harness list shows all)"),
        (("check", "pairs/x*"), "no case 'pairs/x*' fits (harness list shows all)"),
        (("check", "--max-fail", "none"), "invalid value for '--max-fail'"),
        (("list", "--stage", "pears"), "no stage named 'pears'; did you mean 'pairs'?"),
        (("list", "--standing", "faild"), "invalid value for '--standing': 'faild' is not one of 'passed', 'failed'"),
        (("show", "god.in"), "no case 'god.in'; did you mean 'pairs/good.in'?"),
        (("show", "cases/good.in"), "no case 'cases/good.in'; did you mean 'pairs/good.in'?"),
        (("check", "a/b/c/good.in"), "no case 'a/b/c/good.in'; did you mean 'pairs/good.in'?"),
        (("show",), "missing argument 'CASE'"),
        (("show", "good.in", "--run", "7f3a"), "no run '7f3a' (harness runs lists them)"),
        (("repro", "god.in"), "no case 'god.in'; did you mean 'pairs/good.in'?"),
        (("runs", "--target", "prt"), "no target named 'prt'; did you mean 'port'?"),
        (("digest", "7f3a"), "no run '7f3a' (harness runs lists them)"),
        (("digest",), "there is no run yet; harness check makes one"),
        (("try", "x", "--suite", "piars"), "no suite named 'piars'; did you mean 'pairs'?"),
        (("try", "x", "--oracle"), "no target is the oracle; add `oracle = true`"),
        (("try", "x", "--params", "{"), "invalid value for '--params': not JSON"),
        (("try", "x", "--settings", "3"), "invalid value for '--settings': not a JSON object, such as {\"x\": 1}"),
        (("check", "--failed"), "there is no run of 'port' yet; run harness check without --failed"),
        (("-C", "no-such-folder", "check"), "no-such-folder' does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_told_in_one_line_with_what_was_meant(
    mirror: Workspace, words: tuple[str, ...], says: str
) -> None:
    ran = mirror.run(*words)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("ERROR ")
    assert says in ran.err
    assert ran.err.count("\n") == 1


def test_the_workspace_is_found_upwards_and_places_are_told_from_where_one_stands(mirror: Workspace) -> None:
    deep = Workspace(mirror.folder / "cases")
    assert deep.run("check").code == 1
    assert "input      wrong.in:1" in deep.run("show", "wrong.in").out


def test_a_workspace_is_named_with_c(mirror: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Workspace(tmp_path_factory.mktemp("elsewhere"))
    assert elsewhere.run("check").code == 2
    assert elsewhere.run("-C", str(mirror.folder), "check").code == 1
    assert elsewhere.run("-C", str(mirror.folder / "cases"), "runs").out.count("\n") == 1


def test_a_reader_that_has_read_enough_gets_no_traceback(mirror: Workspace) -> None:
    for number in range(300):
        mirror.pair(f"more{number}", "a", "a")
    for command, codes in {"check": {1}, "list": {0, 141}, "runs": {0, 141}, "show good.in": {0, 141}}.items():
        ran = bash(f'"$PYTHON" -m harness {command} | head -c 1; exit ${{PIPESTATUS[0]}}', mirror.folder)
        assert (len(ran.out), ran.err) == (1, "")
        assert ran.code in codes


def test_a_reader_that_is_gone_does_not_change_the_verdict(mirror: Workspace) -> None:
    mirror.pair("wrong", "c", "c")
    ran = bash('"$PYTHON" -m harness check | true; exit ${PIPESTATUS[0]}', mirror.folder)
    assert (ran.code, ran.err) == (0, "")


# --- check ---------------------------------------------------------------------------------------------------------


def test_failed_means_what_failed_when_it_last_ran(mirror: Workspace) -> None:
    """A run of one other case between does not make the failures forgotten."""
    mirror.pair("worse", "d", "D")
    mirror.run("check")
    assert mirror.run("check", "good.in").code == 0
    mirror.pair("worse", "d", "d")
    assert mirror.run("check", "worse.in").code == 0
    ran, export = mirror.export("--failed")
    assert ran.code != 0
    assert [one["id"] for one in export["results"]] == ["pairs/wrong.in"]
    mirror.pair("wrong", "c", "c")
    assert mirror.run("check", "--failed").code == 0
    ran = mirror.run("check", "--failed")
    assert (ran.code, ran.err) == (2, "ERROR nothing failed when 'port' last ran; run harness check without --failed\n")


def test_suite_and_stage_narrow_what_runs(workspace: Workspace) -> None:
    suite = (
        '[[suite]]\nname = "{0}"\nreader = "pairs"\ninputs = "{0}/*.in"\noutputs = "{0}/{{stem}}.out"\nstage = "{1}"\n'
    )
    head = 'format = 1\nstages = ["first", "last"]\n[target.port]\n' + CAT + "\n"
    workspace.write(
        "harness.toml",
        head + suite.format("one", "first") + suite.format("two", "last") + suite.format("three", "last"),
    )
    for name in ("one", "two", "three"):
        workspace.write(f"{name}/a.in", name)
        workspace.write(f"{name}/a.out", name)
    for words, ids in {
        ("--suite", "two"): {"two/a.in"},
        ("--stage", "last"): {"two/a.in", "three/a.in"},
        ("--stage", "last", "--suite", "one"): set(),
        ("--suite", "one", "--suite", "three"): {"one/a.in", "three/a.in"},
        ("two/*", "one/a.in"): {"one/a.in", "two/a.in"},
    }.items():
        ran, export = workspace.export(*words)
        assert {one["id"] for one in export["results"]} == ids
        assert ran.code == (0 if ids else 4)


def test_the_workers_may_be_limited_for_one_run(workspace: Workspace) -> None:
    workspace.config(
        workspace.worker("import os, time\ndef render(case):\n    time.sleep(0.1)\n    return str(os.getpid())")
    )
    for number in range(6):
        workspace.pair(f"{number}", "", "no pid")
    _, export = workspace.export("--workers", "1")
    assert len({one["reply"]["output"] for one in export["results"]}) == 1


# --- list, runs, digest --------------------------------------------------------------------------------------------


def test_list_tells_where_each_case_stands_and_why(mirror: Workspace) -> None:
    mirror.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/wrong.in" = "upper case"\n')
    assert mirror.run("list").out.splitlines() == [
        "-             pairs/fine.in",
        "-             pairs/good.in",
        "-             pairs/wrong.in  (upper case)",
        "3 cases (3 pairs)",
    ]
    mirror.run("check")
    mirror.run("check", "good.in")
    assert mirror.run("list").out.splitlines() == [
        "passed        pairs/fine.in",
        "passed        pairs/good.in",
        "todo          pairs/wrong.in  (upper case)",
        "3 cases (3 pairs)",
    ]


def test_list_may_be_narrowed_to_one_standing(mirror: Workspace) -> None:
    mirror.run("check")
    assert mirror.run("list", "--standing", "failed").out == "failed        pairs/wrong.in\n1 case (1 pairs)\n"
    assert mirror.run("list", "--standing", "stale").out == "0 cases\n"


def test_runs_are_listed_newest_first_with_what_was_selected(mirror: Workspace) -> None:
    assert mirror.run("runs").out == "no runs yet; harness check makes one\n"
    mirror.run("check")
    mirror.run("check", "good.in", "--no-skips")
    lines = mirror.run("runs").out.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"[0-9a-f]{4}  \S+  port +PASS +1 pass +0 failed +\d+\.\d\d s  good.in --no-skips", lines[0])
    assert re.fullmatch(r"[0-9a-f]{4}  \S+  port +FAIL +2 pass +1 failed +\d+\.\d\d s  whole", lines[1])


def test_an_older_digest_can_be_read_again(mirror: Workspace) -> None:
    first = mirror.run("check").out
    mirror.pair("wrong", "c", "c")
    second = mirror.run("check").out
    assert mirror.run("digest").out == second
    assert mirror.run("digest", mirror.run("runs").out.splitlines()[1].split()[0]).out == first


def test_a_run_that_is_still_going_can_be_looked_at(workspace: Workspace) -> None:
    """So can one that was killed: it never came to write more."""
    workspace.config(
        CAT
        + '\nbuild = [["sh", "-c", "\\"$PYTHON\\" -m harness digest > seen; \\"$PYTHON\\" -m harness runs >> seen"]]'
    )
    workspace.pair("a", "a", "a")
    assert workspace.run("check", env={"PYTHON": sys.executable}).code == 0
    digest, line = (workspace.folder / "seen").read_text().splitlines()
    assert digest.startswith("NOTHING · incomplete: still running, or killed")
    assert line.endswith("incomplete")


# --- show ----------------------------------------------------------------------------------------------------------


def test_show_needs_no_run(mirror: Workspace) -> None:
    ran = mirror.run("show", "wrong.in")
    assert ran.code == 0
    assert ran.first == "pairs/wrong.in  has not run yet; harness check pairs/wrong.in"
    assert "cases/wrong.out:1" in ran.out


def test_show_finds_the_newest_run_that_had_the_case_or_the_one_that_is_named(mirror: Workspace) -> None:
    mirror.run("check")
    old = mirror.run("runs").out.split()[0]
    mirror.pair("wrong", "c", "c")
    assert "note: the case or its rules have changed since that run" in mirror.run("show", "wrong.in").out
    mirror.run("check", "wrong.in")
    mirror.run("check", "good.in")
    assert mirror.run("show", "wrong.in").first.startswith("pairs/wrong.in  passed (exact)")
    assert mirror.run("show", "wrong.in", "--run", old).first.startswith("pairs/wrong.in  failed: output differs")


def test_show_tells_apart_texts_that_differ_in_the_last_newline_only(mirror: Workspace) -> None:
    mirror.pair("good", "a", "a\n")
    mirror.pair("fine", "b\n", "b")
    mirror.run("check")
    assert "\\ no newline at the end of what is got" in mirror.run("show", "good.in").out
    assert "\\ no newline at the end of what is wanted" in mirror.run("show", "fine.in").out


def test_show_cuts_what_is_long_unless_it_is_to_be_full(mirror: Workspace) -> None:
    mirror.pair("long", "".join(f"line {number}\n" for number in range(500)), "another")
    mirror.run("check")
    assert len(mirror.run("show", "long.in").out.splitlines()) < 200
    assert "lines left out; --full shows them" in mirror.run("show", "long.in").out
    full = mirror.run("show", "long.in", "--full").out.splitlines()
    assert len(full) > 1000
    assert {"line 250", "+line 250"} <= set(full)


def test_show_cuts_long_lines_around_what_differs_and_names_the_command_that_shows_them(workspace: Workspace) -> None:
    body = """
        def render(case):
            match case.input:
                case "panic":
                    raise RuntimeError("\\n".join(f"line {number} of the message" for number in range(5000)))
                case "no":
                    raise Unsupported("x" * 60_000)
            return case.input.replace("needle", "NEEDLE")
    """
    workspace.config(workspace.worker(body))
    line = "hay " * 50_000 + "a needle" + " hay" * 50_000
    for name, given in {"panic": "panic", "no": "no", "long": line}.items():
        workspace.pair(name, given, given)
    workspace.run("check")
    for name in ("panic", "no", "long"):
        ran = workspace.run("show", f"{name}.in")
        assert len(ran.out) < 8000
        assert max(map(len, ran.out.splitlines())) < 500
        assert f"long lines are cut; harness show --full pairs/{name}.in\n" in ran.out
        assert len(workspace.run("show", "--full", f"{name}.in").out) > 60_000
    assert re.search(r"^-….*a needle.*\n\+….*a NEEDLE", workspace.run("show", "long.in").out, re.MULTILINE)


@pytest.mark.parametrize("name", ["sp ace.in", "it's.in", "sub dir/a$b.in"])
def test_a_command_that_is_suggested_works_when_pasted_whatever_the_case_is_called(
    workspace: Workspace, name: str
) -> None:
    workspace.config(CAT.replace("cat", "rev"))
    config = (workspace.folder / "harness.toml").read_text(encoding="utf-8")
    workspace.write("harness.toml", config.replace("cases/*", "cases/**/*"))
    workspace.pair(name.removesuffix(".in"), "ab", "ab")
    assert workspace.run("show", f"pairs/{name}").first == workspace.run("show", name).first
    before = workspace.run("show", name).first.partition("; ")[2]
    ran = workspace.run(*shlex.split(before)[1:])
    shown = workspace.run(*shlex.split(ran.out.splitlines()[-1].removeprefix("next: "))[1:])
    again = workspace.run(*shlex.split(shown.out.splitlines()[-1].removeprefix("next: "))[1:])
    assert (ran.code, shown.code, again.code) == (1, 0, 0), ran.err
    assert f"pairs/{name}" in shown.first


# --- repro ---------------------------------------------------------------------------------------------------------


def reproduced(workspace: Workspace, *words: str) -> Ran:
    """Paste what `harness repro` prints into a shell, in another folder."""
    printed = workspace.run("repro", *words)
    assert (printed.code, printed.err) == (0, "")
    return bash(printed.out, ROOT)


def test_repro_of_a_worker_gives_its_reply(workspace: Workspace) -> None:
    body = workspace.worker(PORT)
    workspace.config(body.replace("env = {", 'env = { SPACES = "it\'s $HOME",'), suite='shared = ["refs/*"]')
    workspace.write("refs/part.txt", "shared")
    workspace.pair('it\'s a "case" $HOME', "in\n", "x")
    ran = reproduced(workspace, 'it\'s a "case" $HOME.in')
    assert ran.code == 0, ran.err
    ready, reply = map(json.loads, ran.out.splitlines())
    assert ready == {"ready": 1, "name": "port", "version": "1"}
    assert reply["output"] == "in\n|it's a \"case\" $HOME.in|pairs|{}|{}|{'part.txt': 'shared'}"


def test_repro_of_a_callable_gives_its_reply(workspace: Workspace) -> None:
    workspace.write("mine.py", "import os\ndef render(case): return case.input + os.environ['TZ'] + str(os.listdir())")
    workspace.config('protocol = "python"\ncallable = "mine:render"')
    workspace.pair("a", "in ", "x")
    ran = reproduced(workspace, "a.in")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out.splitlines()[1])["output"] == "in UTC[]"


@pytest.mark.parametrize("given", ['it\'s $HOME `id` "x"\n\n\\', "-n\n"])
def test_repro_of_a_command_gives_its_output(workspace: Workspace, given: str) -> None:
    script = """
        import os, sys
        print(sys.argv[1:], repr(sys.stdin.read()), sorted(os.listdir()), os.environ["HOME"] == os.getcwd())
    """
    workspace.write("program.py", script)
    argv = [sys.executable, "{workspace}/program.py", "{input}", "{input_file}"]
    workspace.config(f'protocol = "command"\ncommand = {json.dumps(argv)}', suite='shared = ["refs/*"]')
    workspace.write("refs/part.txt", "shared")
    workspace.pair("a", given, "x")
    ran = reproduced(workspace, "a.in")
    assert (ran.code, ran.out) == (0, f"{[given, 'input/a.in']} '' ['input', 'part.txt'] True\n")


def test_repro_of_a_command_gives_the_input_on_stdin(mirror: Workspace) -> None:
    mirror.pair("bytes", b"\xc3\xbc\0\n", "x")
    assert reproduced(mirror, "bytes.in").out == "\u00fc\0\n"


def test_repro_tells_no_variable_that_is_passed_on(mirror: Workspace) -> None:
    mirror.config(CAT + '\npass_env = ["TOKEN"]')
    printed = mirror.run("repro", "good.in", env={"TOKEN": "hush"}).out
    assert 'TOKEN="$TOKEN"' in printed
    assert "hush" not in printed


def test_a_case_that_can_not_be_put_is_told_so(mirror: Workspace) -> None:
    mirror.config('protocol = "command"\ncommand = ["echo", "{input}"]')
    mirror.pair("nul", "a\0b", "x")
    ran = mirror.run("repro", "nul.in")
    assert ran.code == 2
    assert "pairs/nul.in can not be put to 'port': this input can not be an argument" in ran.err


# --- try -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def two(workspace: Workspace) -> Workspace:
    """A port and its oracle, which says the same but for what has an `x` in it."""
    kit = ROOT / "adapters" / "worker" / "python"
    workspace.worker(PORT, "port.py")
    oracle = PORT.replace("return f", 'return "original" if "x" in case.input else f').replace(
        "line=3", 'line=3, text="!!! SyntaxError"'
    )
    workspace.worker(oracle, "original.py")
    target = (
        f'command = ["{sys.executable}", "{{workspace}}/{{0}}.py"]\nenv = {{{{ PYTHONPATH = "{kit}" }}}}\n'.replace(
            "{workspace}", "{{workspace}}"
        )
    )
    workspace.write(
        "harness.toml",
        "format = 1\nstages = ['lexer', 'page']\n"
        f"[target.port]\ndefault = true\nsuites = ['page', 'more']\n{target.format('port')}"
        f"[target.original]\noracle = true\n{target.format('original')}"
        + "".join(
            f"[[suite]]\nname = '{name}'\nstage = '{stage}'\nreader = 'pairs'\ninputs = 'cases/*.in'\n"
            "outputs = 'cases/{stem}.out'\nshared = ['refs/*']\n"
            "[[suite.rule]]\nreference = '^!!!'\nmatcher = 'error'\npattern = '!!! (?P<kind>\\w+)'\n"
            "fields = { kind = 'exact' }\n"
            for name, stage in {"lexer": "lexer", "page": "page", "more": "page"}.items()
        ),
    )
    workspace.pair("a", "a", "a")
    workspace.write("refs/part.txt", "shared")
    return workspace


def test_try_asks_the_target_about_an_input_of_ones_own(two: Workspace) -> None:
    ran = two.run("try", "in", "--params", '{"n": 1}', "--settings", "{}", "--name", "a.html")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "--- port: output\nin|a.html|page|{'n': 1}|{}|{'part.txt': 'shared'}\n"


def test_try_reads_stdin(two: Workspace) -> None:
    assert "\nfrom a pipe|try.txt|" in two.run("try", "-", stdin="from a pipe").out


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("refuse", "--- port: error\nkind       SyntaxError\ndetail     no end\nline       3\n"),
        ("die", "--- port: crashed: exited with 3 before it answered\n--- port: stderr\nlast words\n"),
        ("control", "--- port: output\n\\x1b[31mred\\x1b[0m\n"),
    ],
)
def test_try_shows_whatever_comes_out(two: Workspace, given: str, seen: str) -> None:
    ran = two.run("try", given)
    assert (ran.code, ran.out) == (0, seen)


def test_a_setting_that_the_worker_does_not_know_is_an_error_reply(two: Workspace) -> None:
    assert "kind       UnknownSetting\n" in two.run("try", "in", "--settings", '{"trim": true}').out


def test_try_judges_the_target_by_what_the_oracle_says(two: Workspace) -> None:
    same = two.run("try", "in", "--oracle")
    assert same.code == 0
    assert same.out.splitlines()[::2] == [
        "--- original: output",
        "--- port: output",
        "port: passed (exact), as page otherwise (exact) judges",
    ]
    differs = two.run("try", "x", "--oracle")
    assert differs.code == 1
    assert differs.out.endswith("port: failed: output differs, as page otherwise (exact) judges\n")


def test_try_judges_errors_by_the_rules_of_the_suite(two: Workspace) -> None:
    ran = two.run("try", "refuse", "--oracle")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "port: passed (fields), as page rule 1 (error) judges")


def test_what_can_be_no_reference_is_compared_as_it_is(two: Workspace) -> None:
    ran = two.run("try", "in", "--oracle", "--settings", '{"trim": true}')
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "port: the same reply")


def test_try_refuses_a_suite_that_the_target_does_not_take(two: Workspace) -> None:
    ran = two.run("try", "in", "--suite", "lexer")
    assert (ran.code, ran.err) == (2, "ERROR target 'port' does not take suite 'lexer' (it takes page, more)\n")
    assert "|more|" in two.run("try", "in", "--suite", "more").out


def test_try_says_that_a_target_is_down(mirror: Workspace) -> None:
    mirror.config('command = ["bin/port"]')
    ran = mirror.run("try", "x")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.startswith(f"TARGET port: {mirror.folder}/bin/port can not be started")


def test_try_builds_first_and_says_what_is_broken(mirror: Workspace) -> None:
    mirror.config(CAT + '\nbuild = [["sh", "-c", "touch built"]]')
    assert mirror.run("try", "x").code == 0
    assert (mirror.folder / "built").exists()
    mirror.config(CAT + '\nbuild = [["sh", "-c", "echo port.c:3: error: no x; exit 1"]]')
    ran = mirror.run("try", "x")
    assert (ran.code, ran.out) == (5, "")
    assert ran.err.splitlines()[1:] == ["port.c:3: error: no x"]


# --- build ---------------------------------------------------------------------------------------------------------


def test_build_commands_run_in_order_in_the_workspace_with_the_variables_of_the_target(mirror: Workspace) -> None:
    steps = [["sh", "-c", "echo one $WHERE $FROM_ME >> log"], ["sh", "-c", "echo two >> {workspace}/log"]]
    mirror.config(CAT + f'\nbuild = {json.dumps(steps)}\nenv = {{ WHERE = "{{workspace}}/x" }}')
    mirror.run("check", env={"FROM_ME": "mine"})
    assert (mirror.folder / "log").read_text() == f"one {mirror.folder}/x mine\ntwo\n"


@pytest.mark.parametrize(
    ("tool", "step", "file", "content", "says"),
    [
        (
            "go",
            ["go", "build", "-o", "worker", "."],
            "main.go",
            "package main\n\nfunc main() {\n\tnoSuchThing()\n}\n",
            "./main.go:4:2: undefined: noSuchThing",
        ),
        ("python", ["python3", "-m", "py_compile", "port.py"], "port.py", "def f(:\n", 'File "port.py", line 1'),
        ("cc", ["cc", "-c", "port.c"], "port.c", "int main() { return x; }\n", "port.c:1:21: error:"),
    ],
    ids=["go", "python", "cc"],
)
def test_the_first_errors_of_a_real_compiler_are_told_with_file_and_line(
    mirror: Workspace, tool: str, step: list[str], file: str, content: str, says: str
) -> None:
    mirror.write("go.mod", "module port\n\ngo 1.21\n")
    mirror.write(file, content)
    if bash(f"command -v {step[0]}", mirror.folder).code != 0:
        pytest.skip(f"{tool} is not installed, so its errors are not tested")
    mirror.config(CAT + f"\nbuild = {json.dumps(step)}".replace("= [", "= [[") + "]")
    ran = mirror.run("check")
    assert ran.code == 5
    assert says in ran.out


def test_of_a_long_output_the_lines_from_the_first_error_on_are_told() -> None:
    noise = [f"compiling {number}" for number in range(100)]
    text = "\n".join([*noise, "\x1b[1m\x1b[31merror[E0425]\x1b[0m: no `x`", " --> src/main.rs:3:5", *noise])
    lines = telling(text)
    assert lines[:4] == ("compiling 98", "compiling 99", "error[E0425]: no `x`", " --> src/main.rs:3:5")
    assert lines[-1] == "... 84 more lines"
    assert len(lines) == 21


def test_of_a_long_output_without_an_error_the_end_is_told() -> None:
    assert telling("\n".join(f"step {number}" for number in range(100)))[-1] == "step 99"
    assert telling("a\n\nb\n") == ("a", "b")


def test_a_failing_linter_hides_neither_the_cases_nor_the_other_linters(mirror: Workspace) -> None:
    checks = [["sh", "-c", "echo a.c:1: x; exit 1"], ["true"], ["no-such-linter"], ["sh", "-c", "kill -9 $$"]]
    mirror.config(CAT + f"\ncheck = {json.dumps(checks)}")
    lines = mirror.run("check").out.splitlines()
    assert lines[0].startswith("FAIL 2/3 pass")
    assert lines[1:5] == [
        "check failed: `sh -c echo a.c:1: x; exit 1` exited with 1",
        "  a.c:1: x",
        "check failed: `no-such-linter` can not be started (No such file or directory)",
        "check failed: `sh -c kill -9 $$` was killed by SIGKILL",
    ]
