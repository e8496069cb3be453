"""A process that keeps another: when the loop is gone, however it went, everything the other one started goes too.

The loop starts it with one JSON line on stdin, and holds that pipe open. An agent that hides a child in a session of
its own, or a loop that is killed with `kill -9`: in every case it is the keeper that ends, and its nest that is swept.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from contextlib import closing, suppress
from typing import IO, TYPE_CHECKING

from harness.sandbox import Nest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOT_STARTED = 127
_SIGNALS = 128
_POLL_SECONDS = 0.05


def keep(
    argv: Sequence[str], folder: Path, environment: Mapping[str, str], *, given: Path, stderr: IO[bytes], scratch: Path
) -> subprocess.Popen[bytes]:
    """Start a program under a keeper: `given` is its stdin, and what it writes to stdout is the keeper's stdout.

    Closing the keeper's stdin ends it. What either leaves behind in temporary folders lies in `scratch`.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "harness.loop.keeper"],
        cwd=scratch,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    )
    spec = {"argv": list(argv), "folder": str(folder), "environment": dict(environment), "given": str(given)}
    assert keeper.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    with suppress(BrokenPipeError):  # its end will say the rest
        keeper.stdin.write(json.dumps(spec).encode() + b"\n")
        keeper.stdin.flush()
    return keeper


def main() -> int:
    """Start the program, and wait for its end or for that of the loop."""
    spec = json.loads(sys.stdin.buffer.readline())
    with closing(Nest()), open(spec["given"], "rb") as given:
        try:
            process = subprocess.Popen(
                spec["argv"], cwd=spec["folder"], env=spec["environment"], stdin=given, start_new_session=True
            )
        except OSError as problem:
            sys.stderr.write(f"{spec['argv'][0]}: {problem.strerror}\n")
            return NOT_STARTED
        ends = [os.pidfd_open(process.pid)] if hasattr(os, "pidfd_open") else []
        while process.poll() is None:
            ready, _, _ = select.select([0, *ends], [], [], None if ends else _POLL_SECONDS)
            if 0 in ready:
                return 0  # the loop has let go, and hears no more
    return process.returncode if process.returncode >= 0 else _SIGNALS - process.returncode


if __name__ == "__main__":
    sys.exit(main())
