"""Reading the project's TOML files: syntax, schema, and the line that each fault stands on.

The happy path costs tomllib and `harness.schema`; `jsonschema` and the parser that knows lines are imported only to
show a fault.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import Fault, InputError, Place
from harness.schema import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jsonschema import TypeChecker, ValidationError
    from jsonschema.protocols import Validator

    from harness.model import Json

FORMAT = 1
Keys: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: `("suite", 0, "name")`."""

_CLOSE = 60
_LONG = 200
_SHORT = 5
_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a table",
    "string": "a string",
}


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file that still knows where things stood."""

    path: Path
    text: str
    data: dict[str, Json]

    def place(self, *keys: str | int) -> Place:
        """Find the line of a key; the nearest one above it when the key is not there."""
        node, tables = _nodes(self.text), _tables(self.text)
        line: int | None = None
        for depth, key in enumerate(keys, 1):
            node = _inside(node)
            if not (key in node if isinstance(node, dict) else isinstance(node, list) and key in range(len(node))):
                break
            node = node[key]
            line = _line(node) or tables.get(keys[:depth]) or line
        return Place(str(self.path), line)


def load(path: Path, schema: str) -> tuple[Document, list[Fault]]:
    """Read a file and hold it against `schemas/SCHEMA.json`.

    Returns what is sound of it, so that the rest can be checked too, and the faults of what is not.
    Raises InputError when it can not be read, is not TOML, or has a newer format.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as problem:
        says = f"can not be read ({problem.strerror}); restore the file or its permissions"
        raise InputError([Fault(Place(str(path)), says)]) from problem
    except UnicodeDecodeError as problem:
        line = problem.object.count(b"\n", 0, problem.start) + 1
        says = f"is not UTF-8 ({problem.reason}); save it as UTF-8"
        raise InputError([Fault(Place(str(path), line), says)]) from problem
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise InputError([_syntax(path, text, problem)]) from problem
    document = Document(path, text, data)
    found = data.get("format")
    if isinstance(found, int) and found > FORMAT:
        says = f"format {found} is newer than this harness knows ({FORMAT}); upgrade port-harness"
        raise InputError([Fault(document.place("format"), says)])
    rules: Json = json.loads(files("harness").joinpath("schemas", f"{schema}.json").read_bytes())
    errors = _errors(data, rules)
    unsound = {keys for error in errors for keys in _unsound(error)}
    sound: dict[str, Json] = _without(data, unsound) if unsound else data
    return Document(path, text, sound), [fault for error in errors for fault in _say(document, error, ())]


def faults(document: Document, value: Json, schema: Json, at: Keys = ()) -> list[Fault]:
    """Hold a part of a document, which stands at the keys `at`, against a JSON Schema."""
    return [fault for error in _errors(value, schema) for fault in _say(document, error, at)]


def nearest(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the closest of the names, or nothing when none is close."""
    from rapidfuzz import process  # noqa: PLC0415 - 7 ms, and only for a name that is not there

    best = process.extractOne(name, list(names), score_cutoff=_CLOSE)
    return f"; did you mean {best[0]!r}?" if best else ""


def misspelt(text: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Find the `{words}` of a text that a slip or two (one in a short word) keep from being known, and what is meant.

    `${word}` is a shell's.
    """
    for word in re.findall(r"(?<!\$)\{([\w-]+)\}", text):
        if word not in known:
            yield from ((word, name) for name in known if _is_slip(word, name))


def _is_slip(word: str, name: str) -> bool:
    from rapidfuzz.distance import OSA  # noqa: PLC0415 - 7 ms, and only for a word that is none of ours

    return OSA.distance(word.lower(), name) <= 1 + (len(name) > _SHORT)


# --- what is wrong with a value ------------------------------------------------------------------------------------


def _is_number(_: TypeChecker, value: Json) -> bool:
    """TOML knows nan and inf; a limit or a threshold can be neither."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _errors(value: Json, schema: Json) -> list[ValidationError]:
    return [] if holds(value, schema, schema) else list(_validator()(schema).iter_errors(value))


@cache
def _validator() -> Callable[[Json], Validator]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 40 ms, and only where something may be wrong
    from jsonschema.validators import extend  # noqa: PLC0415

    types = Draft202012Validator.TYPE_CHECKER.redefine("number", _is_number)
    ours = extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]
    return partial(ours, format_checker=Draft202012Validator.FORMAT_CHECKER)


def _say(document: Document, error: ValidationError, at: Keys) -> Iterator[Fault]:
    keys = (*at, *error.absolute_path)
    where = ".".join(key for key in keys if isinstance(key, str)) or "the file"
    if error.validator == "additionalProperties":
        known = _known(error)
        for key in _extra(error):
            hint = nearest(key, known) or f"; known here: {', '.join(sorted(known)) or 'nothing'}"
            yield Fault(document.place(*keys, key), f"{where} has no key {key!r}{hint}")
    elif meant := _meant(error):
        for one in meant:
            yield from _say(document, one, at)
    elif error.validator_value == "array" and isinstance(error.instance, dict) and keys in _tables(document.text):
        yield Fault(document.place(*keys), f"{where} is a list of tables; write [[{where}]]")
    else:
        name = (str(error.instance),) if _is_name(error) else ()
        yield Fault(document.place(*keys, *name), f"{where}{_complaint(error)}")


def _complaint(error: ValidationError) -> str:
    value, wanted = _short(error.instance), _plain(error.validator_value)
    match error.validator:
        case "required":
            return _needs(wanted, _plain(error.instance), _known(error))
        case "const":
            return f" must be {wanted!r}, not {value}; correct it"
        case "type" | "anyOf":
            kinds = [_TYPES[one.validator_value] for one in error.context or [error] if one.validator == "type"]  # type: ignore[index]
            return f": {value} is not {' or '.join(kinds)}; correct it"
        case "enum":
            hint = nearest(error.instance, wanted) if isinstance(error.instance, str) else ""
            return f": {value} is none of {', '.join(map(repr, wanted))}{hint or '; take one of them'}"
        case "format":
            return f": {value} is no {wanted} ({error.cause}); correct it"
        case "pattern":
            description = _plain(error.schema).get("description", wanted)
            return f": {value} is not {description}{_placeholder(str(error.instance), description) or '; correct it'}"
        case _:
            return f": {error.message if len(error.message) <= _LONG else value}; correct it"


def _needs(wanted: Sequence[str], table: Mapping[str, Json], known: Mapping[str, Json]) -> str:
    missing = [key for key in wanted if key not in table]
    slips = [key for key in table if key not in known and any(_is_slip(key, one) for one in missing)]
    fixed = [f"`{key} = {known[key]['const']}`" for key in missing if "const" in known.get(key, {})]
    step = f"rename {' and '.join(map(repr, slips))}" if slips else f"add {' and '.join(fixed) or 'it'}"
    return f" needs {' and '.join(map(repr, missing))}; {step}"


def _placeholder(value: str, description: str) -> str:
    """Say which `{placeholder}` of those that the description names was meant by one that there is not."""
    known = re.findall(r"\{\w+\}", description)
    return next((nearest(one, known) for one in re.findall(r"\{\w+\}", value) if one not in known), "")


def _meant(error: ValidationError) -> list[ValidationError]:
    """Return what is wrong with the alternative that was meant: the first that is of the value's own type, if any."""
    options: dict[str | int, list[ValidationError]] = {}
    for one in error.context or ():
        options.setdefault(one.relative_schema_path[0], []).append(one)
    here = len(error.absolute_path)
    for faults_ in options.values():
        if not any(one.validator == "type" and len(one.absolute_path) == here for one in faults_):
            return faults_
    return []


def _known(error: ValidationError) -> Mapping[str, Json]:
    known: Mapping[str, Json] = _plain(error.schema).get("properties", {})
    return known


def _extra(error: ValidationError) -> list[str]:
    return [key for key in _plain(error.instance) if key not in _known(error)]


def _is_name(error: ValidationError) -> bool:
    """Whether it is the key itself that is wrong."""
    return "propertyNames" in error.absolute_schema_path


def _plain(value: object) -> Json:
    """Jsonschema's types know less about a fault than we do."""
    return value


def _unsound(error: ValidationError) -> Iterator[Keys]:
    """Say which keys have to go so that the rest is as the schema has it; what lacks a key is left as it is."""
    path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from ((*path, key) for key in _extra(error))
    elif _is_name(error):
        yield (*path, str(error.instance))
    elif error.validator != "required":
        while path and not isinstance(path[-1], str):  # no item leaves its list: the others keep their places
            path = path[:-1]
        yield path


def _without(value: Json, unsound: set[Keys], at: Keys = ()) -> Json:
    if isinstance(value, dict):
        return {key: _without(one, unsound, (*at, key)) for key, one in value.items() if (*at, key) not in unsound}
    if isinstance(value, list):
        return [_without(one, unsound, (*at, number)) for number, one in enumerate(value)]
    return value


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= _LONG else text[: _LONG // 2] + " ... " + text[-_LONG // 3 :]


def _syntax(path: Path, text: str, problem: Exception) -> Fault:
    said, _, where = str(problem).partition(" (at ")
    digits = where.removeprefix("line ").split(",")[0]
    line = int(digits) if digits.isdigit() else text.count("\n") + 1
    return Fault(Place(str(path), line), f"not valid TOML: {said[:1].lower()}{said[1:]}; correct it")


# --- where it stands -----------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _nodes(text: str) -> Json:
    import toml_rs  # noqa: PLC0415 - 10 ms, and only to show a fault

    return toml_rs.load_with_metadata(text).meta["nodes"]


@lru_cache(maxsize=2)
def _tables(text: str) -> Mapping[Keys, int]:
    """Find the line of each `[table]`, which that parser does not tell."""
    found: dict[Keys, int] = {}
    counts: dict[Keys, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        keys = _header(line, counts)
        if keys:
            found.setdefault(keys, number)
    return found


def _header(line: str, counts: dict[Keys, int]) -> Keys:
    """Read a header; `counts` holds how many tables each `[[array]]` has so far. Empty when the line is none."""
    if not line.lstrip().startswith("["):
        return ()
    try:
        inner: Json = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: Keys = ()
    while inner:
        key, inner = next(iter(inner.items()))
        keys = (*keys, key)
        if isinstance(inner, list):
            counts[keys] = counts.get(keys, 0) + 1
            inner = inner[0]
        if keys in counts:
            keys = (*keys, counts[keys] - 1)
    return keys


def _inside(node: Json) -> Json:
    """Step over the wrapper that the parser puts around a value."""
    # In a table of the user's own, whatever it is called, these names do not stand for a string but for a wrapper.
    wrapped = isinstance(node, dict) and any(isinstance(node.get(mark), str) for mark in ("key_raw", "value_raw"))
    return node["value"] if wrapped else node


def _line(node: Json) -> int | None:
    """Return the first line of a key or of an item in a list."""
    if not isinstance(node, dict):
        return None
    found = node.get("key_line", node.get("value_line"))
    first = found[0] if isinstance(found, list | tuple) else found
    return first if isinstance(first, int) else None
