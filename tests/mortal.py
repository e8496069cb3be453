"""`harness` on a machine that fails: it dies of SIGKILL at the steps of its journal that the file PLAN names.

A line is `KIND before`, `KIND after` (the step is written), or `wait`: until an attempt is over.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from harness.cli import main
from harness.loop.journal import Closed, Journal, Step

PLAN = Path(os.environ["PLAN"])


write = Journal.add


def add(journal: Journal, step: Step) -> float:
    """Write a step, and die beside it."""
    kind = type(step).__name__.lower()
    _reach(f"{kind} before")
    at = write(journal, step)
    _reach(f"{kind} after")
    if isinstance(step, Closed) and step.outcome != "lost":
        _reach("wait")
    return at


def _reach(point: str) -> None:
    first, _, rest = PLAN.read_text(encoding="utf-8").partition("\n")
    if first == point:
        PLAN.write_text(rest, encoding="utf-8")
        if point != "wait":
            os.kill(os.getpid(), signal.SIGKILL)


Journal.add = add  # type: ignore[assignment,method-assign]  # the one place where a test stands in for the product
main()
