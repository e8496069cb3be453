"""Whether a value is what a JSON Schema asks for: a quick yes, for the happy path of every command.

`jsonschema` explains a no, and takes a third of a start-up to import. So only a yes is certain here: a keyword that
this file does not know is a no, and `jsonschema` has the last word. `tests/test_schema.py` holds the two together.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.model import Json

_DEFINED = "#/$defs/"
_KINDS = {"array": list, "boolean": bool, "object": dict, "string": str}


def holds(value: Json, schema: Json, top: Json) -> bool:
    """Say whether a value is certainly valid; `top` is the schema whose `$defs` are meant."""
    if isinstance(schema, bool):
        return schema
    return all(_keeps(value, word, wanted, schema, top) for word, wanted in schema.items())


def _keeps(value: Json, word: str, wanted: Json, schema: Json, top: Json) -> bool:
    match word:
        case "$schema" | "$defs" | "title" | "description":
            return True
        case "$ref":
            return wanted.startswith(_DEFINED) and holds(value, top["$defs"][wanted.removeprefix(_DEFINED)], top)
        case "anyOf":
            return any(holds(value, one, top) for one in wanted)
        case "type":
            return _is(value, wanted)
        case "const" | "enum":
            return isinstance(value, str | int) and [type(value), value] in [
                [type(one), one] for one in (wanted if word == "enum" else [wanted])
            ]
        case _:
            return _of_kind(value, word, wanted, schema, top)


def _of_kind(value: Json, word: str, wanted: Json, schema: Json, top: Json) -> bool:
    """Hold a value against a keyword that is about values of its kind; about the others such a keyword says nothing."""
    match value:
        case dict():
            return _table_keeps(value, word, wanted, schema, top)
        case list():
            return _list_keeps(value, word, wanted, top)
        case str():
            return _text_keeps(value, word, wanted)
        case int() | float():
            return _number_keeps(value, word, wanted)
        case _:
            return False


def _is(value: Json, kind: Json) -> bool:
    """TOML knows nan and inf; a limit or a threshold can be neither."""
    match kind:
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case str():
            return kind in _KINDS and isinstance(value, _KINDS[kind])
        case _:
            return False


def _table_keeps(value: dict[str, Json], word: str, wanted: Json, schema: Json, top: Json) -> bool:
    match word:
        case "required":
            return all(key in value for key in wanted)
        case "properties":
            return all(holds(value[key], inner, top) for key, inner in wanted.items() if key in value)
        case "additionalProperties":
            known = schema.get("properties", {})
            return all(holds(one, wanted, top) for key, one in value.items() if key not in known)
        case "propertyNames":
            return all(holds(key, wanted, top) for key in value)
        case "minProperties":
            return bool(len(value) >= wanted)
        case _:
            return False


def _list_keeps(value: list[Json], word: str, wanted: Json, top: Json) -> bool:
    match word:
        case "items":
            return all(holds(one, wanted, top) for one in value)
        case "minItems":
            return bool(len(value) >= wanted)
        case "uniqueItems":
            return all(isinstance(one, str) for one in value) and len(set(value)) == len(value)
        case _:
            return False


def _text_keeps(value: str, word: str, wanted: Json) -> bool:
    match word:
        case "minLength":
            return bool(len(value) >= wanted)
        case "pattern":
            return re.search(wanted, value) is not None
        case "format" if wanted == "regex":
            try:
                re.compile(value)
            except re.error:
                return False
            return True
        case _:
            return False


def _number_keeps(value: float, word: str, wanted: Json) -> bool:
    match word:
        case "minimum":
            return bool(value >= wanted)
        case "maximum":
            return bool(value <= wanted)
        case "exclusiveMinimum":
            return bool(value > wanted)
        case _:
            return False
