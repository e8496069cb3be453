"""Progress where there is no terminal: nothing on a pipe, a line now and then in CI."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO, TypeAlias

Progress: TypeAlias = object
Reporter: TypeAlias = Callable[[object], None]

_EVERY_SECONDS = 30.0


def silent(event: object) -> None:
    """Agents and scripts read the digest; everything before it would only cost them."""


def heartbeat(stream: IO[str]) -> Reporter:
    """Write a line every half minute, so that CI does not take a long run for a hang."""
    state = {"next": time.monotonic() + _EVERY_SECONDS, "done": 0.0}

    def show(event: object) -> None:
        state["done"] += hasattr(event, "result")
        now = time.monotonic()
        if now >= state["next"]:
            state["next"] = now + _EVERY_SECONDS
            print(f"harness: {state['done']:g} cases done", file=stream, flush=True)

    return show
