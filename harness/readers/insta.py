"""`insta`: Rust's snapshot files, one `.snap` a case, beside the inputs that a glob finds.

Format and rule of equality are those of insta's own `snapshot.rs`; see `docs/reference/readers.md`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import yaml

from harness.errors import Fault, Place
from harness.files import find, nothing_fits, shared
from harness.files import read as read_file
from harness.model import Case, Content, Found, Json, Misfit, Notice, Reference
from harness.patterns import fixed_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OPTIONS: Mapping[str, Json] = {
    "inputs": {"type": "string", "minLength": 1},
    "snapshots": {
        "type": "string",
        "pattern": r"^[^*?\[\]{}]*\{name\}[^*?\[\]{}]*$",
        "description": "a path with one {name} in it, and no wildcard",
    },
    "header": {
        "type": "object",
        "properties": {
            "format": {"type": "string", "enum": ["json", "yaml"]},
            "separator": {"type": "string", "minLength": 1},
            "settings": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}]},
        },
        "required": ["format"],
        "additionalProperties": False,
    },
    "shared": {"type": "array", "items": {"type": "string", "minLength": 1}},
}
REQUIRED = ("snapshots",)

# What Rust's `trim_end` removes (Unicode White_Space); Python's `rstrip()` would take four control characters more.
_WHITE_SPACE = (
    "\t\n\x0b\x0c\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
_DASHES = re.compile(r"^---[ \t]*(?:\n|\Z)", re.MULTILINE)
_OLD_HEADER = re.compile(r"(?:(?:Created|Creator|Expression|Source): [^\n]*\n)+\n")
_DEEPEST = 100
"""YAML may nest so far: 100,000 `[` take minutes to scan, and to build what they hold ends the process in silence."""


def canonical(text: str) -> str:
    """Insta's comparison, with its legacy form: as `_normal`, leading newlines and one `---` line dropped."""
    return _normal(text).lstrip("\r\n").removeprefix("---\n")


def _normal(text: str) -> str:
    """What insta writes: white space at the end dropped, CRLF is LF."""
    return text.rstrip(_WHITE_SPACE).replace("\r\n", "\n")


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each input; without `inputs`, a case without input for each snapshot."""
    yield from shared(root, options.get("shared", ()))
    if "inputs" not in options:
        yield from _references_only(suite, root, options["snapshots"])
        return
    seen: set[int] = set()  # hashes of paths: a path takes three times the room
    for case in inputs(suite, root, options):
        if not isinstance(case, Case):
            yield case
            continue
        snapshot = _snapshot(root, options, case)
        if hash(snapshot) in seen:
            yield from _claimed_twice(root, options, case, snapshot)
            continue
        seen.add(hash(snapshot))
        reference = _reference(snapshot, case.place.path)
        yield reference if isinstance(reference, Fault) else replace(case, references=(reference,))
    for found in _all_snapshots(root, options["snapshots"]):
        if isinstance(found, Fault):
            yield found
        elif hash(found[1]) not in seen:
            yield Notice("this snapshot has no input and is not compared", Place(found[1]))


def inputs(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Case | Misfit | Fault]:
    """Yield each input as a case without references: what `harness record` asks the oracle."""
    header = options.get("header")
    empty = True
    for found in find(root, options["inputs"]):
        empty = False
        if isinstance(found, Fault):
            yield found
            continue
        name, path = found
        content = read_file(path)
        entry = content if isinstance(content, Fault) else _split(path, content, header) if header else _Input(content)
        if isinstance(entry, Fault):
            yield entry
        else:
            name = unicodedata.normalize("NFC", name)
            yield Case(suite, name, entry.content, (), Place(path, entry.line), entry.params, entry.settings)
    if empty:
        yield nothing_fits("inputs", options["inputs"], root)


def write(root: Path, options: Mapping[str, Json], case: Case, text: str) -> tuple[str, str]:
    """Say what file a recorded reference belongs into, and what must stand in it.

    What is there already keeps its front matter, and stays to the byte where insta would call it equal.
    """
    path = _snapshot(root, options, case)
    before = read_file(path) if os.path.isfile(path) else ""
    if isinstance(before, str) and (opening := _DASHES.match(before)):
        closing = _DASHES.search(before, opening.end())
        if closing is not None:
            equal = canonical(before[closing.end() :]) == canonical(text)
            return path, before if equal else f"{before[: closing.end()]}{_normal(text)}\n"
    metadata: dict[str, Json] = {"info": dict(case.params)} if case.params else {}
    metadata["input_file"] = os.path.relpath(case.place.path, root)
    front = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False, width=sys.maxsize)
    return path, f"---\n{front}---\n{_normal(text)}\n"


@dataclass(frozen=True, slots=True)
class _Input:
    content: Content
    params: Mapping[str, Json] = field(default_factory=dict)
    settings: Mapping[str, Json] = field(default_factory=dict)
    line: int = 1


def _snapshot(root: Path, options: Mapping[str, Json], case: Case) -> str:
    """The snapshot's path: as the input's name is spelled on disk, with insta's `__` for a slash."""
    base = os.path.join(root, fixed_folder(options["inputs"]))
    name = os.path.relpath(case.place.path, base)
    return os.path.join(root, options["snapshots"].replace("{name}", name.replace("/", "__")))


def _claimed_twice(root: Path, options: Mapping[str, Json], case: Case, snapshot: str) -> Iterator[Fault]:
    """Name the two inputs that one snapshot would belong to."""
    for other in inputs("", root, options):
        if isinstance(other, Case) and _snapshot(root, options, other) == snapshot:
            says = f"its snapshot {Place(snapshot)} is that of {other.place} too; rename one, or narrow `inputs`"
            yield Fault(case.place, says)
            return


def _references_only(suite: str, root: Path, snapshots: str) -> Iterator[Found]:
    empty = True
    for found in _all_snapshots(root, snapshots):
        empty = False
        if isinstance(found, Fault):
            yield found
            continue
        name, path = found
        reference = _reference(path, path)
        if isinstance(reference, Fault):
            yield reference
        else:
            yield Case(suite, unicodedata.normalize("NFC", name), None, (reference,), Place(path))
    if empty:
        yield nothing_fits("snapshots", snapshots, root)


def _all_snapshots(root: Path, snapshots: str) -> Iterator[tuple[str, str] | Fault]:
    """List (name, path) of every file that the pattern could mean."""
    glob = snapshots.replace("{name}", "*")
    base = fixed_folder(glob)
    before, _, after = snapshots[len(base) + 1 if base else 0 :].partition("{name}")
    for found in find(root, glob):
        yield found if isinstance(found, Fault) else (found[0][len(before) : len(found[0]) - len(after)], found[1])


def _reference(path: str, input_path: str) -> Reference | Fault:
    text = read_file(path)
    if isinstance(text, Fault):
        if os.path.lexists(path):
            return text
        return Fault(Place(input_path), f"has no snapshot: {Place(path)} is missing; record it, or narrow `inputs`")
    if isinstance(text, bytes):
        says = "a snapshot must be UTF-8 text; restore it from the source project"
        return Fault(Place(path, _line_of_bad_byte(text)), says)
    text = text.replace("\r\n", "\n")
    opening = _DASHES.match(text)
    if opening is None:
        header = _OLD_HEADER.match(text)
        start = header.end() if header else 0
        return Reference("output", (text[start:],), Place(path, text.count("\n", 0, start) + 1))
    closing = _DASHES.search(text, opening.end())
    if closing is None:
        return Fault(Place(path, 1), "the front matter is not closed by a `---` line; restore the snapshot")
    metadata = _metadata(path, text[opening.end() : closing.start()])
    if isinstance(metadata, Fault):
        return metadata
    if metadata.get("snapshot_kind") == "binary":
        return _binary(path, metadata.get("extension"))
    return Reference("output", (text[closing.end() :],), Place(path, text.count("\n", 0, closing.end()) + 1))


def _metadata(path: str, text: str) -> Mapping[str, str | None] | Fault:
    """Read the scalars of the outermost mapping; from events, since the rest is wanted by nobody and may be a bomb."""
    turns: list[str | None] = []
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            if depth == 0 and isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent):
                return Fault(Place(path, 2), "the front matter is not a YAML mapping; restore the snapshot")
            if depth == 1 and isinstance(event, yaml.NodeEvent):
                turns.append(event.value if isinstance(event, yaml.ScalarEvent) else None)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return Fault(Place(path, 2), "the front matter is nested too deeply to be read; restore the snapshot")
    except yaml.YAMLError as problem:
        return _not_yaml("the front matter", path, problem, 2)
    return {key: value for key, value in zip(turns[::2], turns[1::2], strict=True) if key is not None}


def _binary(path: str, extension: str | None) -> Reference | Fault:
    if not extension or "/" in extension:
        return Fault(Place(path, 1), "is a binary snapshot without an `extension`; restore it from the source project")
    content = read_file(f"{path}.{extension}")
    if isinstance(content, Fault):
        return Fault(Place(path, 1), f"is a binary snapshot, and {content.place} {content.says}")
    return Reference(
        "output", (content if isinstance(content, bytes) else content.encode(),), Place(f"{path}.{extension}")
    )


def _split(path: str, content: Content, header: Mapping[str, Json]) -> _Input | Fault:
    """Part the header from the input, and its keys into params and settings."""
    separator = header.get("separator", "---")
    if isinstance(content, bytes):
        return Fault(
            Place(path, _line_of_bad_byte(content)),
            "an input with a header must be UTF-8 text; restore it, or drop `header`",
        )
    cut = re.search(rf"(?:\A|\n){re.escape(separator)}\r?\n", content)
    if cut is None:
        return Fault(Place(path, 1), f"no line {separator!r} after the header; add it, or drop `header` for this suite")
    found = _load(path, content[: cut.start()], header["format"])
    if isinstance(found, Fault):
        return found
    params, settings = _part(found, header.get("settings"))
    if not isinstance(settings, dict):
        return Fault(Place(path, 1), f"{header['settings']!r} in the header must be an object; correct it")
    return _Input(content[cut.end() :], params, settings, content[: cut.end()].count("\n") + 1)


def _load(path: str, text: str, form: str) -> dict[str, Json] | Fault:
    try:
        found = json.loads(text) if form == "json" else _load_yaml(text)
    except json.JSONDecodeError as problem:
        return Fault(Place(path, problem.lineno), f"the header is not JSON ({problem.msg}); correct it")
    except yaml.YAMLError as problem:
        return _not_yaml("the header", path, problem, 1)
    except RecursionError:
        return Fault(Place(path, 1), "the header is nested too deeply to be read; make it flatter")
    except (ValueError, TypeError) as problem:  # a number of 5,000 digits; a YAML date that is none, or any at all
        return Fault(Place(path, 1), f"the header holds what JSON can not ({problem}); write it out or quote it")
    if not isinstance(found, dict):
        return Fault(Place(path, 1), "the header must be an object; correct it")
    return found


def _load_yaml(text: str) -> Json:
    """Read what JSON could say as well. Raises RecursionError, ValueError or TypeError for the rest."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError
        if isinstance(event, yaml.AliasEvent):  # a few of these in one another can be a billion values
            raise TypeError(f"the alias *{event.anchor}")
    found = yaml.load(text, Loader=yaml.CSafeLoader)
    return {} if found is None else json.loads(json.dumps(found))


def _not_yaml(what: str, path: str, problem: yaml.YAMLError, first: int) -> Fault:
    """Say what is wrong, and in which line; the YAML begins in the file's line `first`."""
    mark = problem.problem_mark if isinstance(problem, yaml.MarkedYAMLError) else None
    said = problem.problem if isinstance(problem, yaml.MarkedYAMLError) else str(problem).partition("\n")[0]
    return Fault(Place(path, first + (mark.line if mark else 0)), f"{what} is not YAML ({said}); correct it")


def _part(found: dict[str, Json], settings: str | list[str] | None) -> tuple[dict[str, Json], Json]:
    if settings is None:
        return found, {}
    if settings == "*":
        return {}, found
    if isinstance(settings, str):
        return {key: value for key, value in found.items() if key != settings}, found.get(settings, {})
    return (
        {key: value for key, value in found.items() if key not in settings},
        {key: value for key, value in found.items() if key in settings},
    )


def _line_of_bad_byte(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as problem:
        return data.count(b"\n", 0, problem.start) + 1
    return 1
