"""The ways of driving an implementation: a process per case, a callable, and somebody's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import ROOT, Workspace

if TYPE_CHECKING:
    from pathlib import Path

DUMP = """
import json, os, sys
def dump(stdin):
    tree = {os.path.relpath(os.path.join(at, name)): open(os.path.join(at, name)).read()
            for at, _, names in os.walk(".") for name in names}
    return json.dumps({"argv": sys.argv[1:], "env": dict(os.environ), "stdin": stdin, "files": tree})
"""


def command(workspace: Workspace, body: str, *words: str, more: str = "", suite: str = "", rules: str = "") -> None:
    """Make a target that runs a Python program, written here, for each case."""
    workspace.write("program.py", body)
    argv = json.dumps([sys.executable, "{workspace}/program.py", *words])
    workspace.config(f'protocol = "command"\ncommand = {argv}\n{more}', suite=suite, rules=rules)


def only(export: Any, name: str = "a.in") -> Any:  # noqa: ANN401 - JSON
    """Return one case's result of an export."""
    return next(one for one in export["results"] if one["id"] == f"pairs/{name}")


def told(workspace: Workspace, *words: str) -> Any:  # noqa: ANN401 - JSON
    """Run one case whose output is JSON, and return that."""
    workspace.pair("a", "given", "never this")
    return json.loads(only(workspace.export(*words)[1])["reply"]["output"])


# --- command: where the input goes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [b"", b"plain\n", b"\xff\xfe\x00\r\n\x80", "\u2013ü\n".encode(), b"-n --help\n", b"x" * 10_000_000],
    ids=["empty", "text", "bytes", "unicode", "dash", "10 MB"],
)
def test_the_input_arrives_on_stdin_byte_by_byte(workspace: Workspace, given: bytes) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    workspace.pair("a", given, given)
    assert workspace.run("check").first.startswith("PASS 1/1 pass ")


def test_a_program_need_not_read_its_stdin(workspace: Workspace) -> None:
    workspace.config('protocol = "command"\ncommand = ["echo", "done"]')
    workspace.pair("a", b"x" * 10_000_000, "done\n")
    assert workspace.run("check").code == 0


@pytest.mark.parametrize(
    "given", ["-n", "--help", "", "two  words\n", "$HOME `id` 'x' \"y\" \\ *", "{name} {workspace}"]
)
def test_an_argument_is_the_input_whatever_it_looks_like(workspace: Workspace, given: str) -> None:
    command(workspace, "import sys; sys.stdout.write(repr((sys.argv[1:], sys.stdin.read())))", "{input}")
    workspace.pair("a", given, repr(([given], "")))
    ran = workspace.run("check")
    assert ran.code == 0, ran.out


@pytest.mark.parametrize("given", [b"nul \0 inside", b"bytes \xff", b"x" * 200_000], ids=["nul", "bytes", "too long"])
def test_what_can_not_be_an_argument_is_unsupported_and_the_other_cases_go_on(
    workspace: Workspace, given: bytes
) -> None:
    command(workspace, "import sys; print(sys.argv[1], end='')", "{input}")
    workspace.pair("a", given, "x")
    workspace.pair("b", "fine", "fine")
    ran, export = workspace.export()
    assert only(export)["outcome"] == "unsupported"
    assert "give the command {input_file}" in only(export)["why"]
    assert only(export, "b.in")["outcome"] == "passed"
    assert ran.code == 1


def test_a_file_holds_the_input_under_the_name_of_the_case_and_stdin_is_empty(workspace: Workspace) -> None:
    body = "import sys; print(sys.argv[1:], open(sys.argv[1], 'rb').read(), sys.stdin.read(), end='')"
    command(workspace, body, "{input_file}", "--as={name}")
    workspace.pair("a", b"\xff\0x", "['input/a.in', '--as=a.in'] b'\\xff\\x00x' ")
    ran = workspace.run("check")
    assert ran.code == 0, ran.out


def test_params_and_settings_arrive_as_files(workspace: Workspace) -> None:
    body = "import sys; print([open(path).read() for path in sys.argv[1:]])"
    command(workspace, body, "{params_file}", "{settings_file}")
    workspace.pair("a", "", "")
    ran = workspace.run("try", "x", "--params", '{"n": [1, "ü"]}', "--settings", '{"deep": {"er": null}}')
    assert ran.out == '--- port: output\n[\'{"n":[1,"\\\\u00fc"]}\', \'{"deep":{"er":null}}\']\n'


@pytest.mark.parametrize("what", ["params", "settings"])
def test_params_or_settings_that_the_command_has_no_place_for_are_not_dropped(workspace: Workspace, what: str) -> None:
    workspace.config('protocol = "command"\ncommand = ["cat"]')
    workspace.pair("a", "x", "x")
    ran = workspace.run("try", "x", f"--{what}", '{"n": 1}')
    assert f"unsupported: the case has {what}, and the command no {{{what}_file}}" in ran.out


def test_only_what_the_command_names_is_laid_into_its_folder(workspace: Workspace) -> None:
    command(workspace, "import os; print(sorted(os.listdir()), end='')")
    workspace.pair("a", "", "[]")
    assert workspace.run("check").code == 0


def test_shared_files_lie_in_the_folder(workspace: Workspace) -> None:
    command(workspace, "print(open('lib/x.txt').read(), end='')", suite='shared = ["refs/**/*"]')
    workspace.write("refs/lib/x.txt", "shared text")
    workspace.pair("a", "", "shared text")
    assert workspace.run("check").code == 0


def test_each_case_has_a_process_and_a_folder_of_its_own(workspace: Workspace) -> None:
    body = "import os; print(len(os.listdir()), end=''); open('left behind', 'w').close()"
    command(workspace, body, more="workers = 1")
    for name in "abc":
        workspace.pair(name, "", "0")
    assert workspace.run("check").code == 0


# --- command: what comes out ---------------------------------------------------------------------------------------


def outputs(workspace: Workspace, body: str, files: dict[str, str], *, more: str = "", suite: str = "") -> None:
    """Make a case whose references are the `files`: out, err, code and css are stdout, stderr, exit code and a file."""
    sources = {"out": "stdout", "err": "stderr", "code": "exit", "css": "file:made/a.css"}
    workspace.write("program.py", body)
    table = ", ".join(f'{name} = "{sources[name]}"' for name in files)
    places = ", ".join(f'{name} = "cases/{{stem}}.{name}"' for name in files)
    workspace.write(
        "harness.toml",
        f"""\
format = 1
[target.port]
protocol = "command"
command = [{json.dumps(sys.executable)}, "{{workspace}}/program.py"]
outputs = {{ {table} }}
{more}
[[suite]]
name = "pairs"
reader = "pairs"
inputs = "cases/*.in"
outputs = {{ {places} }}
{suite}
""",
    )
    for name, content in {"in": "x", **files}.items():
        workspace.write(f"cases/a.{name}", content)


WRITES_ALL = """
import os, sys
print("to stdout")
print("to stderr", file=sys.stderr)
os.mkdir("made")
open("made/a.css", "w").write("p {}")
sys.exit(3)
"""
ALL = {"out": "to stdout\n", "err": "to stderr\n", "code": "3\n", "css": "p {}"}


def test_streams_exit_code_and_files_are_named_outputs(workspace: Workspace) -> None:
    outputs(workspace, WRITES_ALL, ALL, more="output_exits = [0, 3]")
    ran = workspace.run("check")
    assert ran.code == 0, ran.out


@pytest.mark.parametrize("name", list(ALL))
def test_each_named_output_counts(workspace: Workspace, name: str) -> None:
    outputs(workspace, WRITES_ALL, {**ALL, name: "another"}, more="output_exits = [3]")
    _, export = workspace.export()
    assert (only(export)["outcome"], only(export)["why"]) == ("failed", f"{name}: output differs")


def test_a_file_that_was_not_made_is_a_missing_output(workspace: Workspace) -> None:
    outputs(workspace, "", {"out": "", "css": "p {}"})
    _, export = workspace.export()
    assert only(export)["why"] == "no output named 'css'; the reply has out"


@pytest.mark.parametrize(
    "link",
    [
        "os.symlink({reference!r}, 'made/a.css')",
        "os.rmdir('made'); os.symlink({folder!r}, 'made')",
        "os.symlink('a.css', 'made/a.css')",
    ],
    ids=["the file", "its folder", "a loop"],
)
def test_a_link_out_of_the_folder_is_no_output(workspace: Workspace, link: str) -> None:
    """Else a port that knows where the references lie would pass without a line of work."""
    reference = str(workspace.folder / "cases" / "a.css")
    made = link.format(reference=reference, folder=os.path.dirname(reference))
    outputs(workspace, f"import os; os.mkdir('made'); {made}", {"out": "", "css": "p {}"})
    _, export = workspace.export()
    assert only(export)["why"] == "no output named 'css'; the reply has out"


@pytest.mark.parametrize("to", ["sys.stdout", "open('made/a.css', 'w')"], ids=["stdout", "file"])
def test_an_output_over_the_limit_keeps_its_ends_and_is_not_compared(workspace: Workspace, to: str) -> None:
    body = f"import os, sys; os.mkdir('made'); {to}.write('head' + 'x' * 3_000_000 + 'tail')"
    outputs(workspace, body, {"out": "", "css": ""}, suite="max_output = 1_000_000")
    _, export = workspace.export()
    flood = only(export)["reply"]["oversize"]
    assert only(export)["outcome"] == "too_large"
    assert flood["head"].startswith("headx")
    assert flood["tail"].endswith("xtail")
    assert len(flood["head"] + flood["tail"]) < 10_000


REFUSES = "import sys; sys.stderr.write('warning: x\\nsyntax error: no end in line 7\\n'); sys.exit(2)"
PATTERN = "syntax (?P<kind>error): (?P<detail>.*) in line (?P<line>[0-9]+)"


def test_an_error_exit_is_an_error_reply_with_the_fields_that_the_pattern_finds(workspace: Workspace) -> None:
    command(workspace, REFUSES, more=f"error_exits = [2]\nerror = '{PATTERN}'")
    workspace.pair("a", "x", "x")
    ran, export = workspace.export()
    assert (only(export)["outcome"], only(export)["why"]) == ("raised", "raises error: no end")
    assert only(export)["reply"]["error"] == {
        "kind": "error",
        "detail": "no end",
        "line": "7",
        "message": "syntax error: no end in line 7",
        "text": "warning: x\nsyntax error: no end in line 7\n",
    }
    assert "raises error: no end" in ran.out


def test_an_error_exit_without_a_pattern_is_known_by_its_code_and_its_last_line(workspace: Workspace) -> None:
    command(workspace, REFUSES, more="error_exits = [2]")
    workspace.pair("a", "x", "x")
    assert only(workspace.export()[1])["why"] == "raises exit 2: syntax error: no end in line 7"


def test_an_expected_error_is_judged_by_its_fields(workspace: Workspace) -> None:
    rule = """
        [[suite.rule]]
        reference = '^!!!'
        matcher = "error"
        pattern = '!!! (?P<kind>.*) line (?P<line>.*)'
        fields = { kind = "exact", line = "exact" }
    """
    command(workspace, REFUSES, more=f"error_exits = [2]\nerror = '{PATTERN}'", rules=dedent(rule))
    workspace.pair("a", "x", "!!! error line 7")
    workspace.pair("b", "x", "!!! error line 8")
    _, export = workspace.export()
    assert only(export, "a.in")["achieved"] == "fields"
    assert only(export, "b.in")["why"] == "wrong error: line '7' (want '8')"


@pytest.mark.parametrize(
    ("end", "why"),
    [
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV before it answered"),
        ("sys.exit(7)", "exited with 7 before it answered"),
        ("raise KeyError('boom')", "exited with 1 before it answered"),
    ],
)
def test_an_end_that_was_not_foreseen_is_a_crash_whatever_was_printed(workspace: Workspace, end: str, why: str) -> None:
    body = f"""
        import os, sys
        print("ok", flush=True)
        if sys.stdin.read() == "die":
            print("last words", file=sys.stderr)
            {end}
    """
    command(workspace, body, more="error_exits = [2]")
    workspace.pair("a", "die", "ok\n")
    workspace.pair("b", "live", "ok\n")
    _, export = workspace.export()
    assert (only(export)["outcome"], only(export)["why"]) == ("crashed", why)
    assert only(export)["stderr"].startswith("last words\n")
    assert only(export, "b.in")["outcome"] == "passed"


# --- python --------------------------------------------------------------------------------------------------------


def python(workspace: Workspace, body: str, more: str = "", *, module: str = "port") -> None:
    workspace.write(f"{module.replace('.', '/')}.py", body)
    workspace.config(f'protocol = "python"\ncallable = "{module}:render"\n{more}')


def test_a_callable_is_served(workspace: Workspace) -> None:
    python(workspace, "def render(case): return case.input.upper() + case.name")
    workspace.pair("a", "x", "Xa.in")
    assert workspace.run("check").code == 0


def test_a_callable_may_refuse_and_may_not_support(workspace: Workspace) -> None:
    body = """
        from harness_worker import Refused, Unsupported
        def render(case):
            if case.name == "a.in":
                raise Refused("SyntaxError", detail="no end", line=3)
            raise Unsupported("no macros yet")
    """
    python(workspace, body)
    workspace.pair("a", "x", "x")
    workspace.pair("b", "x", "x")
    _, export = workspace.export()
    assert only(export)["why"] == "raises SyntaxError: no end"
    assert (only(export, "b.in")["outcome"], only(export, "b.in")["why"]) == ("unsupported", "no macros yet")


def test_a_callable_that_ends_its_process_does_not_end_the_run(workspace: Workspace) -> None:
    python(workspace, "import os\ndef render(case):\n    return os._exit(9) if case.input == 'die' else 'ok'")
    for name, given in {"a": "die", "b": "live", "c": "live"}.items():
        workspace.pair(name, given, "ok")
    _, export = workspace.export()
    assert [one["outcome"] for one in export["results"]] == ["crashed", "passed", "passed"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("def rendr(case): ...", "AttributeError: module 'port' has no attribute 'render'. Did you mean: 'rendr'?"),
    ],
)
def test_a_module_that_can_not_be_imported_is_a_target_that_is_down(workspace: Workspace, body: str, says: str) -> None:
    python(workspace, body)
    workspace.pair("a", "x", "x")
    ran = workspace.run("check")
    assert ran.code == 5
    assert says in ran.out
    assert "importlib" not in ran.out


def test_what_a_module_prints_does_not_reach_the_protocol(workspace: Workspace) -> None:
    body = """
        import os, subprocess
        print("while it is imported", flush=True)
        os.write(1, b"past Python's buffers\\n")
        def render(case):
            print("while it renders", flush=True)
            subprocess.run(["echo", "a child"], check=True)
            return case.input
    """
    python(workspace, body)
    workspace.pair("a", "x", "x")
    assert workspace.run("check").first.startswith("PASS 1/1 pass ")


def test_modules_are_looked_for_in_the_folders_of_path(workspace: Workspace) -> None:
    python(
        workspace, "import helper\ndef render(case): return helper.NAME", 'path = ["src", "vendor"]', module="src.port"
    )
    workspace.write("vendor/helper.py", "NAME = 'vendored'")
    workspace.config('protocol = "python"\ncallable = "port:render"\npath = ["src", "vendor"]')
    workspace.pair("a", "x", "vendored")
    assert workspace.run("check").code == 0


def test_a_package_gives_its_version(workspace: Workspace) -> None:
    python(workspace, "def render(case): return case.input", module="mylib.api")
    workspace.write("mylib/__init__.py", "__version__ = '4.5'")
    workspace.pair("a", "x", "x")
    assert workspace.export()[1]["run"]["worker"] == "mylib.api:render 4.5"


def test_only_the_declared_settings_reach_the_callable(workspace: Workspace) -> None:
    python(workspace, "def render(case): return repr(case.settings)", 'settings = ["trim"]')
    workspace.pair("a", "x", "x")
    assert workspace.run("try", "x", "--settings", '{"trim": true}').out == "--- port: output\n{'trim': True}\n"
    assert "UnknownSetting" in workspace.run("try", "x", "--settings", '{"strip": true}').out


def test_another_interpreter_may_be_named(workspace: Workspace) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", workspace.folder / "other"], check=True)
    python(workspace, "import sys\ndef render(case): return sys.prefix", 'python = "other/bin/python"')
    workspace.pair("a", "x", str(workspace.folder / "other"))
    assert workspace.run("check").code == 0


# --- jsonl ---------------------------------------------------------------------------------------------------------


def test_a_worker_named_as_if_it_were_started_in_the_workspace_is_told_how_to_name_it(workspace: Workspace) -> None:
    workspace.write("worker.py", "")
    workspace.config('command = ["python3", "worker.py"]')
    workspace.pair("a", "x", "x")
    ran = workspace.run("check")
    assert ran.code == 2
    assert ran.err.endswith("a worker starts in an empty folder; write '{workspace}/worker.py'\n")


# --- what a worker finds around it ---------------------------------------------------------------------------------


def dumping(workspace: Workspace, way: str) -> None:
    """Make a target that gives back all that it was given."""
    match way:
        case "command":
            body = DUMP + "print(dump(sys.stdin.read()))"
            command(workspace, body, "{name}", "{input_file}", "{params_file}", suite='shared = ["refs/*"]')
        case "python":
            python(
                workspace,
                DUMP + "def render(case): return dump([case.input, case.name, dict(case.files)])",
            )
        case _:
            body = """
                seen = []
                print('{"ready": 1, "name": "port", "version": "1"}', flush=True)
                for line in sys.stdin:
                    seen.append(line)
                    request = json.loads(line)
                    if "id" in request:
                        print(json.dumps({"id": request["id"], "output": dump(seen)}), flush=True)
            """
            workspace.config(
                workspace.program(DUMP + dedent(body)),
                suite='shared = ["refs/*"]',
            )
    workspace.write("refs/a.txt", "shared")


@pytest.mark.parametrize("way", ["jsonl", "command", "python"])
def test_no_byte_of_a_reference_reaches_a_worker(workspace: Workspace, way: str) -> None:
    dumping(workspace, way)
    workspace.pair("a", "the input", "SECRET-a-8f2c")
    workspace.pair("b", "the input", "SECRET-b-8f2c")
    ran, export = workspace.export()
    assert ran.code in (1, 4)
    for one in export["results"]:
        assert "the input" in one["reply"]["output"]
        assert "SECRET" not in json.dumps(one["reply"])


@pytest.mark.parametrize("way", ["jsonl", "command", "python"])
def test_a_worker_starts_in_an_empty_folder_with_few_variables(workspace: Workspace, way: str) -> None:
    dumping(workspace, way)
    seen = told(workspace)
    fixed = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
    assert {name: seen["env"].get(name) for name in fixed} == fixed
    others = {
        "PATH",
        "LD_LIBRARY_PATH",
        "HOME",
        "TMPDIR",
        "HARNESS_PROCESS",
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "LC_CTYPE",
        "PWD",
    }
    assert set(seen["env"]) <= {*fixed, *others}
    assert str(workspace.folder) not in seen["env"]["HOME"]
    laid = {"command": {"a.txt": "shared", "input/a.in": "given", "params.json": "{}"}}
    assert seen["files"] == laid.get(way, {})


def test_a_variable_passes_only_when_the_config_says_so(workspace: Workspace) -> None:
    command(
        workspace,
        DUMP + "print(dump(''))",
        more='pass_env = ["LET_IN"]\nenv = { OWN = "{workspace}/x" }',
    )
    workspace.pair("a", "given", "never this")
    workspace.run("check", env={"LET_IN": "yes", "KEPT_OUT": "no", "TZ": "Asia/Tokyo"})
    path = workspace.folder / "export.json"
    workspace.run("check", "--json", str(path), env={"LET_IN": "yes", "KEPT_OUT": "no", "TZ": "Asia/Tokyo"})
    env = json.loads(only(json.loads(path.read_text()))["reply"]["output"])["env"]
    assert (env["LET_IN"], env["OWN"], env["TZ"]) == ("yes", f"{workspace.folder}/x", "UTC")
    assert "KEPT_OUT" not in env


# --- anybody's own -------------------------------------------------------------------------------------------------

OWN_TARGET = '''
"""A target that shouts: it runs nothing but `cat`, and turns the case round on the way in."""
from harness.model import Answered, Launch, Outputs

OPTIONS = {"loud": {"type": "boolean"}}

class Talk:
    def __init__(self, environment, loud):
        self.launch = Launch(("cat",), environment)
        self.loud, self.said = loud, b""

    def greeting(self):
        return b""

    def request(self, job):
        return job.case.input.encode()[::-1]

    def receive(self, data):
        self.said += data
        return []

    def finish(self, end):
        said = self.said.decode()
        return [Answered(Outputs({"output": said.upper() if self.loud else said}))]

class Target:
    pipelined = False

    def __init__(self, environment, loud):
        self.environment, self.loud = environment, loud

    def converse(self, job):
        return Talk(self.environment, self.loud)

def make(options, folder, environment):
    return Target(environment, options.get("loud", False))

class named:
    """The same under a name inside of the module."""
    OPTIONS = OPTIONS
    make = staticmethod(make)
'''
OWN_READER = """
from harness.errors import Place
from harness.model import Case, Reference

OPTIONS = {"file": {"type": "string"}}
REQUIRED = ("file",)

def canonical(text):
    return text.strip()

def read(suite, root, options, *others):
    for number, line in enumerate((root / options["file"]).read_text().splitlines(), 1):
        name, given, want = line.split("|")
        place = Place(str(root / options["file"]), number)
        yield Case(suite, name, given, (Reference("output", (want,), place),), place)
"""
OWN_MATCHER = """
from harness.model import Match, Mismatch, Strength

OPTIONS = {"letters": {"type": "integer"}}

class FirstLetters:
    allowed = Strength.SIMILAR
    wants = "output"
    loosenings = ()

    def __init__(self, letters):
        self.letters = letters

    def match(self, reference, got, canonical):
        alike = got[: self.letters] == reference[: self.letters]
        return Match(Strength.SIMILAR) if alike else Mismatch("begins differently")

def make(options):
    return FirstLetters(options["letters"])
"""


def own(
    workspace: Workspace, folder: Path, protocol: str, *, target: str = "loud = true", matcher: str = "letters = 3"
) -> None:
    for name, body in {"target": OWN_TARGET, "reader": OWN_READER, "matcher": OWN_MATCHER}.items():
        (folder / "mine").mkdir(parents=True, exist_ok=True)
        (folder / "mine" / f"{name}.py").write_text(body)
    workspace.write("table.txt", "one|cba|ABCDEF\ntwo|fedcba|ABCdef\nthree|x|ABC\n")
    workspace.write(
        "harness.toml",
        f"""
        format = 1
        [target.port]
        protocol = "{protocol}"
        {target}
        [[suite]]
        name = "pairs"
        reader = "mine.reader:"
        file = "table.txt"
        [[suite.rule]]
        matcher = "mine.matcher:"
        {matcher}
        """,
    )


@pytest.mark.parametrize("protocol", ["mine.target:", "mine.target", "mine.target:named"])
def test_a_target_a_reader_and_a_matcher_of_ones_own_come_from_pythonpath(
    workspace: Workspace, tmp_path: Path, protocol: str
) -> None:
    folder = tmp_path / "elsewhere"
    own(workspace, folder, protocol)
    path = workspace.folder / "export.json"
    ran = workspace.run("check", "--json", str(path), env={"PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])})
    assert ran.code == 1, ran.err
    found = {one["id"]: (one["outcome"], one["achieved"]) for one in json.loads(path.read_text())["results"]}
    assert found == {
        "pairs/one": ("passed", "similar"),
        "pairs/two": ("passed", "similar"),
        "pairs/three": ("failed", None),
    }


def test_they_may_lie_in_the_workspace_too(workspace: Workspace) -> None:
    own(workspace, workspace.folder, "mine.target")
    assert workspace.run("check").first.startswith("FAIL 2/3 pass")


def test_their_options_are_checked_like_ours(workspace: Workspace) -> None:
    own(workspace, workspace.folder, "mine.target", target='lowd = "very"', matcher='letters = "three"')
    ran = workspace.run("check")
    assert ran.code == 2
    assert "target.port has no key 'lowd'; did you mean 'loud'?" in ran.err
    assert "suite.rule.letters: 'three' is not" in ran.err


@pytest.mark.parametrize(
    ("protocol", "says"),
    [
        ("comand", "no protocol named 'comand'; did you mean 'command'?"),
        ("no.such.module", "protocol 'no.such.module' can not be imported (No module named 'no')"),
        ("mine.target:missing", "protocol 'mine.target:missing' can not be imported"),
        ("mine.reader:", "protocol 'mine.reader:' has no `make`"),
        ("os.path", "protocol 'os.path' has no `OPTIONS`"),
    ],
)
def test_a_protocol_that_is_none_is_told_with_its_line(workspace: Workspace, protocol: str, says: str) -> None:
    own(workspace, workspace.folder, protocol)
    ran = workspace.run("check")
    assert ran.code == 2
    assert "harness.toml:4: " + says in ran.err


def test_a_program_of_the_workspace_without_a_slash_is_told_how_to_be_written(workspace: Workspace) -> None:
    workspace.pair("a", "a", "a")
    workspace.write("my-worker", "#!/bin/sh\ncat\n").chmod(0o755)
    workspace.config('command = ["my-worker"]')
    ran = workspace.run("check")
    assert (ran.code, ran.out) == (2, "")
    assert "'my-worker' is a file of the workspace, and not on PATH; write './my-worker'" in ran.err
