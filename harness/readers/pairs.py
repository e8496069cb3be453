"""`pairs`: a file with the input, and a file beside it (or in a second tree) for each output."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from harness.errors import Fault, Place
from harness.files import find, nothing_fits, shared
from harness.files import read as read_file
from harness.model import Case, Found, Json, Misfit, Notice, Reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_OUTPUT = {"type": "string", "pattern": r"\{(name|stem)\}"}
OPTIONS: Mapping[str, Json] = {
    "inputs": {"type": "string", "minLength": 1},
    "outputs": {"anyOf": [_OUTPUT, {"type": "object", "minProperties": 1, "additionalProperties": _OUTPUT}]},
    "shared": {"type": "array", "items": {"type": "string", "minLength": 1}},
}
REQUIRED = ("inputs", "outputs")


def canonical(text: str) -> str:
    """Nothing is forgiven: the files say what they say."""
    return text


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each input that `inputs` finds; each pattern of `outputs` names one reference."""
    yield from shared(root, options.get("shared", ()))
    patterns: Mapping[str, str] = (
        options["outputs"] if isinstance(options["outputs"], dict) else {"output": options["outputs"]}
    )
    seen: set[str] = set()
    empty = True
    for found in find(root, options["inputs"]):
        empty = False
        if isinstance(found, Fault):
            yield found
            continue
        name, path = found
        paths = {output: os.path.join(root, _fill(pattern, name)) for output, pattern in patterns.items()}
        if path in paths.values():
            yield Misfit("outputs", f"inputs and outputs both name {path}; make one of the patterns narrower")
            continue
        seen.update((path, *paths.values()))
        yield from _case(suite, name, path, paths)
    if empty:
        yield nothing_fits("inputs", options["inputs"], root)
    yield from _unreferenced(root, patterns, seen)


def _fill(pattern: str, name: str) -> str:
    return pattern.replace("{name}", name).replace("{stem}", os.path.splitext(name)[0])


def _case(suite: str, name: str, path: str, paths: Mapping[str, str]) -> Iterator[Found]:
    content = read_file(path)
    faults = [content] if isinstance(content, Fault) else []
    references: list[Reference] = []
    for output, beside in paths.items():
        if not os.path.exists(beside):
            faults.append(Fault(Place(path), f"has no reference: {beside} is missing; record it, or narrow `inputs`"))
            continue
        reference = read_file(beside)
        if isinstance(reference, Fault):
            faults.append(reference)
        else:
            references.append(Reference(output, (reference,), Place(beside, 1)))
    if not faults and not isinstance(content, Fault):
        yield Case(suite, unicodedata.normalize("NFC", name), content, tuple(references), Place(path, 1))
    yield from faults


def _unreferenced(root: Path, patterns: Mapping[str, str], seen: set[str]) -> Iterator[Notice]:
    for pattern in patterns.values():
        for found in find(root, pattern.replace("{name}", "**/*").replace("{stem}", "**/*")):
            if not isinstance(found, Fault) and found[1] not in seen:
                yield Notice("this reference has no input and is not compared", Place(found[1]))
