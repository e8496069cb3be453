"""Progress where there is no terminal: nothing on a pipe, a line now and then in CI."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.events import Event, Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERY_SECONDS = 30.0


@contextmanager
def silent() -> Iterator[Callable[[Event], None]]:
    """Agents and scripts read the digest; anything before it would only cost them."""
    yield lambda event: None  # noqa: ARG005 - it is to be ignored


@contextmanager
def heartbeat() -> Iterator[Callable[[Event], None]]:
    """Write a line to stderr twice a minute, so that CI does not take a long run for a hang."""
    done = 0
    due = time.monotonic() + EVERY_SECONDS

    def show(event: Event) -> None:
        nonlocal done, due
        done += isinstance(event, Finished)
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_SECONDS
            sys.stderr.write(f"harness: {done} cases done\n")
            sys.stderr.flush()

    yield show
