"""`pairs`: a file with the input, and a file beside it (or in a second tree) for each output; also inside archives."""

from __future__ import annotations

import base64
import os
import posixpath
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from harness import documents, fields
from harness.archives import Archive, Folder, unpack
from harness.errors import Fault, Place
from harness.files import nothing_fits, shared
from harness.files import read as read_file
from harness.model import Case, Content, Found, Json, Misfit, Notice, Reference
from harness.patterns import compile_glob, fixed_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Tree: TypeAlias = Folder | Archive

_ONE = {"type": "string", "minLength": 1}
_OUTPUT = {
    "type": "string",
    "pattern": r"^[^*?\[\]{}]*\{(name|stem|folder)\}[^*?\[\]{}]*$",
    "description": "a path with one {name}, {stem} or {folder} in it, and no wildcard",
}
_OUTPUTS = {"type": "array", "items": _OUTPUT, "minItems": 1}
_ANY = {"type": "object", "properties": {"any": _OUTPUTS}, "required": ["any"], "additionalProperties": False}
_FORMATS = {"type": "string", "enum": ["json", "yaml", "toml"]}
OPTIONS: Mapping[str, Json] = {
    "inputs": _ONE,
    "outputs": {
        "anyOf": [
            _OUTPUT,
            {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [_OUTPUT, _OUTPUTS, _ANY]}},
        ]
    },
    "optional": {"type": "array", "items": _ONE},
    "error": {"anyOf": [_OUTPUT, _OUTPUTS]},
    "must_fail": {"type": "array", "items": _ONE, "minItems": 1},
    "list": _ONE,
    "options": {
        "type": "object",
        "properties": {"file": _ONE, "format": _FORMATS, "settings": {"type": "boolean"}},
        "required": ["file", "format"],
        "additionalProperties": False,
    },
    "files": {"type": "array", "items": _ONE, "minItems": 1},
    "archive": {
        "type": "object",
        "properties": {"files": _ONE, "boundary": {"type": "string", "format": "regex", "minLength": 1}},
        "required": ["files", "boundary"],
        "additionalProperties": False,
    },
    "shared": {"type": "array", "items": _ONE},
}
REQUIRED = ("inputs",)


def canonical(text: str) -> str:
    """Nothing is forgiven: the files say what they say."""
    return text


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The options of a suite, in one shape. Of the paths of an output, the first that is there counts, or all do."""

    inputs: str
    outputs: Mapping[str, tuple[bool, list[str]]]
    optional: frozenset[str]
    error: list[str]
    must_fail: Mapping[str, re.Pattern[str]]
    options: Mapping[str, Json]
    files: list[str]
    listed: frozenset[str] | None
    failed: set[str] = field(default_factory=set)
    """Which globs of `must_fail` have found something."""
    parsed: dict[str, dict[str, Json] | Fault] = field(default_factory=dict)
    """Files of options that have been read, by the folder or archive and their paths."""

    @property
    def paths(self) -> Iterator[str]:
        """Every pattern of a reference."""
        for _, patterns in self.outputs.values():
            yield from patterns
        yield from self.error


def read(suite: str, root: Path, options: Mapping[str, Json]) -> Iterator[Found]:
    """Yield a case for each input that `inputs` finds; each pattern of `outputs` names one reference."""
    yield from shared(root, options.get("shared", ()))
    if not options.keys() & {"outputs", "error", "must_fail"}:
        yield Misfit("inputs", "nothing says what must come out; add `outputs`, `error` or `must_fail`")
        return
    listed = _list(root, options)
    if isinstance(listed, Fault):
        yield listed
        return
    wanted = _wanted(options, listed)
    if "archive" not in options:
        yield from _tree(suite, "", Folder(root, fixed_folder(options["inputs"])), wanted, root)
    else:
        outside = Folder(root, fixed_folder(options["archive"]["files"]))
        boundary = re.compile(options["archive"]["boundary"], re.MULTILINE)
        for file in fields.files(root, options["archive"]["files"]):
            tree = unpack(file.path, file.content, boundary, outside) if isinstance(file, fields.File) else file
            if isinstance(tree, Archive) and isinstance(file, fields.File):
                yield from _tree(suite, f"{file.name}/" if file.name else "", tree, wanted, root)
            elif isinstance(tree, Fault | Misfit):
                yield tree
    for glob in wanted.must_fail.keys() - wanted.failed:
        yield Misfit("must_fail", f"must_fail {glob!r} fits no input; correct the glob")


def _wanted(options: Mapping[str, Json], listed: frozenset[str] | None) -> _Wanted:
    outputs = options.get("outputs", {})
    shapes: dict[str, tuple[bool, list[str]]] = {}
    for name, spec in (outputs if isinstance(outputs, dict) else {"output": outputs}).items():
        every = isinstance(spec, dict)
        shapes[name] = (every, spec["any"] if isinstance(spec, dict) else [spec] if isinstance(spec, str) else spec)
    error = options.get("error", [])
    return _Wanted(
        options["inputs"],
        shapes,
        frozenset(options.get("optional", ())),
        [error] if isinstance(error, str) else error,
        {glob: compile_glob(glob) for glob in options.get("must_fail", ())},
        options.get("options", {}),
        options.get("files", []),
        listed,
    )


def _list(root: Path, options: Mapping[str, Json]) -> frozenset[str] | Fault | None:
    """Read a list of files; what it names must be there."""
    if "list" not in options:
        return None
    path = os.path.join(root, options["list"])
    content = read_file(path)
    if isinstance(content, Fault):
        return content
    if isinstance(content, bytes):
        return Fault(Place(path), "a list of files must be UTF-8 text; restore it")
    base = os.path.join(root, fixed_folder(options["inputs"]))
    names = {line.strip(): number for number, line in enumerate(content.split("\n"), 1) if line.strip()}
    for name, number in names.items():
        if not os.path.exists(os.path.join(base, name)):
            return Fault(Place(path, number), f"there is no {name} below {Place(base)}; restore the file or the list")
    return frozenset(names)


def _tree(suite: str, prefix: str, tree: Tree, wanted: _Wanted, root: Path) -> Iterator[Found]:
    claimed: set[int] = set()  # hashes of paths: a path takes three times the room, and there may be 100,000
    unlisted: set[int] = set()
    empty = True
    for found in tree.find(wanted.inputs):
        if isinstance(found, Fault):
            empty = False
            yield found
            continue
        name, path = found
        beside = {pattern: tree.path(_fill(pattern, name)) for pattern in wanted.paths}
        if wanted.listed is not None and name not in wanted.listed:
            unlisted.update(map(hash, beside.values()))
            continue
        empty = False
        if path in beside.values():
            yield Misfit("outputs", f"inputs and outputs both name {Place(path)}; make one of the patterns narrower")
            return
        twice = next((one for one in beside.values() if hash(one) in claimed and tree.has(one)), None)
        claimed.update(map(hash, beside.values()))
        if twice is not None:
            yield from _claimed_twice(tree, wanted, path, twice)
        else:
            yield from _case(suite, prefix, tree, wanted, name, path, beside)
    if empty:
        yield (
            nothing_fits("inputs", wanted.inputs, root)
            if isinstance(tree, Folder)
            else Fault(
                Place(tree.file, 1), f"`inputs` {wanted.inputs!r} fits nothing in it; correct it, or narrow `archive`"
            )
        )
    yield from _unclaimed(tree, wanted, claimed | unlisted)


def _claimed_twice(tree: Tree, wanted: _Wanted, path: str, beside: str) -> Iterator[Fault]:
    """Name the two inputs that one reference would belong to."""
    for found in tree.find(wanted.inputs):
        if not isinstance(found, Fault) and beside in {tree.path(_fill(one, found[0])) for one in wanted.paths}:
            says = f"its reference {Place(beside)} is that of {Place(found[1])} too; narrow `inputs`, or use {{name}}"
            yield Fault(Place(path) if isinstance(tree, Folder) else tree.place(path), says)
            return


def _unclaimed(tree: Tree, wanted: _Wanted, claimed: set[int]) -> Iterator[Notice | Fault]:
    is_input = compile_glob(wanted.inputs).fullmatch
    for pattern in wanted.paths:
        for found in tree.find(_anything(wanted.inputs, pattern)):
            if isinstance(found, Fault):
                yield found
            elif hash(found[1]) not in claimed and not is_input(tree.name(found[1])):
                claimed.add(hash(found[1]))
                yield Notice("this reference has no input and is not compared", tree.place(found[1]))


def _fill(pattern: str, name: str) -> str:
    if "{folder}" in pattern:
        return posixpath.normpath(pattern.replace("{folder}", posixpath.dirname(name) or "."))
    return pattern.replace("{name}", name).replace("{stem}", os.path.splitext(name)[0])


def _case(
    suite: str, prefix: str, tree: Tree, wanted: _Wanted, name: str, path: str, beside: Mapping[str, str]
) -> Iterator[Found]:
    """Put together one case; `beside` has the path for each pattern."""
    composed = unicodedata.normalize("NFC", name)
    content = tree.read(path)
    faults = [content] if isinstance(content, Fault) else []
    globs = [glob for glob, fits in wanted.must_fail.items() if fits.fullmatch(composed)]
    wanted.failed.update(globs)
    error = next((beside[pattern] for pattern in wanted.error if tree.has(beside[pattern])), None)
    references: tuple[Reference, ...] = ()
    if error is not None:
        said = tree.read(error)
        if isinstance(said, Fault):
            faults.append(said)
        else:
            references = fields.must_fail(said, tree.place(error))
    elif globs:
        references = fields.must_fail("", tree.place(path))
    elif not wanted.outputs:
        references = fields.must_pass(tree.place(path))
    else:
        for output, (every, patterns) in wanted.outputs.items():
            paths = [beside[pattern] for pattern in patterns]
            reference = _reference(tree, output, paths, every=every)
            if isinstance(reference, Fault):
                faults.append(reference)
            elif reference is not None:
                references = (*references, reference)
            elif output not in wanted.optional:
                says = f"has no reference: {Place(paths[0])} is missing; record it, or narrow `inputs`"
                faults.append(Fault(Place(path) if isinstance(tree, Folder) else tree.place(path), says))
    params, settings = _inherited(tree, wanted, path, faults)
    files = _files(tree, wanted, name, path, faults)
    if not faults and not isinstance(content, Fault):
        params = {**params, "files": files} if wanted.files else params
        yield Case(suite, prefix + composed, content, references, tree.place(path), params, settings)
    yield from faults


def _reference(tree: Tree, output: str, paths: Sequence[str], *, every: bool) -> Reference | Fault | None:
    """Read what a case must give: the first of the paths that is there, or all of them as alternatives; or None."""
    there = paths if len(paths) == 1 else [one for one in paths if tree.has(one)]  # of one, reading it tells
    contents: list[Content] = []
    for path in there if every else there[:1]:
        content = tree.read(path)
        if isinstance(content, Fault):
            return content if tree.has(path) else None
        contents.append(content)
    return Reference(output, tuple(contents), tree.place(there[0])) if there else None


def _inherited(tree: Tree, wanted: _Wanted, path: str, faults: list[Fault]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Merge the option files of all the folders above a case, the innermost last, into params or settings."""
    if not wanted.options:
        return {}, {}
    merged: dict[str, Json] = {}
    levels: list[tuple[Tree, str]] = [(tree, folder) for folder in tree.above(path)]
    if isinstance(tree, Archive):
        levels = [(tree.outside, folder) for folder in tree.outside.above(tree.file)] + levels
    for level, folder in levels:
        place = os.path.join(folder, wanted.options["file"])
        key = f"{level.file if isinstance(level, Archive) else ''}\0{place}"
        if key not in wanted.parsed:
            wanted.parsed[key] = _parsed(level, place, wanted.options["format"])
        found = wanted.parsed[key]
        if isinstance(found, Fault):
            faults.append(found)
        else:
            merged |= found
    return ({}, merged) if wanted.options.get("settings") else (merged, {})


def _parsed(tree: Tree, path: str, form: str) -> dict[str, Json] | Fault:
    if not tree.has(path):
        return {}
    content = tree.read(path)
    if isinstance(content, Fault):
        return content
    place = tree.place(path)
    if isinstance(content, bytes):
        return Fault(place, "is not UTF-8 text; restore it")
    found = documents.parse(form, content, "the file of options", place)
    if isinstance(found, dict | Fault):
        return found
    return {} if found is None else Fault(place, "the file of options must hold an object; correct it")


def _files(tree: Tree, wanted: _Wanted, name: str, path: str, faults: list[Fault]) -> dict[str, Json]:
    """Read what a case may use, by its name below the fixed folder; never an input or a reference, of whatever case."""
    if not wanted.files:
        return {}
    hidden = [compile_glob(_anything(wanted.inputs, pattern)).fullmatch for pattern in wanted.paths]
    files: dict[str, Json] = {}
    for pattern in wanted.files:
        for found in tree.find(_fill(pattern, name)):
            if isinstance(found, Fault):
                faults.append(found)
            elif found[1] != path and not any(fits(tree.name(found[1])) for fits in hidden):
                content = tree.read(found[1])
                if isinstance(content, Fault):
                    faults.append(content)
                else:
                    coded = base64.b64encode(content).decode() if isinstance(content, bytes) else ""
                    files[found[0]] = {"base64": coded} if isinstance(content, bytes) else content
    return files


def _anything(inputs: str, pattern: str) -> str:
    """Widen a pattern to whatever it could name: as deep as the inputs lie, since the root may hold anything."""
    inner = inputs[len(fixed_folder(inputs)) :].lstrip("/")
    deep = "/" in inner or "**" in inner
    if "{folder}" in pattern:
        return pattern.replace("{folder}/", "**/" if deep else "")
    anything = "**/*" if deep else "*"
    return pattern.replace("{name}", anything).replace("{stem}", anything)
