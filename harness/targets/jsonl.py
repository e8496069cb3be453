"""`jsonl`: long-lived workers that speak the wire protocol."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from harness import wire
from harness.model import Answered, Conversation, End, Garbage, Heard, Job, Json, Launch, Oversize
from harness.targets import argv
from harness.wire import WireFault

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIONS: Mapping[str, Json] = {"command": {"type": "array", "items": {"type": "string"}, "minItems": 1}}
REQUIRED = ("command",)

_KEPT = 4096


class Jsonl:
    """A command whose process serves many cases."""

    pipelined = True

    def __init__(self, launch: Launch) -> None:
        self._launch = launch

    def converse(self, job: Job) -> Conversation:  # noqa: ARG002 - this process serves any case
        """Begin with a new worker."""
        return Lines(self._launch)


def make(options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> Jsonl:
    """Take the command as it stands; `{workspace}` in it is the folder of the harness.toml."""
    return Jsonl(Launch(argv(options["command"], folder), environment))


class Lines:
    """One worker's talk. Replies come in the order of the requests; anything else is garbage."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._ready = False
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
        while (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end])
            heard += self._line()
            start = end + 1
        self._add(data[start:])
        return heard

    def finish(self, end: End) -> list[Heard]:  # noqa: ARG002 - how a worker ended makes no verdict
        """A last line without its newline counts when it is whole."""
        if self._flood is None and not self._size:
            return []
        return self._line()

    def _add(self, data: bytes) -> None:
        """Keep a piece of the current line; over the limit only its ends are kept."""
        limit = self._due[0][1] if self._due else _KEPT * 16
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
            return [Garbage(str(fault), line[:_KEPT].decode("utf-8", "replace"))]
        if not self._due or key != self._due[0][0]:
            known = key[:1] == "k" and key[1:].isdecimal() and int(key[1:]) <= self._count
            why = "a second reply to one case" if known else f"a reply with the unknown id {key[:40]!r}"
            return [Garbage(why, line[:_KEPT].decode("utf-8", "replace"))]
        self._due.popleft()
        return [Answered(reply)]

    def _oversize(self, head: bytes, tail: bytes, size: int) -> Heard:
        if not self._due:
            return Garbage("a flood that no case asked for", head.decode("utf-8", "replace"))
        _, limit = self._due.popleft()
        return Answered(Oversize(size, limit, head.decode("utf-8", "replace"), tail.decode("utf-8", "replace")))
