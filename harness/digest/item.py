"""One cluster, told in a line, with its difference, or in full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.digest import exemplar
from harness.digest.budget import Part
from harness.digest.diff import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.digest.cluster import Cluster
    from harness.digest.told import Told

_TITLE = 80
_NAMES = 5
_WAYS = 3
_IN_FULL = 3
_STUCK = 3
"""So many whole runs with edits a case has to stay red to be told of as stuck."""


def part(told: Told, cluster: Cluster, number: int, *, whole: bool) -> Part:
    """Tell of a cluster in a line, with its difference, in full: the first ones, which will be worked on next.

    What is as it was stays a line, but for the first of all.
    """
    forms: tuple[Callable[[], list[str]], ...] = (partial(_line, told, cluster),)
    if whole or number == 0 or not _unchanged(told, cluster):
        forms += (partial(_short_form, told, cluster),)
        if whole or number < _IN_FULL:
            forms += (partial(_full, told, cluster, all_names=whole),)
        if cluster.ways[1:] and (whole or number == 0):
            forms += (partial(_wide, told, cluster, all_names=whole),)
    return Part(forms, len(cluster.members))


def _line(told: Told, cluster: Cluster) -> list[str]:
    return [f"{_mark(told, cluster)} {shorten(cluster.brief, _TITLE)} · {_case(told, cluster.members[0])}"]


def _short_form(told: Told, cluster: Cluster) -> list[str]:
    return [_head(told, cluster), *_new(cluster, exemplar.brief(told.look(cluster.members[0])))]


def _new(cluster: Cluster, lines: list[str]) -> list[str]:
    """Leave out what the title has said."""
    return [line for line in lines if line.strip().replace("'", "") != cluster.title]


def _full(told: Told, cluster: Cluster, *, all_names: bool) -> list[str]:
    result = told.look(cluster.members[0])
    lines = [_head(told, cluster)]
    others = cluster.members[1:]
    shown = others if all_names else others[:_NAMES]
    if others:
        more = f" +{len(others) - len(shown)}" if len(shown) < len(others) else ""
        lines.append(f"  also {', '.join(_case(told, one) for one in shown)}{more}")
    return [*lines, *exemplar.given(result, cluster.factor), *_new(cluster, exemplar.wrong(result))]


def _wide(told: Told, cluster: Cluster, *, all_names: bool) -> list[str]:
    """Tell also how others of it fail in other words: it may be another cause after all."""
    others = cluster.ways[1:] if all_names else cluster.ways[1 : 1 + _WAYS]
    lines = _full(told, cluster, all_names=all_names)
    return [*lines, *(f"  {_case(told, one)}: {_one_line(told, one)}" for one in others)]


def _one_line(told: Told, case: str) -> str:
    return " ".join(line.strip() for line in exemplar.brief(told.look(case)))


def _head(told: Told, cluster: Cluster) -> str:
    factor = cluster.factor
    common = ""
    if factor is not None:
        what = printable(factor.token).replace("`", "'")
        common = (
            f" · {factor.failing} of {factor.of_failing} have `{shorten(what, 40)}`,"
            f" {factor.passing} of {factor.of_passing} passing"
        )
    return f"{_mark(told, cluster)} {cluster.title}{common} · {_case(told, cluster.members[0])}"


def _mark(told: Told, cluster: Cluster) -> str:
    stuck = f" stuck x{cluster.stuck}" if cluster.stuck >= _STUCK else ""
    return f"[{cluster.id}] x{len(cluster.members)}{' unchanged' if _unchanged(told, cluster) else ''}{stuck}"


def _unchanged(told: Told, cluster: Cluster) -> bool:
    return told.delta.unchanged.issuperset(cluster.members)


def _case(told: Told, case: str) -> str:
    """Name a case as it can be typed: without its suite, where there is only one."""
    return shorten(printable(case.partition("/")[2] if told.one_suite else case), 80)


def page(told: Told, cluster: Cluster) -> str:
    """Write one cluster with all of its members; ends with a newline."""
    lines = _full(told, cluster, all_names=False)
    lines += [f"  {_case(told, case)}: {_one_line(told, case)}" for case in cluster.members[1:]]
    lines.append(f"next: {told.typed.command(f'check --cluster {cluster.id}')}")
    return "\n".join(lines) + "\n"
