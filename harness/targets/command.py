"""`command`: a process per case; its streams, exit code and files are the outputs."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.files import as_content
from harness.model import (
    Answered,
    Conversation,
    End,
    ErrorReply,
    Heard,
    Job,
    Json,
    Launch,
    Output,
    Outputs,
    Oversize,
    Unaskable,
)
from harness.targets import argv
from harness.wire import dumps

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXITS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}}
OPTIONS: Mapping[str, Json] = {
    "command": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    "outputs": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "string", "pattern": "^(stdout|stderr|exit|file:.+)$"},
    },
    "output_exits": _EXITS,
    "error_exits": _EXITS,
    "error": {"type": "string", "format": "regex"},
}
REQUIRED = ("command",)

_KEPT = 4096
_LONGEST_ARGUMENT = 128 * 1024 - 1  # Linux: MAX_ARG_STRLEN


class Command:
    """`{input}`, `{input_file}`, `{name}`, `{params_file}` and `{settings_file}` in the command stand for the case's own."""

    pipelined = False

    def __init__(self, options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> None:
        self._argv = argv(options["command"], folder)
        self._environment = environment
        self._exits = _Exits(options)

    def converse(self, job: Job) -> Conversation:
        """Lay out the case's files and arguments."""
        case, words = job.case, " ".join(self._argv)
        for what, given in (("params", case.params), ("settings", case.settings)):
            if given and f"{{{what}_file}}" not in words:
                raise Unaskable(f"the case has {what}, and the command no {{{what}_file}}")
        data = case.input if isinstance(case.input, bytes) else (case.input or "").encode("utf-8", "surrogatepass")
        input_file = f"input/{PurePosixPath(case.name).name}"
        fill = {
            "{input_file}": input_file,
            "{params_file}": "params.json",
            "{settings_file}": "settings.json",
            "{name}": case.name,
        }
        if "{input}" in words:
            if not isinstance(case.input, str) or "\0" in case.input or len(data) > _LONGEST_ARGUMENT:
                raise Unaskable(
                    "this input can not be an argument (bytes, a NUL, or over 128 KiB); give the command {input_file}"
                )
            fill["{input}"] = case.input
        files = {
            name: content if isinstance(content, bytes) else content.encode() for name, content in job.shared.items()
        }
        files |= {
            input_file: data,
            "params.json": dumps(case.params).encode(),
            "settings.json": dumps(case.settings).encode(),
        }
        pattern = re.compile("|".join(map(re.escape, fill)))
        launch = Launch(
            tuple(pattern.sub(lambda found: fill[found[0]], word) for word in self._argv), self._environment, files
        )
        by_argument = "{input}" in words or "{input_file}" in words
        return _Process(launch, b"" if by_argument else data, self._exits, job.limits.output)


def make(options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> Command:
    """Take the command as it stands; `{workspace}` in it is the folder of the harness.toml."""
    return Command(options, folder, environment)


class _Exits:
    """What the end of a process means."""

    def __init__(self, options: Mapping[str, Json]) -> None:
        self._outputs: Mapping[str, str] = options.get("outputs", {"output": "stdout"})
        self._good = frozenset(options.get("output_exits", [0]))
        self._bad = frozenset(options.get("error_exits", []))
        self._error = re.compile(options["error"], re.DOTALL) if "error" in options else None

    def read(self, end: End, stdout: bytes) -> Outputs | ErrorReply | None:
        """Outputs, an error, or None where the exit code was not foreseen: then the process died."""
        if end.exit in self._bad:
            found = self._error.search(end.stderr) if self._error else None
            fields = {name: value for name, value in found.groupdict().items() if value is not None} if found else {}
            return ErrorReply({"kind": f"exit {end.exit}", "text": end.stderr, **fields})
        if end.exit not in self._good:
            return None
        named = {name: self._output(source, end, stdout) for name, source in self._outputs.items()}
        return Outputs({name: output for name, output in named.items() if output is not None})

    def _output(self, source: str, end: End, stdout: bytes) -> Output | None:
        match source:
            case "stdout":
                return as_content(stdout)
            case "stderr":
                return end.stderr
            case "exit":
                return end.exit
            case _:
                path = end.folder / source.removeprefix("file:")
                return as_content(path.read_bytes()) if path.is_file() else None


class _Process:
    """One case's process."""

    def __init__(self, launch: Launch, stdin: bytes, exits: _Exits, limit: int) -> None:
        self.launch = launch
        self._stdin = stdin
        self._exits = exits
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._tail = b""

    def greeting(self) -> bytes:
        """A plain program is ready at once."""
        return b""

    def request(self, job: Job) -> bytes:  # noqa: ARG002 - the process was started for this case
        """Give the input, unless an argument or a file has it."""
        return self._stdin

    def receive(self, data: bytes) -> list[Heard]:
        """Keep stdout up to the limit, and beyond it the end."""
        if self._size <= self._limit:
            self._pieces.append(data)
        self._size += len(data)
        self._tail = (self._tail + data)[-_KEPT:]
        return []

    def finish(self, end: End) -> list[Heard]:
        """Make the outputs of what is there."""
        stdout = b"".join(self._pieces)
        if self._size > self._limit:
            ends = (part.decode("utf-8", "replace") for part in (stdout[:_KEPT], self._tail))
            return [Answered(Oversize(self._size, self._limit, *ends))]
        reply = self._exits.read(end, stdout)
        return [] if reply is None else [Answered(reply)]
