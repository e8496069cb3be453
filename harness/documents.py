"""JSON, YAML and TOML of the source project: the value, or the fault with its line.

All three give what JSON could say as well; what it could not is a fault and never a guess.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import yaml

from harness.errors import Fault, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.model import Json

DEEPEST = 100
"""YAML may nest so far: 100,000 `[` take minutes to scan, and to build what they hold ends the process in silence."""
_MOST = 5_000_000
"""So many values YAML may spell: a few aliases in one another can be a billion."""
_WHERE = re.compile(r" \(at (?:line (\d+)|end of document).*\Z", re.DOTALL)


def parse(form: str, text: str, what: str, place: Place) -> Json | Fault:
    """Read a text in the form `json`, `jsonl`, `yaml` or `toml`; it begins at `place`, and faults call it `what`."""
    first = place.line or 1
    try:
        match form:
            case "json":
                return json.loads(text, object_pairs_hook=_object)
            case "jsonl":
                return list(_lines(text))
            case "toml":
                return _plain(tomllib.loads(text))
            case _:
                return _yaml(text)
    except json.JSONDecodeError as problem:
        return Fault(Place(place.path, first + problem.lineno - 1), f"{what} is not JSON ({problem.msg}); correct it")
    except tomllib.TOMLDecodeError as problem:
        where = _WHERE.search(str(problem))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        return Fault(
            Place(place.path, first + line - 1), f"{what} is not TOML ({_WHERE.sub('', str(problem))}); correct it"
        )
    except yaml.YAMLError as problem:
        return not_yaml(what, place, problem)
    except RecursionError:
        return Fault(place, f"{what} is nested too deeply to be read; make it flatter")
    except (ValueError, TypeError) as problem:  # a number of 5,000 digits, a key twice, a date
        return Fault(place, f"{what} holds what JSON can not ({problem}); write it out or quote it")


def not_yaml(what: str, place: Place, problem: yaml.YAMLError) -> Fault:
    """Say what is wrong with YAML that begins at a place, and in which line."""
    mark = problem.problem_mark if isinstance(problem, yaml.MarkedYAMLError) else None
    said = problem.problem if isinstance(problem, yaml.MarkedYAMLError) else str(problem).partition("\n")[0]
    return Fault(
        Place(place.path, (place.line or 1) + (mark.line if mark else 0)), f"{what} is not YAML ({said}); correct it"
    )


def line(form: str, text: str, keys: Sequence[str | int]) -> int | None:
    """Find the line of a value by the keys that lead to it. Slow: for showing a fault."""
    match form:
        case "jsonl" if keys:
            return [number for number, one in enumerate(text.split("\n"), 1) if one.strip()][int(keys[0])]
        case "json":
            return text.count("\n", 0, _json_at(text, keys)) + 1
        case "yaml":
            node = yaml.compose(text, Loader=yaml.CSafeLoader)
            for key in keys:
                node = _yaml_at(node, key)
            return None if node is None else node.start_mark.line + 1
        case _:
            return None


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Build an object; JSON's own rule would drop all but the last of what one key names."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in found if names.count(name) > 1)!r} twice in one object")
    return found


def _lines(text: str) -> Iterator[Json]:
    for number, one in enumerate(text.split("\n"), 1):
        if one.strip():
            try:
                yield json.loads(one, object_pairs_hook=_object)
            except json.JSONDecodeError as problem:
                problem.lineno = number
                raise


class _Loader(yaml.CSafeLoader):
    """Dates stay the text that they are written as, and no key is dropped."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - a name that the library gives
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Json, Json]:  # noqa: FBT001, FBT002
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(names):
            again = next(name for name in names if names.count(name) > 1)
            raise yaml.MarkedYAMLError(
                problem=f"the key {again[1]!r} twice in one mapping", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)


def _yaml(text: str) -> Json:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError
    documents = list(yaml.load_all(text, Loader=_Loader))
    found = _plain(documents if len(documents) > 1 else documents[0] if documents else None)
    return json.loads(json.dumps(found), object_pairs_hook=_object)  # keys become text


def _plain(found: Json) -> Json:
    """Return the value, when it is one that JSON could say: TypeError otherwise."""
    count = 0

    def visit(value: Json) -> None:
        nonlocal count
        count += 1
        if count > _MOST:
            raise TypeError("aliases for millions of values")
        if isinstance(value, dict):
            for key, one in value.items():
                visit(key)
                visit(one)
        elif isinstance(value, list):
            for one in value:
                visit(one)
        elif not (value is None or isinstance(value, str | int | float)):
            raise TypeError(f"a {type(value).__name__}")

    visit(found)
    return found


_SPACE = re.compile(r"[ \t\r\n]*")


def _json_at(text: str, keys: Sequence[str | int]) -> int:
    """Find where a value begins; the ones before it are stepped over as wholes."""
    decoder = json.JSONDecoder()

    def skip(at: int) -> int:
        found = _SPACE.match(text, at)
        return found.end() if found else at

    at = skip(0)
    for key in keys:
        at, place = skip(at + 1), 0
        while True:
            name: Json = place
            if isinstance(key, str):
                name, at = decoder.raw_decode(text, at)
                at = skip(skip(at) + 1)
            if name == key:
                break
            at = skip(skip(decoder.raw_decode(text, at)[1]) + 1)
            place += 1
    return at


def _yaml_at(node: yaml.Node | None, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode):
        found: yaml.Node = node.value[int(key)]
        return found
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    return None
