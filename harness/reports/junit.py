"""`--junit FILE`: a run as JUnit XML, for the test pages of CI systems. A run that is not green is not green there."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from harness.records import StoredResult, StoredRun

_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can not hold, not even escaped; and the carriage return, which a parser would make a newline of."""
_LETTERS = 4000
"""So much of a failure's text is written: CI systems cut it anyway, or choke."""
_ERRORS = frozenset({"crashed", "timed_out", "garbled", "too_large", "not_run"})
"""Outcomes without an answer that could be compared."""


def write(
    path: Path,
    run: StoredRun,
    digest: str,
    results: Iterable[StoredResult],
    look: Callable[[StoredResult], tuple[str, str]],
) -> None:
    """Write a run: a test suite for each of its suites, and one for the harness itself, whose only test is the verdict.

    `look` gives one line and the whole story of a case that failed. The file appears whole or not at all.
    Raises OSError when it can not be written.
    """
    name = f"harness check {run.target}"
    root = ET.Element("testsuites", {"name": name, "timestamp": run.started, "time": f"{run.seconds or 0:.3f}"})
    suites: dict[str, ET.Element] = {}
    seconds: dict[str, float] = {}
    for result in results:
        suite = suites.get(result.suite)
        if suite is None:
            suite = suites[result.suite] = ET.SubElement(root, "testsuite", {"name": _text(result.suite)})
        seconds[result.suite] = seconds.get(result.suite, 0.0) + (result.seconds or 0.0)
        suite.append(_case(result, look))
    suites["harness"] = ET.SubElement(root, "testsuite", {"name": "harness"})
    suites["harness"].append(_verdict(run, digest))
    for suite_name, suite in suites.items():
        suite.set("time", f"{seconds.get(suite_name, 0.0):.6f}")
        _count(suite, suite.findall("testcase"))
    _count(root, root.findall("testsuite/testcase"))
    beside = path.with_name(path.name + ".new")
    ET.ElementTree(root).write(beside, encoding="utf-8", xml_declaration=True)
    os.replace(beside, path)


def _case(result: StoredResult, look: Callable[[StoredResult], tuple[str, str]]) -> ET.Element:
    file = result.place.rpartition(":")[0]
    case = ET.Element(
        "testcase",
        {
            "classname": _text(result.suite),
            "name": _text(result.id.removeprefix(f"{result.suite}/")),
            "file": _text(os.path.relpath(file)),
            "time": f"{result.seconds or 0:.6f}",
        },
    )
    match result.standing:
        case "passed":
            pass
        case "stale":
            _add(case, "failure", f"listed ({result.reason}), yet it passes; remove its entry", "stale")
        case "failed":
            line, story = look(result)
            kind = "error" if result.outcome in _ERRORS else "failure"
            _add(case, kind, f"{result.outcome}: {line}", result.outcome, story)
        case "not_run":
            _add(case, "error", f"not run: {result.why}", "not_run")
        case excused:
            _add(case, "skipped", f"{excused}: {result.reason or result.why}")
    return case


def _verdict(run: StoredRun, digest: str) -> ET.Element:
    """Make the test that fails whenever the exit code is not 0: no page may be green where the command was not."""
    case = ET.Element("testcase", {"classname": "harness", "name": "verdict", "time": "0"})
    if run.verdicts != ("PASS",):
        _add(case, "failure", digest.partition("\n")[0], " ".join(run.verdicts), digest)
    return case


def _add(case: ET.Element, tag: str, message: str, kind: str = "", story: str = "") -> None:
    one = ET.SubElement(case, tag, {"message": _text(message), **({"type": kind} if kind else {})})
    if story:
        one.text = _text(story if len(story) <= _LETTERS else f"{story[:_LETTERS]}\n... {len(story) - _LETTERS} more")


def _count(suite: ET.Element, cases: list[ET.Element]) -> None:
    suite.set("tests", str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))


def _text(text: str) -> str:
    """Show what XML can not hold as its escape."""
    return _NO_XML.sub(lambda found: found[0].encode("unicode-escape", "surrogatepass").decode(), text)
