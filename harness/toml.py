"""Reading the project's TOML files: syntax, schema, and the line that each fault stands on.

The happy path costs tomllib and jsonschema; the parser that knows lines is imported only to show a fault.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from rapidfuzz import process

from harness.errors import Fault, InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jsonschema import ValidationError

    from harness.model import Json

FORMAT = 1
_WIDTH = 200


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file that still knows where things stood."""

    path: Path
    text: str
    data: dict[str, Json]

    def place(self, *keys: str | int) -> Place:
        """Find the line of a key; the nearest one above it when the key is not there."""
        import toml_rs  # noqa: PLC0415 - 10 ms, and only to show a fault

        node: Json = toml_rs.load_with_metadata(self.text).meta["nodes"]
        line: int | None = None
        for key in keys:
            node = _inside(node)
            if not (key in node if isinstance(node, dict) else isinstance(node, list) and key in range(len(node))):
                break
            node = node[key]
            line = _line(node) or line
        return Place(str(self.path), line)


def load(path: Path, schema: str) -> tuple[Document, list[Fault]]:
    """Read a file and hold it against `schemas/SCHEMA.json`.

    Raises InputError when it can not be read, is not TOML, or has a newer format; returns all other faults.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as problem:
        raise InputError([Fault(Place(str(path)), f"can not be read ({problem.strerror})")]) from problem
    except UnicodeDecodeError as problem:
        raise InputError(
            [Fault(Place(str(path)), f"is not UTF-8 ({problem.reason} at byte {problem.start})")]
        ) from problem
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise InputError([_syntax(path, text, problem)]) from problem
    document = Document(path, text, data)
    found = data.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            [
                Fault(
                    document.place("format"),
                    f"format {found} is newer than this harness knows ({FORMAT}); upgrade port-harness",
                )
            ]
        )
    rules: Json = json.loads(files("harness").joinpath("schemas", f"{schema}.json").read_bytes())
    return document, faults(document, data, rules)


def faults(document: Document, value: Json, schema: Json, at: Sequence[str | int] = ()) -> list[Fault]:
    """Hold a part of a document, which stands at the keys `at`, against a JSON Schema."""
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [fault for error in validator.iter_errors(value) for fault in _say(document, error, at)]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of the names, or nothing when none is close."""
    best = process.extractOne(name, list(names), score_cutoff=60)
    return f"; did you mean {best[0]!r}?" if best else ""


def _say(document: Document, error: ValidationError, at: Sequence[str | int]) -> Iterator[Fault]:
    if error.validator == "anyOf" and error.context:
        # The alternative that got furthest is what was meant.
        deepest = max(error.context, key=lambda one: (len(one.absolute_path), one.validator != "type"))
        if len(deepest.absolute_path) > len(error.absolute_path) or deepest.validator in {
            "required",
            "additionalProperties",
        }:
            yield from _say(document, deepest, at)
            return
    path = [*at, *error.absolute_path]
    where = ".".join(str(key) for key in path if isinstance(key, str)) or "the file"
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = error.schema.get("properties", {})
        instance: Json = error.instance
        for key in instance:
            if key not in known:
                hint = nearest(key, known) or f"; known here: {', '.join(sorted(known)) or 'nothing'}"
                yield Fault(document.place(*path, key), f"{where} has no key {key!r}{hint}")
    elif error.validator == "required":
        wanted: Json = error.validator_value
        missing = [key for key in wanted if key not in error.instance]  # type: ignore[operator]
        yield Fault(document.place(*path), f"{where} needs {' and '.join(repr(key) for key in missing)}; add it")
    elif error.validator == "const":
        yield Fault(document.place(*path), f"{where} must be {error.validator_value!r}, not {error.instance!r}")
    else:
        yield Fault(document.place(*path), f"{where}: {_short(error.message)}; correct it")


def _short(message: str) -> str:
    return message if len(message) <= _WIDTH else message[: _WIDTH // 2] + " ... " + message[-_WIDTH // 3 :]


def _syntax(path: Path, text: str, problem: tomllib.TOMLDecodeError) -> Fault:
    message = str(problem)
    said, _, where = message.partition(" (at ")
    digits = where.removeprefix("line ").split(",")[0]
    line = int(digits) if digits.isdigit() else text.count("\n") + 1
    return Fault(Place(str(path), line), f"not valid TOML: {said[:1].lower()}{said[1:]}; correct it")


def _inside(node: Json) -> Json:
    """Step over the wrapper that the parser puts around a value."""
    return node["value"] if isinstance(node, dict) and "value_raw" in node else node


def _line(node: Json) -> int | None:
    """The first line of a node; a table knows none, so its first key's, less the header's."""
    if not isinstance(node, dict):
        return _line(node[0]) if isinstance(node, list) and node else None
    for mark in ("key_line", "value_line"):
        if isinstance(node.get(mark), int):
            return int(node[mark])
    lines = [line for child in node.values() if (line := _line(child)) is not None]
    return min(lines) if lines else None
