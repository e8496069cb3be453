"""`jsonl`: long-lived workers that speak the wire protocol."""

from __future__ import annotations

import os
import re
from collections import deque
from typing import TYPE_CHECKING

from harness import wire
from harness.errors import UsageError
from harness.model import Answered, Conversation, End, Garbage, Heard, Job, Json, Launch, Oversize
from harness.targets import argv
from harness.wire import WireFault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIONS: Mapping[str, Json] = {"command": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
REQUIRED = ("command",)
PLACEHOLDERS = ("workspace",)

_KEPT = 4096
_UNASKED = 64 * 1024
"""How long a line may be that answers no case."""
_KEY = re.compile("k[1-9][0-9]{0,17}", re.ASCII)


class Jsonl:
    """A command whose process serves many cases."""

    pipelined = True

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    def converse(self, job: Job) -> Conversation:  # noqa: ARG002 - this process serves any case
        """Begin with a new worker."""
        return Lines(self._launch)


def make(options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> Jsonl:
    """Take the command as it stands; `{workspace}` in it is the folder of the harness.toml.

    Raises UsageError for what every beginner writes: a worker starts in an empty folder, where there is no such file.
    """
    for word in options["command"][1:]:
        if os.path.isfile(folder / word) and not os.path.isabs(word):
            raise UsageError(
                f"command: {word!r} is a file of the workspace, and a worker starts in an empty folder; "
                f"write '{{workspace}}/{word}'"
            )
    return Jsonl(Launch(argv(options["command"], folder), environment))


class Lines:
    """One worker's talk. Replies come in the order of the requests; after anything else, nothing more is understood."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._ready = False
        self._lost = False
        self._count = 0
        self._due: deque[tuple[str, int]] = deque()
        self._opened: set[str] = set()
        self._pieces: list[bytes] = []
        self._size = 0
        self._flood: tuple[bytes, bytes, int] | None = None

    def greeting(self) -> bytes:
        """Say which protocol this is."""
        return wire.hello()

    def request(self, job: Job) -> bytes:
        """Ask; open the case's suite first, if this worker has not seen it."""
        suite = job.case.suite
        prefix = b""
        if suite not in self._opened:
            self._opened.add(suite)
            prefix = wire.open_suite(suite, job.shared)
        self._count += 1
        key = f"k{self._count}"
        self._due.append((key, job.limits.output))
        return prefix + wire.request(key, job.case)

    def receive(self, data: bytes) -> list[Heard]:
        """Cut the stream into lines; only the last, unfinished one is kept."""
        heard: list[Heard] = []
        start = 0
        while not self._lost and (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end])
            heard += self._line()
            start = end + 1
        if not self._lost:
            self._add(data[start:])
        if self._flood is not None and not self._due:  # it may never end
            heard += self._line()
        return heard

    def finish(self, end: End) -> list[Heard]:  # noqa: ARG002 - how a worker ended makes no verdict
        """A last line without its newline counts when it is whole."""
        return self._line() if self._size else []

    def _add(self, data: bytes) -> None:
        """Keep a piece of the current line; over the limit only its ends are kept."""
        limit = self._due[0][1] if self._due else _UNASKED
        self._size += len(data)
        if self._flood is not None:
            head, tail, _ = self._flood
            self._flood = (head, (tail + data)[-_KEPT:], self._size)
        elif self._size > limit:
            line = b"".join((*self._pieces, data))
            self._pieces.clear()
            self._flood = (line[:_KEPT], line[-_KEPT:], self._size)
        elif data:
            self._pieces.append(data)

    def _line(self) -> list[Heard]:
        line, flood = b"".join(self._pieces), self._flood
        self._pieces, self._size, self._flood = [], 0, None
        if flood is not None:
            return [self._oversize(*flood)]
        if not line.strip():
            return []
        try:
            if not self._ready:
                who = wire.ready(line)
                self._ready = True
                return [who]
            key, reply = wire.reply(line)
        except WireFault as fault:
            return [self._garbage(str(fault), line)]
        if not self._due or key != self._due[0][0]:
            return [self._garbage(self._stray(key), line)]
        self._due.popleft()
        return [Answered(reply)]

    def _stray(self, key: str) -> str:
        if any(key == due for due, _ in self._due):
            return f"the reply to {key} before the one to {self._due[0][0]}"
        if _KEY.fullmatch(key) and int(key[1:]) <= self._count:
            return f"a second reply to {key}"
        return f"a reply with the unknown id {key[:40]!r}"

    def _garbage(self, why: str, said: bytes) -> Garbage:
        self._lost = True
        return Garbage(why, said[:_KEPT].decode("utf-8", "replace"))

    def _oversize(self, head: bytes, tail: bytes, size: int) -> Heard:
        if not self._due:
            return self._garbage("a flood that no case asked for", head)
        _, limit = self._due.popleft()
        return Answered(Oversize(size, limit, head.decode("utf-8", "replace"), tail.decode("utf-8", "replace")))
