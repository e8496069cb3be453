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
    "snapshots": {"type": "string", "pattern": r"\{name\}"},
    "header": {
        "type": "object",
        "properties": {
            "format": {"enum": ["json", "yaml"]},
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
_WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|\Z)", re.DOTALL)
_OLD_HEADER = re.compile(r"(?:(?:Created|Creator|Expression|Source): [^\n]*\n)+\n")


def canonical(text: str) -> str:
    """Insta's comparison, with its legacy form: ends trimmed, CRLF is LF, leading newlines and one `---` line dropped."""
    return text.lstrip("\r\n").rstrip(_WHITE_SPACE).replace("\r\n", "\n").removeprefix("---\n")


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each input; without `inputs`, a case without input for each snapshot."""
    yield from shared(root, options.get("shared", ()))
    if "inputs" not in options:
        yield from _references_only(suite, root, options["snapshots"])
        return
    seen: set[str] = set()
    for case in inputs(suite, root, options):
        if not isinstance(case, Case):
            yield case
            continue
        snapshot = _snapshot(root, options, case)
        seen.add(snapshot)
        reference = _reference(snapshot, case.place.path)
        yield reference if isinstance(reference, Fault) else replace(case, references=(reference,))
    for _, path in _all_snapshots(root, options["snapshots"]):
        if path not in seen:
            yield Notice("this snapshot has no input and is not compared", Place(path))


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
    """Say what file a recorded reference belongs into, and what must stand in it."""
    metadata = {"info": dict(case.params)} if case.params else {}
    metadata["input_file"] = os.path.relpath(case.place.path, root)
    front = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False, width=sys.maxsize)
    return _snapshot(root, options, case), f"---\n{front}---\n{canonical(text)}\n"


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


def _references_only(suite: str, root: Path, snapshots: str) -> Iterator[Found]:
    empty = True
    for name, path in _all_snapshots(root, snapshots):
        empty = False
        reference = _reference(path, path)
        yield (
            reference
            if isinstance(reference, Fault)
            else Case(suite, unicodedata.normalize("NFC", name), None, (reference,), Place(path))
        )
    if empty:
        yield nothing_fits("snapshots", snapshots, root)


def _all_snapshots(root: Path, snapshots: str) -> Iterator[tuple[str, str]]:
    """List (name, path) of every file that the pattern could mean."""
    glob = snapshots.replace("{name}", "*")
    base = fixed_folder(glob)
    before, _, after = snapshots[len(base) + 1 if base else 0 :].partition("{name}")
    for found in find(root, glob):
        if not isinstance(found, Fault):
            yield found[0][len(before) : len(found[0]) - len(after)], found[1]


def _reference(path: str, input_path: str) -> Reference | Fault:
    if not os.path.exists(path):
        return Fault(Place(input_path), f"has no snapshot: {path} is missing; record it, or narrow `inputs`")
    text = read_file(path)
    if isinstance(text, Fault):
        return text
    if isinstance(text, bytes):
        return Fault(
            Place(path, _line_of_bad_byte(text)), "a snapshot must be UTF-8 text; restore it from the source project"
        )
    text = text.replace("\r\n", "\n")
    if not text.startswith("---\n"):
        body = _OLD_HEADER.sub("", text, count=1) if _OLD_HEADER.match(text) else text
        return Reference("output", (body,), Place(path, text[: len(text) - len(body)].count("\n") + 1))
    front = _FRONT_MATTER.match(text)
    if front is None:
        return Fault(Place(path, 1), "the front matter is not closed by a `---` line; restore the snapshot")
    metadata = _metadata(path, front[1] or "")
    if isinstance(metadata, Fault):
        return metadata
    if metadata.get("snapshot_kind") == "binary":
        return _binary(path, metadata)
    return Reference("output", (text[front.end() :],), Place(path, front[0].count("\n") + 1))


def _metadata(path: str, text: str) -> Mapping[str, Json] | Fault:
    try:
        metadata = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 2 if problem.problem_mark else 1
        return Fault(Place(path, line), f"the front matter is not YAML ({problem.problem}); restore the snapshot")
    except (yaml.YAMLError, RecursionError) as problem:
        return Fault(Place(path, 1), f"the front matter is not YAML ({problem}); restore the snapshot")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        return Fault(Place(path, 2), "the front matter is not a YAML mapping; restore the snapshot")
    return metadata


def _binary(path: str, metadata: Mapping[str, Json]) -> Reference | Fault:
    beside = f"{path}.{metadata.get('extension', '')}"
    try:
        with open(beside, "rb") as file:
            return Reference("output", (file.read(),), Place(beside))
    except OSError as problem:
        return Fault(
            Place(path), f"is a binary snapshot, but {beside} can not be read ({problem.strerror}); restore it"
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
        return Fault(Place(path, 1), f"{header['settings']!r} in the header must be an object")
    return _Input(content[cut.end() :], params, settings, content[: cut.end()].count("\n") + 1)


def _load(path: str, text: str, form: str) -> dict[str, Json] | Fault:
    try:
        found = json.loads(text) if form == "json" else yaml.load(text, Loader=yaml.CSafeLoader) or {}
    except json.JSONDecodeError as problem:
        return Fault(Place(path, problem.lineno), f"the header is not JSON ({problem.msg}); correct it")
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        return Fault(Place(path, line), f"the header is not YAML ({problem.problem}); correct it")
    except RecursionError:
        return Fault(Place(path, 1), "the header is nested too deeply to be read; make it flatter")
    if not isinstance(found, dict):
        return Fault(Place(path, 1), "the header must be an object")
    return found


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
