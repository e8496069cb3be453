"""What CI systems read of a run: JUnit XML, GitHub's annotations and job summary."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from .test_reports import CASES, everything

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from .conftest import Ran, Workspace

__all__ = ["everything"]

CAT = 'protocol = "command"\ncommand = ["cat"]'
HOSTILE = b"::error::forged\n##[error]forged\n::add-mask::x\n```\n</failure>]]>&\x00\x0b\x1b[31m\r\n\xff\xfe\n"
NONCHARACTERS = "\ufffe\uffff\U0001f600 \u2028 \x85 é"


def junit(workspace: Workspace, *words: str) -> tuple[Ran, ET.Element]:
    path = workspace.folder / "junit.xml"
    ran = workspace.run("check", "--junit", str(path), *words)
    return ran, ET.parse(path).getroot()  # noqa: S314 - our own


def github(workspace: Workspace, *words: str) -> tuple[Ran, str]:
    """Run with `--format github` as GitHub would, in a repository whose root is the workspace's parent."""
    summary = workspace.folder / "summary.md"
    env = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(workspace.folder.parent)}
    ran = workspace.run("check", "--format", "github", *words, env=env)
    return ran, summary.read_text(encoding="utf-8") if summary.exists() else ""


def heard(out: str) -> list[str]:
    """Return the lines that GitHub's runner takes for commands: its own rules, written down again."""
    commands, stopped = [], ""
    for line in out.split("\n"):
        found = re.match(r"::([\w-]+)(?: [^:]*?(?:[^:]|:(?!:))*)?::(.*)", line.lstrip()) or re.search(r"##\[", line)
        if stopped:
            stopped = "" if line.strip() == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif found:
            commands.append(line)
    return commands


@pytest.fixture
def hostile(workspace: Workspace) -> Workspace:
    """A port whose output tries to be something else, and one reference that it can not be equal to."""
    workspace.config(CAT)
    workspace.pair("bytes", HOSTILE, "x")
    workspace.pair("text", HOSTILE.replace(b"\xff\xfe", NONCHARACTERS.encode()), "x")
    workspace.pair("good", "a", "a")
    return workspace


# --- junit ---------------------------------------------------------------------------------------------------------


def test_a_run_with_every_standing_as_junit(everything: Workspace) -> None:
    _, root = junit(everything)
    cases = {f"{one.get('classname')}/{one.get('name')}": one for one in root.iter("testcase")}
    assert len(cases) == len(CASES) + 2 + 1
    kinds = {name: [(part.tag, part.get("message")) for part in one] for name, one in cases.items()}
    assert kinds["pairs/same.in"] == []
    assert kinds["pairs/lines.in"] == [("failure", "failed: line 3: -three\\tfour +three four")]
    assert kinds["pairs/crash.in"][0][0] == kinds["pairs/hang.in"][0][0] == kinds["pairs/babble.in"][0][0] == "error"
    assert kinds["pairs/kept_out.in"] == [("skipped", "todo: takes the machine down")]
    assert [tag for tag, _ in kinds["pairs/accepted.in"] + kinds["pairs/flaky.in"]] == ["skipped"] * 2
    assert kinds["pairs/stale.in"][0][0] == "failure"
    assert kinds["later/one.in"][0][0] == "skipped"
    assert kinds["harness/verdict"][0][0] == "failure"
    story = cases["pairs/lines.in"].find("failure")
    assert story is not None
    assert "-three→four\n+three·four" in (story.text or "")


def test_the_counts_of_a_suite_are_those_of_its_cases_and_of_the_whole_those_of_its_suites(
    everything: Workspace,
) -> None:
    _, root = junit(everything)
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["pairs", "later", "never", "harness"]
    for one, cases in [(suite, suite.findall("testcase")) for suite in suites] + [(root, list(root.iter("testcase")))]:
        assert one.get("tests") == str(len(cases))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert one.get(name) == str(sum(case.find(tag) is not None for case in cases))
        assert float(one.get("time", "")) >= 0


def test_junit_is_xml_whatever_bytes_an_output_has(hostile: Workspace) -> None:
    _, root = junit(hostile)
    story = "".join(root.itertext())
    assert "</failure>]]>&" in story
    assert "\\x1b[31m" in story
    assert "\\ufffe\\uffff\U0001f600" in story


def test_junit_is_xml_even_where_a_worker_sends_lone_surrogates_and_names_have_odd_letters(
    workspace: Workspace,
) -> None:
    workspace.config(workspace.worker('def render(case): return "\\ud800" + case.input'))
    workspace.pair("a \ufffe & <b>", "x", "y")
    _, root = junit(workspace)
    (case,) = [one for one in root.iter("testcase") if one.get("classname") == "pairs"]
    assert case.get("name") == "a \\ufffe & <b>.in"


@pytest.mark.parametrize("skips", ["", '"pairs/a.in" = "not yet"\n'], ids=["stale", "nothing"])
def test_junit_is_green_only_where_the_exit_code_is_0(workspace: Workspace, skips: str) -> None:
    workspace.config(CAT)
    workspace.pair("a", "a", "b" if skips else "a")
    workspace.write("skiplist.toml", "format = 1\n[todo]\n" + (skips or '"pairs/a.in" = "old"\n'))
    ran, root = junit(workspace)
    assert ran.code in {3, 4}
    (verdict,) = [one for one in root.iter("testcase") if one.get("name") == "verdict"]
    assert verdict[0].tag == "failure"
    assert ran.first == verdict[0].get("message")
    workspace.pair("a", "a", "a")
    workspace.write("skiplist.toml", "format = 1\n")
    ran, root = junit(workspace)
    assert (ran.code, root.get("failures"), root.get("errors"), root.get("tests")) == (0, "0", "0", "2")


def test_a_report_that_can_not_be_written_is_an_error(workspace: Workspace) -> None:
    workspace.config(CAT)
    workspace.pair("a", "a", "a")
    ran = workspace.run("check", "--junit", "no-such-folder/junit.xml")
    assert ran.code == 2
    assert "--junit no-such-folder/junit.xml: can not be written" in ran.err


# --- github --------------------------------------------------------------------------------------------------------


def test_a_breach_is_annotated_where_it_is_and_the_last_test_of_the_junit_file_is_red(workspace: Workspace) -> None:
    workspace.config(CAT)
    for name in ("gone", "listed", "edited"):
        workspace.pair(name, name, name)
    workspace.run("check")
    workspace.run("lock")
    for path in (workspace.folder / "cases").glob("gone.*"):
        path.unlink()
    workspace.write("skiplist.toml", 'format = 1\n[flaky]\n"pairs/listed.in" = "now and then"\n')
    workspace.pair("edited", "other", "other")
    ran = workspace.run("check", "--format", "github", env={"GITHUB_WORKSPACE": "."})
    assert [one.partition(" (against")[0] for one in heard(ran.out)] == [
        "::error file=cases/edited.in,line=1,title=GATE pairs/edited.in::changed input, changed reference",
        "::error file=skiplist.toml,line=3,title=GATE pairs/listed.in::now in the skip list as flaky",
        "::error title=GATE pairs/gone.in::gone",
    ]
    ran, root = junit(workspace)
    assert ran.code == 3
    verdict = [*root.iter("testcase")][-1]
    failure = verdict.find("failure")
    assert verdict.get("name") == "verdict"
    assert failure is not None
    assert failure.get("type") == "GATE"


def test_nothing_that_a_port_says_is_a_workflow_command(hostile: Workspace) -> None:
    hostile.config('build = [["sh", "-c", "echo ::error::forged; exit 1"]]\n' + CAT)
    ran, _ = github(hostile)
    assert "::error::forged" in ran.out
    assert heard(ran.out) == []
    hostile.config(CAT)
    ran, _ = github(hostile)
    commands = heard(ran.out)
    assert len(commands) == 2
    assert all(re.match(r"::error file=[^:]*/cases/\w+\.out,line=1,title=pairs/\w+\.in::failed", c) for c in commands)


def test_the_word_that_ends_the_shield_can_not_be_guessed(hostile: Workspace) -> None:
    words = {github(hostile)[0].first for _ in range(2)}
    assert len(words) == 2


def test_an_annotation_stands_on_the_reference_of_a_failing_case_and_on_the_line_of_a_stale_entry(
    workspace: Workspace, snapshot: SnapshotAssertion
) -> None:
    workspace.config(CAT)
    workspace.pair("a, 100%: b", "one\ntwo\n", "one\n2: 100%, or so\n")
    workspace.pair("stale", "a", "a")
    workspace.write("skiplist.toml", 'format = 1\n\n[todo]\n# soon\n"pairs/stale.in" = "100%: not yet"\n')
    ran, _ = github(workspace)
    commands = "\n".join(heard(ran.out)).replace(workspace.folder.name, "WORKSPACE")
    assert commands == snapshot


def test_a_reference_outside_of_the_repository_is_annotated_without_a_file(workspace: Workspace) -> None:
    workspace.config(CAT)
    workspace.pair("a", "a", "b")
    outside = workspace.folder / "elsewhere"
    outside.mkdir()
    ran = workspace.run("check", "--format", "github", env={"GITHUB_WORKSPACE": str(outside)})
    assert heard(ran.out) == ["::error title=pairs/a.in::failed: line 1: -b +a"]


def test_github_gets_no_more_annotations_than_it_shows_and_those_of_the_books_first(workspace: Workspace) -> None:
    workspace.config(CAT)
    for number in range(20):
        workspace.pair(str(number), "a", "b")
    workspace.pair("stale", "a", "a")
    workspace.write("skiplist.toml", 'format = 1\n[todo]\n"pairs/stale.in" = "x"\n')
    commands = heard(github(workspace)[0].out)
    assert len(commands) == 10
    assert "/skiplist.toml,line=3," in commands[0]


def test_a_fault_of_the_config_is_annotated_on_its_line(workspace: Workspace) -> None:
    workspace.config(CAT + "\nsuits = []")
    ran, summary = github(workspace)
    assert (ran.code, summary) == (2, "")
    (command,) = heard(ran.out)
    assert re.match(r"::error file=[^,]*/harness\.toml,line=\d+,title=ERROR::", command)


def test_the_job_summary_is_the_digest_behind_a_fence_that_nothing_in_it_closes(workspace: Workspace) -> None:
    workspace.config(CAT)
    workspace.pair("a", "`````\n# owned", "```\n</details><h1>owned")
    workspace.pair("good", "a", "a")
    _, summary = github(workspace)
    found = re.fullmatch(r"### harness: FAIL\n\n(`+)text\n(.*)\1\n\n", summary, re.DOTALL)
    assert found is not None
    assert len(found[1]) == 6
    assert found[2] == workspace.run("digest").out
    github(workspace)
    assert (workspace.folder / "summary.md").read_text().count("### harness") == 2, "earlier steps have theirs there"


def test_without_github_around_it_the_format_works_all_the_same(hostile: Workspace) -> None:
    ran = hostile.run("check", "--format", "github")
    assert ran.code == 1
    assert len(heard(ran.out)) == 2
