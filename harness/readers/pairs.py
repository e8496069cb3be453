"""`pairs`: a file with the input, and a file beside it (or in a second tree) for each output."""

from __future__ import annotations

import os
import unicodedata
from typing import TYPE_CHECKING

from harness.errors import Fault, Place
from harness.files import find, nothing_fits, shared
from harness.files import read as read_file
from harness.model import Case, Found, Json, Misfit, Notice, Reference
from harness.patterns import compile_glob, fixed_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_OUTPUT = {
    "type": "string",
    "pattern": r"^[^*?\[\]{}]*\{(name|stem)\}[^*?\[\]{}]*$",
    "description": "a path with one {name} or {stem} in it, and no wildcard",
}
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
    glob, patterns = options["inputs"], _patterns(options)
    claimed: set[int] = set()  # hashes of paths: a path takes three times the room, and there may be 100,000
    empty = True
    for found in find(root, glob):
        empty = False
        if isinstance(found, Fault):
            yield found
            continue
        name, path = found
        paths = _beside(root, patterns, name)
        if path in paths.values():
            yield Misfit("outputs", f"inputs and outputs both name {Place(path)}; make one of the patterns narrower")
            return
        twice = next((beside for beside in paths.values() if hash(beside) in claimed), None)
        claimed.update(map(hash, paths.values()))
        if twice is not None:
            yield from _claimed_twice(root, options, path, twice)
        else:
            yield from _case(suite, name, path, paths)
    if empty:
        yield nothing_fits("inputs", glob, root)
    is_input = compile_glob(glob).fullmatch
    for pattern in patterns.values():
        for found in _outputs(root, glob, pattern):
            if isinstance(found, Fault):
                yield found
            elif hash(found[1]) not in claimed and not is_input(os.path.relpath(found[1], root)):
                claimed.add(hash(found[1]))
                yield Notice("this reference has no input and is not compared", Place(found[1]))


def _patterns(options: Mapping[str, Json]) -> Mapping[str, str]:
    outputs = options["outputs"]
    return outputs if isinstance(outputs, dict) else {"output": outputs}


def _beside(root: Path, patterns: Mapping[str, str], name: str) -> dict[str, str]:
    return {output: os.path.join(root, _fill(pattern, name)) for output, pattern in patterns.items()}


def _claimed_twice(root: Path, options: Mapping[str, Json], path: str, beside: str) -> Iterator[Fault]:
    """Name the two inputs that one reference would belong to."""
    for found in find(root, options["inputs"]):
        if not isinstance(found, Fault) and beside in _beside(root, _patterns(options), found[0]).values():
            says = f"its reference {Place(beside)} is that of {Place(found[1])} too; narrow `inputs`, or use {{name}}"
            yield Fault(Place(path), says)
            return


def _fill(pattern: str, name: str) -> str:
    return pattern.replace("{name}", name).replace("{stem}", os.path.splitext(name)[0])


def _case(suite: str, name: str, path: str, paths: Mapping[str, str]) -> Iterator[Found]:
    content = read_file(path)
    faults = [content] if isinstance(content, Fault) else []
    references: list[Reference] = []
    for output, beside in paths.items():
        reference = read_file(beside)
        if not isinstance(reference, Fault):
            references.append(Reference(output, (reference,), Place(beside, 1)))
        elif os.path.lexists(beside):
            faults.append(reference)
        else:
            says = f"has no reference: {Place(beside)} is missing; record it, or narrow `inputs`"
            faults.append(Fault(Place(path), says))
    if not faults and not isinstance(content, Fault):
        yield Case(suite, unicodedata.normalize("NFC", name), content, tuple(references), Place(path, 1))
    yield from faults


def _outputs(root: Path, inputs: str, pattern: str) -> Iterator[tuple[str, str] | Fault]:
    """Find whatever a pattern of `outputs` could name: as deep as the inputs lie, since the root may hold anything."""
    inner = inputs[len(fixed_folder(inputs)) :].lstrip("/")
    anything = "**/*" if "/" in inner or "**" in inner else "*"
    return find(root, pattern.replace("{name}", anything).replace("{stem}", anything))
