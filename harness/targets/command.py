"""`command`: a process per case; its streams, exit code and files are the outputs."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from harness.files import as_content
from harness.model import (
    Answered,
    Content,
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
        "additionalProperties": {
            "type": "string",
            "pattern": "^(stdout|stderr|exit|file:.+)$",
            "description": "stdout, stderr, exit or file:PATH",
        },
    },
    "output_exits": _EXITS,
    "error_exits": _EXITS,
    "error": {"type": "string", "format": "regex"},
}
REQUIRED = ("command",)
PLACEHOLDERS = ("workspace", "input", "input_file", "name", "params_file", "settings_file")

_KEPT = 4096
_NO_ARGUMENT = re.compile("[\0\ud800-\udfff]")
_LONGEST_ARGUMENT = 128 * 1024 - 1  # Linux: MAX_ARG_STRLEN


class Command:
    """A program that knows nothing of the harness: in its words, `{input}` and the like stand for the case's own."""

    pipelined = False

    def __init__(self, options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> None:
        self._argv = argv(options["command"], folder)
        self._environment = environment
        self._exits = _Exits(options)

    def converse(self, job: Job) -> Conversation:
        """Lay out the case's files and arguments; what no word names is not laid out."""
        case, words = job.case, " ".join(self._argv)
        for what, given in (("params", case.params), ("settings", case.settings)):
            if given and f"{{{what}_file}}" not in words:
                raise Unaskable(f"the case has {what}, and the command no {{{what}_file}}")
        if "{input}" in words and not isinstance(case.input, str):
            raise Unaskable("this input is no text, and can not be an argument; give the command {input_file}")
        places = {
            "{input_file}": (f"input/{PurePosixPath(case.name).name}", _bytes(case.input or "")),
            "{params_file}": ("params.json", dumps(case.params).encode()),
            "{settings_file}": ("settings.json", dumps(case.settings).encode()),
        }
        laid = {word: place for word, place in places.items() if word in words}
        fill = {"{input}": str(case.input), "{name}": case.name, **{word: name for word, (name, _) in laid.items()}}
        pattern = re.compile("|".join(map(re.escape, fill)))
        launch = Launch(
            tuple(_argument(pattern.sub(lambda found: fill[found[0]], word)) for word in self._argv),
            self._environment,
            {name: _bytes(content) for name, content in job.shared.items()} | dict(laid.values()),
        )
        elsewhere = "{input}" in words or "{input_file}" in words
        return _Process(launch, b"" if elsewhere else _bytes(case.input or ""), self._exits, job.limits.output)


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")


def _argument(word: str) -> str:
    """Let through what can be an argument. Raises Unaskable."""
    if _NO_ARGUMENT.search(word) or len(_bytes(word)) > _LONGEST_ARGUMENT:
        why = "a NUL, half a character, or over 128 KiB"
        raise Unaskable(f"this input can not be an argument ({why}); give the command {{input_file}}")
    return word


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

    def read(self, end: End, stdout: Content, limit: int) -> Outputs | ErrorReply | Oversize | None:
        """Outputs, an error, or None where the exit code was not foreseen: then the process died."""
        if end.exit in self._bad:
            found = self._error.search(end.stderr) if self._error else None
            fields = {name: value for name, value in found.groupdict().items() if value is not None} if found else {}
            last = end.stderr.strip().rpartition("\n")[2]
            return ErrorReply({"kind": f"exit {end.exit}", "message": last, "text": end.stderr, **fields})
        if end.exit not in self._good:
            return None
        outputs: dict[str, Output] = {}
        for name, source in self._outputs.items():
            match _output(source, end, stdout, limit):
                case Oversize() as flood:
                    return flood
                case None:
                    pass  # the judge says which output is missing
                case output:
                    outputs[name] = output
        return Outputs(outputs)


def _output(source: str, end: End, stdout: Content, limit: int) -> Output | Oversize | None:
    match source:
        case "stdout":
            return stdout
        case "stderr":
            return end.stderr
        case "exit":
            return end.exit
        case _:
            return _file(end.folder, source.removeprefix("file:"), limit)


def _file(folder: Path, name: str, limit: int) -> Content | Oversize | None:
    """Read a file that the program left. A link out of its folder is none of its work: it may lead to the reference."""
    path = Path(os.path.realpath(folder / name))
    if not path.is_relative_to(os.path.realpath(folder)) or not path.is_file() or not os.access(path, os.R_OK):
        return None
    size = path.stat().st_size
    if size <= limit:
        return as_content(path.read_bytes())
    with path.open("rb") as file:
        head = file.read(_KEPT)
        file.seek(-_KEPT, os.SEEK_END)
        return _oversize(size, limit, head, file.read())


def _oversize(size: int, limit: int, head: bytes, tail: bytes) -> Oversize:
    return Oversize(size, limit, head.decode("utf-8", "replace"), tail.decode("utf-8", "replace"))


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
        said = b"".join(self._pieces)
        flood = self._size > self._limit
        stdout = _oversize(self._size, self._limit, said[:_KEPT], self._tail) if flood else as_content(said)
        reply = stdout if isinstance(stdout, Oversize) else self._exits.read(end, stdout, self._limit)
        return [] if reply is None else [Answered(reply)]
