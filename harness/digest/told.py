"""What a digest is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from harness.digest.cluster import Cluster
    from harness.records import Delta, StoredResult, StoredRun, Typed


@dataclass(frozen=True, slots=True)
class Told:
    """What a digest is made of."""

    run: StoredRun
    delta: Delta
    clusters: Sequence[Cluster]
    stale: Sequence[StoredResult]
    typed: Typed
    look: Callable[[str], StoredResult]
    """Fetches a failing case of the run: only those are read that are told of."""
    stage: str
    """Whose clusters are told, if not all are."""
    one_suite: bool
    """Whether all failures are of one suite: its name goes without saying then."""


def compose(
    run: StoredRun,
    delta: Delta,
    clusters: Sequence[Cluster],
    stale: Sequence[StoredResult],
    typed: Typed,
    look: Callable[[str], StoredResult],
    stage: str = "",
) -> Told:
    """Put a digest together; of no stage but the first that is red, where none is named."""
    red = {one.stage for one in clusters}
    current = stage or next((stage for stage, _, _ in run.summary["stages"] if stage in red), "")
    suites = {case.partition("/")[0] for one in clusters for case in one.members}
    return Told(run, delta, clusters, stale, typed, look, current, len(suites) == 1)
