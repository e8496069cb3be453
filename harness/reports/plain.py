"""Progress where there is no terminal: nothing on a pipe, a line now and then in CI."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.events import Building, Event, Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVERY_SECONDS = 30.0


@contextmanager
def silent() -> Iterator[Callable[[Event], None]]:
    """Agents and scripts read the digest; anything before it would only cost them."""
    yield lambda event: None  # noqa: ARG005 - it is to be ignored


@contextmanager
def heartbeat(every: float = EVERY_SECONDS) -> Iterator[Callable[[Event], None]]:
    """Write a line to stderr now and then, so that CI takes neither a long build nor a long run for a hang."""
    doing = "reading"
    done = 0
    over = threading.Event()

    def show(event: Event) -> None:
        nonlocal doing, done
        match event:
            case Building(argv):
                doing = f"running `{' '.join(argv)}`"
            case Finished():
                done += 1
                doing = f"{done} cases done"
            case _:
                pass

    def beat() -> None:
        while not over.wait(every):
            sys.stderr.write(f"harness: {doing}\n")
            sys.stderr.flush()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield show
    finally:
        over.set()
        thread.join()
