"""What `harness.toml` may say, and how it is told what it may not: every fault at once, with its line."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from harness import config
from harness.errors import InputError, UsageError
from harness.matchers import error
from harness.matchers import text as text_
from harness.model import Limits
from harness.readers import insta, pairs
from harness.session import open_workspace

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Workspace

TARGET = """
[target.port]
command = ["cat"]
"""
SUITE = """
[[suite]]
name = "pairs"
reader = "pairs"
inputs = "*.in"
outputs = "{stem}.out"
"""
MINIMAL = f"format = 1\n{TARGET}{SUITE}"


def faults(folder: Path, text: str) -> list[str]:
    """Open a workspace with this config; what is wrong with it, as `line: sentence`."""
    (folder / "harness.toml").write_text(text, encoding="utf-8", newline="")
    try:
        open_workspace(folder)
    except InputError as problem:
        return [f"{fault.place.line}: {fault.says}" for fault in problem.faults]
    return []


def fault(folder: Path, text: str) -> str:
    (only,) = faults(folder, text)
    return only


def line_of(text: str, part: str) -> int:
    (line,) = [number for number, one in enumerate(text.split("\n"), 1) if part in one]
    return line


def test_the_smallest_config_has_these_defaults(tmp_path: Path) -> None:
    assert faults(tmp_path, MINIMAL) == []
    loaded = config.load(tmp_path / "harness.toml")
    (target,), (suite,) = loaded.targets, loaded.suites
    assert loaded.root == tmp_path
    assert loaded.stages == ()
    assert (target.protocol, target.workers, target.suites) == ("jsonl", os.cpu_count(), None)
    assert (target.default, target.oracle, target.build, target.check) == (False, False, (), ())
    assert (suite.stage, suite.limits, suite.rules) == ("pairs", Limits(10.0, 16 * 1024 * 1024), ())
    assert loaded.target(None) is target


MANY = """\
format = 1
stages = ["lexer", "runtime", "ghost"]
tint = "red"                                # 3

[source]
root = "nowhere"                            # 6
revv = "1"                                  # 7

[limits]
timeout = nan                               # 10

[target.go]
protocol = "jsonll"                         # 13
workers = "4"                               # 14
suites = ["lexr"]                           # 15

[target."two words"]                        # 17
command = ["x"]

[target.empty]                              # 20

[target.cmd]
protocol = "command"
command = "sort"                            # 24

[[suite]]
name = "lexer"
reader = "insta_snp"                        # 28
stage = "lexr"                              # 29

[[suite]]                                   # 31
name = "lexer"                              # 32
reader = "pairs"
inputs = "a/*"
timeout = "5"                               # 35
outputz = "x"                               # 36
[[suite.rule]]
matcher = "txt"                             # 38
[[suite.rule]]
matcher = "text"
pattern = "x"                               # 41
normalize = [
    "trailing-newline",                     # 43
    { name = "x", replace = "(" },          # 44
    5,                                      # 45
]
[[suite.rule]]
reference = "("                             # 48
matcher = "error"
pattern = "(?P<kind>x)"
fields = { kind = "exat", line = { similar = 2, fuzzy = true } } # 51
[[suite.rule]]                              # 52
cases = []                                  # 53

[[suite]]                                   # 55
reader = "insta"
snapshots = "x"                             # 57
[suite.header]                              # 58
format = "toml"                             # 59
"""


def test_every_fault_is_told_at_once_and_each_with_its_line(tmp_path: Path) -> None:
    found = faults(tmp_path, MANY)
    expected = [
        r"3: the file has no key 'tint'; known here: format, holdout, limits, loop, protect, source, stages, .*target",
        r"6: \[source\] root: there is no folder .*nowhere; correct it",
        r"7: source has no key 'revv'; did you mean 'rev'\?",
        r"10: limits.timeout: nan is not a number; correct it",
        r"13: no protocol named 'jsonll'; did you mean 'jsonl'\?",
        r"14: target.go.workers: '4' is not an integer; correct it",
        r"15: target 'go': no suite named 'lexr'; did you mean 'lexer'\?",
        r"17: target: 'two words' is not a name \(.*\); correct it",
        r"20: several targets and none is the default; add `default = true` to one",
        r"20: target.empty needs 'command'; add it",
        r"24: target.cmd.command: 'sort' is not a list; correct it",
        r"28: no reader named 'insta_snp'; did you mean 'insta'\?",
        r"29: suite 'lexer': no stage named 'lexr'; did you mean 'lexer'\?",
        r"32: a second suite named 'lexer' \(the first is in line 27\); rename one of them",
        r"35: suite.timeout: '5' is not a number; correct it",
        r"36: suite has no key 'outputz'; did you mean 'outputs'\?",
        r"38: no matcher named 'txt'; did you mean 'text'\?",
        r"41: suite.rule has no key 'pattern'; known here: cases, matcher, normalize, output, reference",
        r"43: suite.rule.normalize: 'trailing-newline' is none of .*; did you mean 'trailing-newlines'\?",
        r"44: suite.rule.normalize.replace: '\(' is no regex \(missing \).*\); correct it",
        r"45: suite.rule.normalize: 5 is not a string or a table; correct it",
        r"48: suite.rule.reference: '\(' is no regex \(missing \).*\); correct it",
        r"51: suite.rule.fields.kind: 'exat' is none of 'exact', 'ignored'; did you mean 'exact'\?",
        r"51: suite.rule.fields.line.similar: 2 is greater than the maximum of 1; correct it",
        r"51: suite.rule.fields.line has no key 'fuzzy'; known here: map, quoted, similar",
        r"52: suite.rule needs 'matcher'; add it",
        r"53: suite.rule.cases: \[\] should be non-empty; correct it",
        r"55: suite needs 'name'; add it",
        r"57: suite.snapshots: 'x' is not a path with one {name} in it, and no wildcard; correct it",
        r"59: suite.header.format: 'toml' is none of 'json', 'yaml'; take one of them",
    ]
    unmet = [one for one in expected if not any(re.fullmatch(one, said) for said in found)]
    assert unmet == []
    assert len(found) == len(expected)
    lines = [int(said.partition(":")[0]) for said in found]
    assert lines == sorted(lines)


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ('protocol = "command"\ncommand = [\n"cat",\n"{inptu_file}"]', "5: port.command: no placeholder {inptu_file}"),
        ('protocol = "command"\ncommand = ["cat", "{Input}"]', "3: port.command: no placeholder {Input}"),
        ('command = ["python3", "--from={workspce}/w.py"]', "2: port.command: no placeholder {workspce}"),
        ('command = ["cat"]\nbuild = [["make"], ["make", "-C", "{workpsace}"]]', "3: port.build: no placeholder"),
        ('command = ["cat"]\n[target.port.env]\nP = "{work_space}"', "4: port.env: no placeholder {work_space}"),
    ],
)
def test_a_placeholder_that_is_typed_wrong_is_refused_with_the_one_that_was_meant(
    tmp_path: Path, target: str, says: str
) -> None:
    told = fault(tmp_path, f"format = 1\n[target.port]\n{target}\n{SUITE}")
    line, _, rest = says.partition(": ")
    assert told.startswith(f"{int(line) + 1}: {rest}")
    assert re.search(r"did you mean \{(workspace|input|input_file)\}\?$", told)


def test_braces_that_are_the_programs_own_stay(tmp_path: Path) -> None:
    words = ["awk", "{print} {file} {} {output}", 'sh -c "${names} ${Workspace}"', "{input_file}", "{workspace}"]
    assert faults(tmp_path, MINIMAL.replace('["cat"]', json.dumps(words) + '\nprotocol = "command"')) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("reader =", "raeder =", "6: suite needs 'reader'; rename 'raeder'"),
        ("[[suite]]", "[suite]", "6: suite is a list of tables; write [[suite]]"),
        (
            '["cat"]',
            '["cat"]\nprotocol = "command"\noutputs = { output = "stdot" }',
            "6: target.port.outputs.output: 'stdot' is not stdout, stderr, exit or file:PATH; correct it",
        ),
        (
            'command = ["cat"]',
            'protocol = "python"\ncallable = "port.render"',
            "5: target.port.callable: 'port.render' is not package.module:function; correct it",
        ),
    ],
)
def test_what_beginners_write_is_answered_with_what_to_write(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert fault(tmp_path, MINIMAL.replace(old, new)) == says


def test_the_command_line_prints_the_faults_and_exits_with_2(workspace: Workspace) -> None:
    workspace.write("harness.toml", MINIMAL.replace("reader", "readr"))
    ran = workspace.run("check")
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err == "ERROR harness.toml:6: suite needs 'reader'; rename 'readr'\n"
    assert not (workspace.folder / ".harness").exists()


def test_a_newer_format_is_refused_with_a_sentence(tmp_path: Path) -> None:
    text = MINIMAL.replace("format = 1", "# new\nformat = 2") + "unheard_of = true\n"
    assert fault(tmp_path, text) == "2: format 2 is newer than this harness knows (1); upgrade port-harness"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("0", "1: format must be 1, not 0; correct it"),
        ('"1"', "1: format must be 1, not '1'; correct it"),
        ("true", "1: format must be 1, not True; correct it"),
    ],
)
def test_a_format_that_never_was_is_refused(tmp_path: Path, value: str, says: str) -> None:
    assert fault(tmp_path, MINIMAL.replace("format = 1", f"format = {value}")) == says


def test_a_file_without_a_format_is_refused(tmp_path: Path) -> None:
    assert fault(tmp_path, MINIMAL.replace("format = 1", "")) == "None: the file needs 'format'; add `format = 1`"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("format = 1\nstages = [\n", r"3: not valid TOML: .*; correct it"),
        ("format = 1\nformat = 1\n", r"2: not valid TOML: .*; correct it"),
        ("format = 1\n\n[target\n", r"3: not valid TOML: .*; correct it"),
        ("x = " + "[" * 5000, r"1: not valid TOML: .*; correct it"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    assert re.fullmatch(says, fault(tmp_path, text))


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "harness.toml"
    path.write_bytes(b"format = 1\n# caf\xe9\n")
    with pytest.raises(InputError, match=r"harness.toml:2: is not UTF-8 .*; save it as UTF-8"):
        open_workspace(tmp_path)


def test_crlf_and_a_byte_order_mark_change_nothing_not_even_the_lines(tmp_path: Path) -> None:
    windows = "\ufeff" + MINIMAL.replace("\n", "\r\n")
    assert faults(tmp_path, windows) == []
    broken = windows.replace('"pairs"\r\ninputs', '"pears"\r\ninputs')
    line = line_of(MINIMAL, "reader")
    assert fault(tmp_path, broken) == f"{line}: no reader named 'pears'; did you mean 'pairs'?"


def test_a_missing_key_is_told_at_the_header_of_its_own_table(tmp_path: Path) -> None:
    text = MINIMAL + '\n[[suite]]\n# a remark\nname = "two"\n'
    assert fault(tmp_path, text) == f"{len(MINIMAL.splitlines()) + 2}: suite needs 'reader'; add it"


def test_a_config_without_targets_or_suites_is_refused(tmp_path: Path) -> None:
    assert fault(tmp_path, "format = 1\n") == "None: the file needs 'target' and 'suite'; add it"


def test_a_table_of_the_users_own_may_be_called_like_the_parsers_wrappers(tmp_path: Path) -> None:
    text = f'format = 1\n[target.value]\ncommand = ["x"]\nworkers = 0\n{SUITE}'
    assert fault(tmp_path, text) == "4: target.value.workers: 0 is less than the minimum of 1; correct it"


def test_an_option_of_another_reader_is_refused(tmp_path: Path) -> None:
    text = MINIMAL + 'snapshots = "{name}.snap"\n'
    line = line_of(text, "snapshots")
    assert fault(tmp_path, text).startswith(
        f"{line}: suite has no key 'snapshots'; known here: archive, error, files, inputs, "
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            'matcher = "error"\npattern = "(?P<kind>x)"\nfields = { line = "exact" }',
            "matcher 'error': `pattern` has no group named line; write (?P<line>...)",
        ),
        (
            'matcher = "error"\npattern = "(?P<kind>x)"\nfields = { }',
            "matcher 'error': `fields` does not say how to compare kind; write kind = \"exact\"",
        ),
        (
            'matcher = "text"\nnormalize = ["ansi", "ansi"]',
            "matcher 'text': two normalisations are named 'ansi'; rename or remove one",
        ),
        (
            'matcher = "text"\nnormalize = [{ name = "x", replace = "(a)", with = "\\\\2" }]',
            "matcher 'text': `with` = '\\\\2' can not be read (invalid group reference 2 at position 1); correct it",
        ),
        (
            'matcher = "text"\nnormalize = [{ name = "x", replace = "a", with = "\\\\g<b>" }]',
            "matcher 'text': `with` = '\\\\g<b>' can not be read (unknown group name 'b'); correct it",
        ),
        (
            'matcher = "no.such.module"',
            ("matcher 'no.such.module' can not be imported (No module named 'no'); correct the module or the name"),
        ),
    ],
)
def test_a_matcher_that_can_not_be_made_is_told(tmp_path: Path, rule: str, says: str) -> None:
    text = f"{MINIMAL}\n[[suite.rule]]\n{rule}\n"
    line = line_of(text, "[[suite.rule]]") + ("can not be imported" in says)
    assert fault(tmp_path, text) == f"{line}: {says}"


# --- names that must meet ------------------------------------------------------------------------------------------


def test_a_stage_without_a_suite_is_refused(tmp_path: Path) -> None:
    text = MINIMAL.replace("format = 1", 'format = 1\nstages = ["pairs", "later"]')
    assert fault(tmp_path, text) == "2: stage 'later' has no suite; give a suite `stage = \"later\"`, or drop it"


def test_a_suite_without_a_stage_of_its_own_belongs_to_the_stage_of_its_name_or_to_the_last(tmp_path: Path) -> None:
    other = SUITE.replace('name = "pairs"', 'name = "other"')
    text = f'format = 1\nstages = ["pairs", "last"]\n{TARGET}{SUITE}{other}'
    assert faults(tmp_path, text) == []
    assert [suite.stage for suite in config.load(tmp_path / "harness.toml").suites] == ["pairs", "last"]


def test_two_default_targets_are_refused(tmp_path: Path) -> None:
    text = MINIMAL.replace('command = ["cat"]', 'command = ["cat"]\ndefault = true')
    text += '[target.two]\ncommand = ["cat"]\ndefault = true\n'
    line = len(text.splitlines())
    assert fault(tmp_path, text) == f"{line}: a second default target beside 'port'; keep one"


def test_a_target_or_suite_or_stage_that_is_typed_wrong_gets_the_nearest_one(workspace: Workspace) -> None:
    workspace.write("harness.toml", MINIMAL)
    for words, says in [
        (("--target", "prt"), "no target named 'prt'; did you mean 'port'? (targets: port)"),
        (("--suite", "pair"), "no suite named 'pair'; did you mean 'pairs'? (suites: pairs)"),
        (("--stage", "pears"), "no stage named 'pears'; did you mean 'pairs'? (stages: pairs)"),
    ]:
        ran = workspace.run("check", *words)
        assert (ran.code, ran.err) == (2, f"ERROR {says}\n")


# --- where things lie ----------------------------------------------------------------------------------------------


def test_a_config_is_found_upwards_and_its_paths_are_relative_to_it(workspace: Workspace) -> None:
    workspace.write("tests/a.in", "x")
    workspace.write("tests/a.out", "x")
    text = MINIMAL.replace("[target", '[source]\nroot = "tests"\n[target')
    workspace.write("harness.toml", text)
    below = workspace.folder / "deep" / "down"
    below.mkdir(parents=True)
    assert config.locate(below) == workspace.folder / "harness.toml"
    assert open_workspace(below).config.root == workspace.folder / "tests"


def test_no_config_anywhere_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no harness.toml in .* or above it; go to a workspace, or name one with -C DIR"
    ):
        config.locate(tmp_path)


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = MINIMAL.replace("[target", '[source]\nroot = "file"\n[target')
    line = line_of(text, "root")
    assert fault(tmp_path, text) == f"{line}: [source] root: there is no folder {tmp_path / 'file'}; correct it"


def test_a_root_whose_name_is_not_utf8_is_refused_before_it_reaches_the_store(workspace: Workspace) -> None:
    folder = os.fsencode(workspace.folder) + b"/caf\xe9"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes no name that is not UTF-8")
    with open(folder + b"/harness.toml", "w", encoding="utf-8") as file:
        file.write(MINIMAL)
    ran = workspace.run("-C", os.fsdecode(folder), "check")
    assert ran.code == 2
    assert "has a name that is not UTF-8" in ran.err
    assert ran.err.rstrip().endswith("rename it")


# --- the environment -----------------------------------------------------------------------------------------------


def test_variables_are_expanded_in_the_root_and_in_env_and_nowhere_else(workspace: Workspace) -> None:
    workspace.write("data/a.in", "$HOME ${SUB} input")
    workspace.write("data/a.out", "data fallback $SUB ${SUB}")
    body = """
    import os, sys
    def render(case): return f"{os.environ['SET']} {os.environ['UNSET']} {os.environ['PLAIN']} {sys.argv[1]}"
    """
    target = workspace.worker(body).replace('.py"]', '.py", "${SUB}"]')
    target = target.replace("env = {", "env = { SET = '${SUB}', UNSET = '${EMPTY:-fallback}', PLAIN = '$SUB',")
    text = f'format = 1\n[source]\nroot = "${{SUB}}"\nrev = "${{SUB}}"\n[target.port]\n{target}\n{SUITE}'
    workspace.write("harness.toml", text)
    ran = workspace.run("check", env={"SUB": "data", "EMPTY": ""})
    assert ran.first.startswith("PASS 1/1"), ran
    assert config.load(workspace.folder / "harness.toml").rev == "${SUB}"


def test_a_variable_that_is_not_set_is_told_once(tmp_path: Path) -> None:
    text = MINIMAL.replace("[target", '[source]\nroot = "${NO_SUCH_VARIABLE}/x"\n[target')
    says = "the environment has no NO_SUCH_VARIABLE; set it, or write ${NO_SUCH_VARIABLE:-default}"
    assert fault(tmp_path, text) == f"{line_of(text, 'root')}: {says}"


def test_the_default_of_a_variable_may_be_empty_and_may_hold_a_path(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    text = MINIMAL.replace("[target", '[source]\nroot = "${NO_SUCH_VARIABLE:-./a}${NO_SUCH_VARIABLE:-}"\n[target')
    assert faults(tmp_path, text) == []
    assert config.load(tmp_path / "harness.toml").root == tmp_path / "a"


# --- the pages -----------------------------------------------------------------------------------------------------


def keys(schema: object) -> set[str]:
    """Every key that a schema knows, at any depth."""
    if isinstance(schema, list):
        return {key for one in schema for key in keys(one)}
    if not isinstance(schema, dict):
        return set()
    own = {key for key in schema.get("properties", {}) if key != "glob"}
    return own | {key for one in schema.values() for key in keys(one)}


def test_every_key_has_its_place_on_its_page() -> None:
    schemas = ROOT / "harness" / "schemas"
    pages = {
        "config": keys(json.loads((schemas / "config.json").read_text())),
        "skiplist": keys(json.loads((schemas / "skiplist.json").read_text())),
        "readers": keys({"properties": insta.OPTIONS}) | keys({"properties": pairs.OPTIONS}),
        "matchers": keys({"properties": error.OPTIONS}) | keys({"properties": text_.OPTIONS}),
    }
    for page, known in pages.items():
        written = (ROOT / "docs" / "reference" / f"{page}.md").read_text(encoding="utf-8")
        assert known, page
        assert [key for key in sorted(known) if not re.search(rf"`{key}`|[\[.]{key}[\].]|{{ {key} =", written)] == [], (
            page
        )


def test_every_normalisation_has_its_place_on_its_page() -> None:
    written = (ROOT / "docs" / "reference" / "matchers.md").read_text(encoding="utf-8")
    names: list[str] = text_.OPTIONS["normalize"]["items"]["anyOf"][0]["enum"]
    assert [name for name in names if f"| `{name}` |" not in written] == []
