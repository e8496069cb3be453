"""From the fields of a record to a case, and from what a source calls its cases to names that stay.

What the readers of files with many cases share. A reader says how a field is found; the config says what it is for.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

from harness.errors import Fault, Place
from harness.files import contents, shared
from harness.model import Case, Content, Found, Json, Misfit, Reference
from harness.patterns import is_glob

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ONE = {"type": "string", "minLength": 1}
_SOME = {"anyOf": [_ONE, {"type": "array", "items": _ONE, "minItems": 1}]}
_NAMED = {"type": "object", "minProperties": 1, "additionalProperties": _ONE}
OPTIONS: Mapping[str, Json] = {
    "files": _ONE,
    "id": _SOME,
    "input": _ONE,
    "params": {"anyOf": [_ONE, _NAMED]},
    "settings": {"anyOf": [_ONE, _NAMED]},
    "outputs": {"anyOf": [_ONE, {"type": "object", "minProperties": 1, "additionalProperties": _SOME}]},
    "error": _ONE,
    "accepted": _ONE,
    "group": _SOME,
    "as_json": {"type": "array", "items": _ONE},
    "spelled": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}},
    "shared": {"type": "array", "items": _ONE},
}
"""What a suite of records may say; each reader adds its own."""
REQUIRED = ("files", "input")

_LONGEST = 100
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_NO_WORD = re.compile(r"[^\w.]+")


@dataclass(frozen=True, slots=True)
class File:
    """A file that holds cases. `name` is its part of their names; empty where only one file is read."""

    name: str
    path: str
    content: Content


Find: TypeAlias = Callable[[str], Sequence[Json]]
"""Gives the values of a field, none where the record has none."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a file holds of one case. `exactly` finds its line where that takes a while: for showing a fault."""

    find: Find
    place: Place
    exactly: Callable[[], Place] | None = None


Records: TypeAlias = Callable[[], Iterator[Record | Fault]]
"""What a file holds; asked twice, so that it need not be kept."""


class Unfit(Exception):  # noqa: N818 - turned into a fault where the record's place is known
    """A record that is not what the config says it is, and the next step."""


def read(suite: str, root: Path, options: Mapping[str, Json], opened: Callable[[File], Records]) -> Iterator[Found]:
    """Yield the cases of each file, once their names are certain."""
    yield from shared(root, options.get("shared", ()))
    silent, empty = dict(_fields(options)), True
    for file in files(root, options["files"]):
        if isinstance(file, File):
            records = opened(file)
            for one in named(lambda: _cases(suite, options, file, records(), silent)):  # noqa: B023 - used at once
                empty = empty and not isinstance(one, Case)
                yield one
        else:
            yield file
    if not empty:
        for field, option in silent.items():
            yield Misfit(option, f"{option}: {field!r} finds nothing in any case; correct or remove it")


def files(root: Path, glob: str) -> Iterator[File | Misfit | Fault]:
    """Yield the files with cases that a glob finds."""
    for found in contents(root, "files", glob):
        if isinstance(found, tuple):
            name, path, content = found
            yield File(unicodedata.normalize("NFC", name) if is_glob(glob) else "", path, content)
        else:
            yield found


def named(drafts: Callable[[], Iterator[Found]]) -> Iterator[Found]:
    """Give the cases of one file names that no other case's coming or going changes.

    What ends in `~` has no name of its own; that, and what shares its name, gets a mark made of the input. An exact
    repeat gets `~2`. `drafts` is asked twice, so that the cases need not be kept.
    """
    counts = Counter(one.name for one in drafts() if isinstance(one, Case))
    repeats: Counter[str] = Counter()
    for one in drafts():
        if not isinstance(one, Case) or (counts[one.name] == 1 and not one.name.endswith("~")):
            yield one
            continue
        name = f"{one.name.rstrip('~')}~{_mark(one)}"
        repeats[name] += 1
        yield replace(one, name=name if repeats[name] == 1 else f"{name}~{repeats[name]}")


def clean(name: str) -> str:
    """Bring what a source calls a case into a form that can stand in an id: one line, NFC, of bounded length."""
    return unicodedata.normalize("NFC", _NO_NAME.sub(" ", name[: 4 * _LONGEST])).strip()[:_LONGEST].strip()


def must_fail(said: Content, place: Place) -> tuple[Reference, ...]:
    """Say that the input has to be refused, with all that the source says about the error."""
    return (Reference("error", (said,), place),)


def must_pass(place: Place) -> tuple[Reference, ...]:
    """Say that the input has to be accepted, and no more."""
    return (Reference("accepted", ("",), place),)


def _fields(options: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """Yield each field that the config names, with its option."""
    for option in ("id", "input", "params", "settings", "outputs", "error", "accepted", "group"):
        spec = options.get(option, ())
        for one in [spec] if isinstance(spec, str) else spec.values() if isinstance(spec, dict) else spec:
            for field in [one] if isinstance(one, str) else one:
                yield field, option


def _cases(
    suite: str, options: Mapping[str, Json], file: File, records: Iterator[Record | Fault], silent: dict[str, str]
) -> Iterator[Case | Fault]:
    for record in records:
        if isinstance(record, Fault):
            yield record
            continue
        for field in [field for field in silent if record.find(field)]:
            del silent[field]
        try:
            yield _case(suite, options, file, record)
        except Unfit as problem:
            yield Fault(record.exactly() if record.exactly else record.place, f"this case {problem}")


def _case(suite: str, options: Mapping[str, Json], file: File, record: Record) -> Case:
    found = record.find(options["input"])
    if len(found) != 1:
        raise Unfit(f"has {len(found) or 'no'} input at {options['input']!r}; correct `input`, or what finds the cases")
    given = _content("input", found[0], options)
    words = _words(options.get("id", ()), record)
    return Case(
        suite=suite,
        name="/".join(filter(None, [file.name, *(words or [_slug(given)])])) + ("" if words else "~"),
        input=given,
        references=_references(options, record),
        place=record.place,
        params=_mapping("params", options, record),
        settings=_mapping("settings", options, record),
        group="/".join([file.name or ".", *_words(options["group"], record)]) if "group" in options else "",
    )


def _content(name: str, value: Json, options: Mapping[str, Json]) -> Content:
    """Return a value as what is sent or compared: text and bytes as they are, anything else as its JSON."""
    if isinstance(value, bytes):
        return value
    plain = isinstance(value, str) and name not in options.get("as_json", ())
    try:
        text: str = value if plain else json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError as problem:
        raise Unfit(f"has a number at `{name}` that JSON can not hold; take it as one of `params`") from problem
    spelled = options.get("spelled")
    if not spelled:
        return text
    return re.sub("|".join(map(re.escape, spelled)), lambda found: spelled[found[0]], text)


def _references(options: Mapping[str, Json], record: Record) -> tuple[Reference, ...]:
    refused = _refused(options, record)
    outputs = options.get("outputs", {})
    found: list[Reference] = []
    for name, fields in (outputs if isinstance(outputs, dict) else {"output": outputs}).items():
        values = [value for field in ([fields] if isinstance(fields, str) else fields) for value in record.find(field)]
        if values and not (refused is not None and values == [None]):
            found.append(Reference(name, tuple(_content(name, value, options) for value in values), record.place))
    if refused is None:
        says_no_more = not found and ("accepted" in options or ("error" in options and not outputs))
        return must_pass(record.place) if says_no_more else tuple(found)
    if found:
        raise Unfit(f"has an error and the output {found[0].name!r}; correct `error` or `outputs`")
    return must_fail(refused, record.place)


def _refused(options: Mapping[str, Json], record: Record) -> Content | None:
    """Return what the source says about the error; None where none is due."""
    said = [one for one in record.find(options["error"]) if one not in (None, False)] if "error" in options else []
    accepted = record.find(options["accepted"]) if "accepted" in options else []
    if any(not isinstance(one, bool) for one in accepted):
        raise Unfit(f"says {accepted[0]!r} at {options['accepted']!r}, and true or false is due; correct `accepted`")
    if said:
        return "" if said[0] is True else _content("error", said[0], options)
    return "" if False in accepted else None


def _mapping(option: str, options: Mapping[str, Json], record: Record) -> dict[str, Json]:
    spec = options.get(option, {})
    if isinstance(spec, dict):
        return {name: values[0] for name, field in spec.items() if (values := record.find(field))}
    values = record.find(spec)
    if values and not isinstance(values[0], dict):
        raise Unfit(f"has no object at {spec!r}; correct `{option}`, or give it a name: {{ NAME = {spec!r} }}")
    return dict(values[0]) if values else {}


def _words(fields: str | Sequence[str], record: Record) -> list[str]:
    """Return the values of all these fields as parts of a name."""
    found = [one for field in ([fields] if isinstance(fields, str) else fields) for one in record.find(field)]
    return list(filter(None, (clean(one if isinstance(one, str) else json.dumps(one)) for one in found)))


def _slug(given: Content) -> str:
    """Make the beginning of a name of what the input begins with."""
    text = given if isinstance(given, str) else given.decode("ascii", "ignore")
    return _NO_WORD.sub("-", clean(text)).strip("-.")[:30].strip("-.")


def _mark(one: Case) -> str:
    said = one.input if isinstance(one.input, bytes) else (one.input or "").encode("utf-8", "surrogatepass")
    rest = json.dumps([one.params, one.settings], sort_keys=True).encode() if one.params or one.settings else b""
    return blake2b(b"%d:%b%b" % (len(said), said, rest), digest_size=3).hexdigest()
