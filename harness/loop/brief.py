"""The brief: all that an agent is told. Pure.

What is the same for every attempt stands first, and nothing in it changes by the clock, so that a service can keep it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.digest.diff import printable, shorten
from harness.digest.exemplar import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.loop.state import Attempt, Cluster
    from harness.model import Json

_CASES = 40
_SUMMARY = 600
_INPUT = 400

_RULES = """\
# Make the port pass

This repository holds a port of a library. Its inputs and expected outputs come from the original, and are right.
You work alone, in a clone of your own. What you leave in the work tree is taken, checked in a clean checkout against
the original's references, and kept if more cases pass, none that passed is lost, and nothing is looser than before.

Find the cause in the port and mend it there, for every input, not only for the ones listed: others, which you do not
see, are checked too. Outputs that are looked up instead of computed are found out.

You may edit: {globs}
Everything else is read-only for you. An attempt that edits anything else (tests, references, skiplist.toml,
harness.toml, CI, .git) is void, whatever else it does. No need to commit.

Commands:
  harness check --failed              what still fails; ends with the command that shows the first
  harness show CASE                   one case: input, want, got
  harness check                       everything, as you will be judged
  harness brief                       this text again
  harness block CASE --reason "..."   say honestly that a case of yours can not be done; a person will look at it

End with one paragraph: what was wrong, what you changed, what is left. If you fail, whoever tries next reads it.
"""


def brief(globs: Sequence[str], cluster: Cluster, counts: Json, notes: Sequence[Attempt]) -> str:
    """Write the brief for a cluster; `counts` are the main line's, `notes` the earlier attempts at its cases."""
    lines = [_RULES.format(globs=", ".join(globs))]
    lines += [
        "## Your task",
        "",
        f"{len(cluster.results)} case{'s' * (len(cluster.results) > 1)} of {cluster.stage}: {cluster.key}",
        "",
    ]
    for result in cluster.results[:_CASES]:
        lines.append(f"  {result.id}  {one_line(result)}")
    if len(cluster.results) > _CASES:
        lines.append(f"  +{len(cluster.results) - _CASES} more (harness check --failed)")
    detail = cluster.results[0].detail
    given = detail["input"] if detail else ""
    if isinstance(given, str) and given:
        lines += [
            "",
            f"Input of {cluster.results[0].id}:",
            *(f"    {printable(line)}" for line in given[:_INPUT].split("\n")),
        ]
    if notes:
        lines += ["", "## What was tried before", "", *map(note, notes)]
    stages = ", ".join(f"{stage} {passed}/{cases}" for stage, passed, cases in counts["stages"])
    lines += ["", f"Now: {counts['passed']} of {counts['cases']} cases pass ({stages})."]
    return "\n".join(lines) + "\n"


def note(attempt: Attempt) -> str:
    """Write one paragraph about an attempt that is over."""
    worked, closed = attempt.worked, attempt.closed
    if closed is None:
        return ""
    parts = [f"Attempt {attempt.started.attempt}, {closed.outcome}: {closed.why}."]
    if closed.broke:
        parts.append(f"It broke {', '.join(closed.broke)}.")
    if worked is not None and worked.summary:
        parts.append(f"In its own words: {shorten(printable(worked.summary), _SUMMARY)}")
    if closed.outcome == "discarded" and worked is not None and worked.patch:
        parts.append(f"Its patch, if you want to start from it: git apply {worked.patch}")
    return " ".join(parts)
