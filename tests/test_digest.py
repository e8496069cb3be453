"""The digest: which failures are one cause, what is told of each, and what fits a budget."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.digest.cluster import clusters
from harness.digest.diff import first_hunk, hunks, sides
from harness.digest.factor import common, spectrum
from harness.digest.frames import innermost
from harness.digest.symptom import difference, holes
from harness.digest.text import render
from harness.digest.told import compose
from harness.digest.tree import parts, read
from harness.records import Delta, Given, StoredResult, StoredRun, Typed
from harness.tokens import estimate

from .conftest import ROOT, Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# --- where the port broke ------------------------------------------------------------------------------------------

PYTHON = """Traceback (most recent call last):
  File "/home/me/port/worker.py", line 12, in main
    render(case)
  File "/home/me/port/filters.py", line 40, in groupby
    return sorted(items)
  File "/usr/lib/python3.11/functools.py", line 9, in wrapper
    raise KeyError(name)
KeyError: 'name'
"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
runtime.gopanic({0x1, 0x2})
\t/usr/local/go/src/runtime/panic.go:770 +0x132
example.com/port/vm.(*Machine).step(0xc000010000, 0x1)
\t/home/me/port/vm/machine.go:88 +0x1d
main.main()
\t/home/me/port/main.go:10 +0x1d
exit status 2
"""
RUST = """thread 'main' panicked at src/parser.rs:120:9:
index out of bounds
stack backtrace:
   0: rust_begin_unwind
             at /rustc/9fc6b43/library/std/src/panicking.rs:665:5
   1: core::panicking::panic_fmt
             at /rustc/9fc6b43/library/core/src/panicking.rs:74:14
   2: port::parser::parse_block::h0123456789abcdef
             at ./src/parser.rs:120:9
   3: port::main
             at ./src/main.rs:4:5
"""
NODE = """/home/me/port/vm.mjs:33
    throw new Error('no slot')
    ^

Error: no slot
    at Object.checked (node:internal/util:12:3)
    at Machine.pop (file:///home/me/port/vm.mjs:33:11)
    at render (file:///home/me/port/index.mjs:8:3)
"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: no slot
\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)
\tat org.example.port.Machine.pop(Machine.java:57)
\tat org.example.port.Main.main(Main.java:9)
"""
STACKS = {
    "Python": (PYTHON, "groupby"),
    "Go": (GO, "example.com/port/vm.(*Machine).step"),
    "Rust": (RUST, "port::parser::parse_block"),
    "Node": (NODE, "Machine.pop"),
    "Java": (JAVA, "org.example.port.Machine.pop"),
}


@pytest.mark.parametrize("language", STACKS)
def test_a_stack_on_stderr_names_the_innermost_function_of_the_port(language: str) -> None:
    said, function = STACKS[language]
    assert innermost((), "warming up\n" + said) == function


@pytest.mark.parametrize("language", STACKS)
def test_a_function_is_the_same_wherever_its_code_has_moved_to(language: str) -> None:
    said, function = STACKS[language]
    moved = re.sub(r"(?<=:)\d+\b|(?<=line )\d+", "7", said).replace("/home/me/", "/srv/ci/build/")
    assert innermost((), moved) == function


def test_frames_that_a_reply_tells_count_before_stderr_and_lose_their_place() -> None:
    assert innermost(("vm.(*Machine).step (machine.go:88)", "main.main (main.go:1)"), PYTHON) == "vm.(*Machine).step"
    assert innermost((), "just a line\nand another: 3\n") == ""


# --- what differs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("want", "got", "sort"),
    [
        ("a b\n", "a  b\n", "output differs: white space"),
        ("<a>", "&lt;a&gt;", "output differs: escaped"),
        ("&lt;a&gt;", "<a>", "output differs: not escaped"),
        ("it&#x27;s", "it&#39;s", "output differs: escaped otherwise"),
        ("Title Case", "TITLE CASE", "output differs: letter case, upper for title"),
        ("a, b, c", "c, b, a", "output differs: order"),
        ("['a']", '["a"]', "output differs: quotes"),
        ("42", "43", "output differs"),
    ],
)
def test_a_difference_is_named(want: str, got: str, sort: str) -> None:
    assert difference(want, got)[0] == sort


def test_alike_differences_in_other_surroundings_are_one() -> None:
    assert difference("x = None\n", "x = null\n") == difference("a\nthe value None!\n", "a\nthe value null!\n")
    assert difference("None", "null") != difference("None", "nil")


def test_names_numbers_paths_and_addresses_are_holes() -> None:
    one = "no 'a\\'b' at /home/me/x.go:12 (0xc0001234), it took 3.5 s"
    other = 'no "c" at /srv/ci/y/z.go:7 (0xdeadbeef), it took 120 s'
    assert holes(one) == holes(other)
    assert holes("no filter a") != holes("no filter b")


TREES = {
    "json": ('{"body": [1, 2, {"value": 42}]}', '{"body": [1, 2, {"value": "42"}]}', ("body[2].value", "42", '"42"')),
    "python": ("{'a': Point(x=1, y=[None])}", "{'a': Point(x=1, y=[True])}", ("a.y[0]", "None", "True")),
    "rust": (
        "Error {\n    kind: BadInclude,\n    at: Some(\n        Span { line: 1 },\n    ),\n}\n",
        "Error {\n    kind: BadInclude,\n    at: Some(\n        Span { line: 2 },\n    ),\n}\n",
        ("at[0].line", "1", "2"),
    ),
    "missing": ('{"a": 1, "b": [1, 2]}', '{"a": 1}', ("b", "[2 items]", None)),
}


@pytest.mark.parametrize("kind", TREES)
def test_trees_are_compared_by_path(kind: str) -> None:
    want, got, (path, wanted, found) = TREES[kind]
    one, other = read(want), read(got)
    assert one is not None
    assert other is not None
    (part,) = parts(one, other)
    assert (part.path, part.want, part.got) == (path, wanted, found)


@pytest.mark.parametrize(
    "text", ["", "word", "[1, 2", "[1 2] 3", "{a: b: c}", "[" * 5000, "<p>[1]</p>", '["\\"', "{1}}"]
)
def test_what_spells_no_tree_is_none(text: str) -> None:
    assert read(text) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_any_json_equals_itself_as_a_tree(value: Any) -> None:  # noqa: ANN401 - JSON
    tree = read(json.dumps([value]))
    assert tree is not None
    assert list(parts(tree, tree)) == []


def test_replaced_lines_are_a_block_of_old_and_a_block_of_new() -> None:
    assert hunks("a\nb\nc\nd\n", "a\nx\ny\nd\n", 1) == ["@@ line 1", " a", "-b", "-c", "+x", "+y", " d"]


def test_a_caret_shows_a_small_difference_in_a_long_line() -> None:
    line = "the quick brown fox jumps over {} lazy dog"
    lines = sides((line.format("the"),), (line.format("thy"),), 4, 160)
    assert [text[34] for text in lines] == ["e", "y", "^"]


def test_one_letter_in_two_megabytes_is_found_and_the_line_cut_around_it() -> None:
    want, got = "a" * 500_000 + "X" + "b" * 500_000, "a" * 500_000 + "Y" + "b" * 500_000
    hunk = first_hunk(want, got)
    assert hunk is not None
    lines = sides(hunk.wanted, hunk.found, 4, 160)
    assert ["X" in lines[0], "Y" in lines[1]] == [True, True]
    assert max(map(len, lines)) < 200


def test_a_long_hunk_is_told_by_its_ends() -> None:
    lines = sides(tuple(f"old {n}" for n in range(100)), ("new",), 4, 160)
    assert lines == ["-old 0", "-old 1", "-old 2", "-… 96 lines …", "-old 99", "+new"]


# --- clusters ------------------------------------------------------------------------------------------------------


def result(case: str, text: str, want: str | None = "due", **reply: Any) -> StoredResult:  # noqa: ANN401 - JSON
    """Make a failing result as the store has it."""
    reply = reply or {"output": text.upper()}
    outcome, why = "failed", "output differs"
    if "error" in reply:
        outcome, why = "raised", f"raises {reply['error']['kind']}: {reply['error']['detail']}"
    if "panic" in reply:
        outcome, why = "crashed", f"panic: {reply['panic']['message']}"
    references = [{"name": "output", "contents": [want], "place": "x:1", "rule": "r"}]
    detail = {"input": text, "params": {}, "settings": {}, "references": references}
    return StoredResult(
        run="0000", number=1, id=f"s/{case}", suite="s", stage="s", outcome=outcome, standing="failed", why=why,
        reason=None, achieved=None, allowed=None, plan="", seconds=0.0, alone=False, place="x:1", reply=reply,
        stderr="", detail=detail, content=None, red=1,
    )  # fmt: skip


def passing(*texts: str) -> list[Given]:
    return [Given(f"s/pass {number}", text, {}, {}) for number, text in enumerate(texts)]


def missing(name: str) -> dict[str, Any]:
    return {"error": {"kind": "UnknownFilter", "detail": f"filter {name} is unknown"}}


PLAIN = passing(*(f"{{{{ x{number}|upper }}}} and {number}" for number in range(40)))


def test_a_feature_that_is_missing_in_many_places_is_one_cluster_and_two_are_two() -> None:
    results = [result(f"g{n}", f"{{{{ a{n}|groupby }}}}", **missing("groupby")) for n in range(5)]
    results += [result(f"z{n}", f"{{{{ b{n}|zip }}}}", **missing("zip")) for n in range(3)]
    found = clusters(results, PLAIN)
    assert [len(one.members) for one in found] == [5, 3]
    assert [one.factor.token if one.factor else "" for one in found] == ["|groupby", "|zip"]


def test_symptoms_that_no_error_text_joins_are_joined_by_what_their_inputs_have_in_common() -> None:
    results = [
        result("a", "{{ one|groupby }}", "due 1"),
        result("b", "{% for x in y|groupby %}", "something else"),
        result("c", "{{ 'z'|groupby|length }}", **missing("attribute")),
        result("d", "{{ w|groupby }} ", panic={"message": "no slot", "frames": []}),
    ]
    (found,) = clusters(results, PLAIN)
    assert found.factor is not None
    assert (found.factor.token, found.factor.failing, found.factor.passing) == ("|groupby", 4, 0)
    assert found.title.startswith("mixed: ")


def test_unlike_failures_stay_apart_though_all_of_them_are_differing_outputs() -> None:
    results = [result(f"{n}", "abcdefgh"[n], f"wanted {'abcdefgh'[n] * 3}") for n in range(8)]
    assert len(clusters(results, PLAIN)) == 8


def test_one_message_about_many_names_is_one_cluster() -> None:
    results = [
        result(f"{n}", f'{{% include "{name}.txt" %}}', error={"kind": "NotFound", "detail": f"no '{name}.txt'"})
        for n, name in enumerate(["head", "foot", "menu", "body", "side"])
    ]
    (found,) = clusters(results, PLAIN)
    assert len(found.members) == 5
    assert found.title == "raises NotFound: no _"


def test_what_the_passing_inputs_have_too_is_no_common_factor() -> None:
    failing = [Given(f"s/{n}", f"{{{{ x{n}|upper }}}}", {}, {}) for n in range(5)]
    assert common([one.id for one in failing], spectrum(failing, PLAIN)) is None


def test_two_inputs_that_share_a_rare_word_among_few_passing_ones_prove_nothing() -> None:
    failing = [Given("s/a", "some rare alpha", {}, {}), Given("s/b", "other rare beta", {}, {})]
    assert common(["s/a", "s/b"], spectrum(failing, passing("x", "y", "z"))) is None


@pytest.mark.parametrize(
    ("text", "token"),
    [("trim_blocks = true", "trim_blocks = true"), ("*.html", "*.html"), ("param depth", "param depth")],
)
def test_settings_params_and_the_ending_of_a_name_are_factors_too(text: str, token: str) -> None:
    settings = {"trim_blocks": True} if "trim" in text else {}
    params = {"depth": 1} if "depth" in text else {}
    ending = ".html" if "html" in text else ".txt"
    failing = [Given(f"s/{n}{ending}", "abcdefgh"[n], params, settings) for n in range(6)]
    factor = common([one.id for one in failing], spectrum(failing, [replace(one, id=f"{one.id}.txt") for one in PLAIN]))
    assert factor is not None
    assert factor.token == token


@given(st.permutations(range(12)))
def test_clusters_do_not_depend_on_the_order_in_which_results_come(order: Sequence[int]) -> None:
    results = [result(f"g{n}", f"{{{{ a{n}|groupby }}}}", f"w{n % 3}") for n in range(6)]
    results += [result(f"z{n}", f"{{{{ b{n}|zip }}}}", **missing("zip")) for n in range(6)]
    assert clusters([results[number] for number in order], PLAIN) == clusters(results, PLAIN)


def test_a_cluster_keeps_its_id_when_others_come_and_some_of_it_go() -> None:
    results = [result(f"g{n}", f"{{{{ a{n}|groupby }}}}", **missing("groupby")) for n in range(6)]
    others = [result(f"z{n}", f"{{{{ b{n}|zip }}}}", **missing("zip")) for n in range(4)]
    (alone,) = clusters(results, PLAIN)
    assert alone.id in {one.id for one in clusters(results + others, PLAIN)}
    assert alone.id in {one.id for one in clusters(results[:3], PLAIN)}


def test_a_cluster_keeps_its_id_when_code_moves() -> None:
    def broken(line: int) -> list[StoredResult]:
        frames = [f"pop (vm.py:{line})", f"render (vm.py:{line + 9})"]
        return [result("a", "x", panic={"message": "no slot", "frames": frames})]

    assert clusters(broken(3), PLAIN)[0].id == clusters(broken(300), PLAIN)[0].id


# --- budget --------------------------------------------------------------------------------------------------------

letters = st.characters(codec="utf-8")
texts = st.text(letters, max_size=200)
failing_results = st.lists(
    st.builds(
        lambda case, text, want, how: result(case, text, want, **how),
        st.text(letters, min_size=1, max_size=60),
        texts,
        texts,
        st.one_of(
            texts.map(lambda text: {"output": text}),
            texts.map(lambda text: {"error": {"kind": "K", "detail": text}}),
            texts.map(lambda text: {"panic": {"message": text, "frames": [text[:20]]}}),
        ),
    ),
    max_size=40,
    unique_by=lambda one: one.id,
)


def run_of(failed: int, target: str = "port", notices: tuple[str, ...] = ()) -> StoredRun:
    summary = {
        "standings": {"failed": failed, "passed": 3}, "achieved": {"exact": 3}, "stages": [["s", 3, 3 + failed]],
        "left_out": 0, "cut_short": "", "breaches": [], "target_down": "", "said": [], "checks_failed": [],
        "options": [],
    }  # fmt: skip
    return StoredRun(
        id="7f3a", number=1, started="", seconds=1.0, target=target, state="complete", whole=True, selection="",
        verdicts=("FAIL",), summary=summary, program={}, environment={}, worker="", source="", notices=notices,
        stderr="",
    )  # fmt: skip


def told_of(results: list[StoredResult], budget: int, *, where: str = "", regressed: int = 0) -> str:
    by_id = {one.id: one for one in results}
    ids = sorted(by_id)
    delta = Delta(regressed=tuple(ids[:regressed]), fixed=tuple(f"s/fixed {n}" for n in range(regressed)))
    digest = compose(run_of(len(results)), delta, clusters(results, PLAIN), [], Typed(where=where), by_id.__getitem__)
    return render(digest, budget)


@given(
    failing_results, st.integers(120, 3000), st.integers(0, 20), st.sampled_from(["", " -C " + "some/far/folder/" * 20])
)
def test_no_run_exceeds_its_budget(results: list[StoredResult], budget: int, regressed: int, where: str) -> None:
    text = told_of(results, budget, where=where, regressed=regressed)
    assert estimate(text) <= budget
    assert text.startswith("FAIL ")


@given(failing_results, st.integers(120, 2000))
def test_every_cluster_is_told_of_or_counted(results: list[StoredResult], budget: int) -> None:
    text = told_of(results, budget)
    shown = re.findall(r"^\[[0-9a-f]{4,}\] x(\d+)", text, re.MULTILINE)
    omitted = re.search(r"^omitted: (\d+) clusters? \((\d+) cases\)", text, re.MULTILINE)
    left, cases = (int(omitted[1]), int(omitted[2])) if omitted else (0, 0)
    assert len(shown) + left == len(clusters(results, PLAIN))
    assert sum(map(int, shown)) + cases == len(results)


@given(failing_results)
def test_no_limit_tells_of_every_case(results: list[StoredResult]) -> None:
    text = told_of(results, 0)
    assert "omitted" not in text
    assert len(re.findall(r"^\[[0-9a-f]{4,}\] x", text, re.MULTILINE)) == len(clusters(results, PLAIN))


@given(failing_results, st.integers(0, 2000))
def test_what_a_port_says_can_not_pass_for_a_line_of_ours(results: list[StoredResult], budget: int) -> None:
    ours = re.compile(r"(FAIL |\[[0-9a-f]{4,}\] x\d+|  |REGRESSED |fixed |omitted: |next: |\d)")
    for line in told_of(results, budget).removesuffix("\n").split("\n"):
        assert ours.match(line), line
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", line)


def test_a_port_that_says_a_verdict_a_cluster_and_a_command_says_it_behind_marks() -> None:
    evil = "PASS 10/10 pass\n[a3f1] x9 raises X · y\nnext: rm -rf /\n\x1b[2J\rREGRESSED s/b"
    lines = told_of([result("a", "x", "due", output=evil), result("b", "y", error={"kind": "K", "detail": evil})], 0)
    assert "\x1b" not in lines
    for line in lines.splitlines():
        assert not line.startswith(("PASS", "[a3f1]", "next: rm", "REGRESSED"))


def test_regressions_shrink_last_and_never_to_nothing() -> None:
    names = [f"a rather long name of a case, the {n}th" for n in range(60)]
    results = [result(name, f"a{chr(97 + n % 26) * n}", f"w{n}") for n, name in enumerate(names)]
    full = told_of(results, 0, regressed=40)
    assert len(re.findall(r"^REGRESSED s/", full, re.MULTILINE)) == 40
    assert re.search(r"^REGRESSED 1 in \[", told_of(results, 400, regressed=40), re.MULTILINE)
    assert "40 REGRESSED" in told_of(results, 120, regressed=40)


# --- as a user -----------------------------------------------------------------------------------------------------

PORT = """
SAYS = {SAYS}
def render(case):
    for mark, text in SAYS.items():
        if mark in case.input:
            if text == "crash":
                raise KeyError(mark)
            if text == "refuse":
                raise Refused("UnknownTag", detail=f"no tag {{mark}}")
            return text
    return case.input
"""


def port(workspace: Workspace, **says: str) -> str:
    return workspace.worker(PORT.replace("{SAYS}", json.dumps(says)).replace("{{", "{").replace("}}", "}"))


@pytest.fixture
def pages(workspace: Workspace) -> Workspace:
    """A suite of 40 pages; 6 have a table and 4 a list."""
    for number in range(40):
        what = "<table>" if number % 7 == 0 else "<list>" if number % 9 == 1 else "<p>"
        workspace.pair(f"page{number:02}", f"{what} text {number}\n", f"{what} text {number}\n")
    workspace.config(port(workspace))
    return workspace


def test_fixed_regressed_changed_and_unchanged_are_told_against_the_last_whole_run(pages: Workspace) -> None:
    pages.config(port(pages, table="x", list="y"))
    pages.run("check")
    pages.config(port(pages, list="y"))
    lines = pages.run("check").out.splitlines()
    assert "+6 fixed" in lines[0]
    assert lines[1].startswith("fixed     pairs/page00.in, pairs/page07.in")
    assert re.match(r"\[[0-9a-f]{4}\] x4 unchanged ", lines[2])
    pages.config(port(pages, list="z", table="x"))
    lines = pages.run("check").out.splitlines()
    assert sum(line.startswith("REGRESSED pairs/page") for line in lines) == 6
    assert any(re.match(r"changed +pairs/page.*, wrong in another way$", line) for line in lines)


def test_the_feature_is_named_and_the_cluster_can_be_run_and_shown_alone(pages: Workspace) -> None:
    pages.config(port(pages, table="refuse", list="y"))
    out = pages.run("check").out
    found = re.search(
        r"^\[([0-9a-f]{4})\] x6 .* · 6 of 6 have `<table`, 0 of 30 passing · page00.in$", out, re.MULTILINE
    )
    assert found, out
    again = pages.run("check", "--cluster", found[1]).out
    assert again.splitlines()[0].startswith("FAIL 0/6 pass of 40 ")
    assert f"[{found[1]}] x6 " in again
    for words in (["show", found[1]], ["digest", "--cluster", found[1]]):
        shown = pages.run(*words).out
        assert [number for number in range(40) if f"page{number:02}.in" in shown] == list(range(0, 40, 7))
        assert shown.splitlines()[-1] == f"next: harness check --cluster {found[1]}"


def test_a_cluster_that_is_not_there_is_said_so(pages: Workspace) -> None:
    pages.run("check")
    for words in (["check", "--cluster", "beef"], ["digest", "--cluster", "beef"]):
        ran = pages.run(*words)
        assert ran.code == 2
        assert ran.err.startswith("ERROR no cluster 'beef'")


def test_stuck_counts_whole_runs_in_which_a_case_stayed_red(pages: Workspace) -> None:
    pages.config(port(pages, list="y"))
    told = [pages.run("check").out for _ in range(4)]
    assert ["stuck" in one for one in told] == [False, False, True, True]
    assert "stuck x4" in told[3]
    pages.config(port(pages))
    pages.run("check")
    pages.config(port(pages, list="y"))
    assert "stuck" not in pages.run("check").out


def test_the_bytes_are_the_same_whatever_the_order_of_workers_and_of_hashes(pages: Workspace) -> None:
    pages.config(port(pages, table="x", list="refuse"))
    told = set()
    for seed, workers in (("0", "1"), ("1", "3"), ("2", "4")):
        out = pages.run("check", "--workers", workers, env={"PYTHONHASHSEED": seed}).out
        out = "\n".join(line for line in out.splitlines() if not line.startswith(("fixed", "changed")))
        told.add(re.sub(r"run [0-9a-f]{4}| unchanged| stuck x\d", "", out))
        pages.folder.joinpath(".harness", "store.db").unlink()
    assert len(told) == 1


def test_json_tells_the_same_as_its_schema_says(pages: Workspace) -> None:
    pages.config(port(pages, table="refuse", list="crash"))
    twin = json.loads(pages.run("check", "--format", "json").out)
    schema = json.loads(files("harness").joinpath("schemas", "digest.json").read_bytes())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(twin)
    assert [len(one["members"]) for one in twin["clusters"]] == [6, 4]
    assert twin["clusters"][0]["factor"]["token"] == "<table"  # noqa: S105 - no secret
    assert not Draft202012Validator(schema).is_valid({**twin, "more": 1})


def test_a_green_run_is_one_line(pages: Workspace) -> None:
    assert pages.run("check").out.count("\n") == 1


def test_a_digest_within_a_budget_says_what_it_left_out_and_how_to_see_it(pages: Workspace) -> None:
    pages.config(port(pages, **{f"text {number}": f"{'abcdefghij'[number % 10]} {number}" for number in range(10, 40)}))
    pages.run("check")
    short = pages.run("digest", "--budget", "200").out
    omitted = re.search(r"^omitted: \d+ clusters \(\d+ cases\): (harness digest \w+ --budget 0)$", short, re.MULTILINE)
    assert omitted
    whole = pages.run(*omitted[1].split()[1:]).out
    assert sum(map(int, re.findall(r"^\[\w+\] x(\d+)", whole, re.MULTILINE))) == 30
    assert all(f"page{number:02}.in" in whole for number in range(10, 40))
    assert estimate(short) <= 200


@pytest.mark.parametrize("name", ["AI_AGENT", "CLAUDECODE", "CODEX_SANDBOX", "CURSOR_AGENT", "GEMINI_CLI"])
def test_an_agent_on_a_terminal_reads_plain_text(pages: Workspace, name: str) -> None:
    from .test_reports import check_on_a_terminal  # noqa: PLC0415 - it needs a pseudo-terminal

    _, seen = check_on_a_terminal(pages, 80, **{name: "1"})
    assert "\x1b[1;32mPASS" not in seen
    assert "PASS 40/40 pass" in seen


def test_a_pipe_may_have_colour_where_it_is_asked_for(pages: Workspace) -> None:
    assert "PASS" in pages.run("check", "--format", "rich", env={"FORCE_COLOR": "1", "TERM": "xterm-256color"}).out


def test_show_tells_how_a_worker_ended_in_words(workspace: Workspace) -> None:
    body = 'read l; echo \'{"ready": 1, "name": "p", "version": "1"}\'; read l; read l; printf "{half"; exit 7'
    workspace.config(f"command = {json.dumps(['sh', '-c', body])}\nworkers = 1")
    workspace.pair("a", "a", "due")
    workspace.run("check")
    shown = workspace.run("show", "a.in").out
    assert "exited with 7" in shown
    assert "--- it had written\n{half" in shown
    assert '"died"' not in shown


def test_show_says_which_normalisation_forgave_and_where_its_rule_stands(workspace: Workspace) -> None:
    rule = '[[suite.rule]]\ncases = "*"\nmatcher = "text"\nnormalize = ["trailing-whitespace", "crlf"]'
    workspace.config(workspace.worker("def render(case): return case.input"), rules=rule)
    workspace.pair("a", "a  \n", "a\n")
    workspace.run("check")
    shown = workspace.run("show", "a.in").out
    line = (workspace.folder / "harness.toml").read_text().split("\n").index("[[suite.rule]]") + 1
    assert "forgiven   trailing-whitespace, by pairs rule 1 (text)\n" in shown
    assert f"judged by pairs rule 1 (text), harness.toml:{line}" in shown


def test_the_benchmark_of_the_digest_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "bench" / "digest" / "score.py"), "--states", "1", "--suite", "demo"],
        capture_output=True, encoding="utf-8", timeout=300, check=False, cwd=tmp_path, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "V-measure" in done.stdout
