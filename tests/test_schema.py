"""The quick yes to a config, held against the library that has the last word."""

from __future__ import annotations

import json
import math
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness.matchers import error, text
from harness.readers import insta, pairs
from harness.schema import holds
from harness.targets import command, jsonl, python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import Json

ROOT = Path(__file__).parent.parent
CONFIG, SKIPLIST = (
    json.loads(files("harness").joinpath("schemas", f"{name}.json").read_bytes()) for name in ("config", "skiplist")
)
OPTIONS = [
    {"type": "object", "properties": dict(module.OPTIONS), "additionalProperties": False}
    for module in (insta, pairs, text, error, command, jsonl, python)
]


def valid(value: object, schema: Json) -> bool:
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).is_valid(value)


@pytest.mark.parametrize("name", ["harness.toml", "adapters/minijinja/harness.toml"])
def test_a_config_without_faults_gets_the_quick_yes(name: str) -> None:
    assert holds(tomllib.loads((ROOT / name).read_text()), CONFIG, CONFIG)


@pytest.mark.parametrize("name", ["skiplist.toml", "adapters/minijinja/skiplist.toml"])
def test_a_skip_list_without_faults_gets_the_quick_yes(name: str) -> None:
    assert holds(tomllib.loads((ROOT / name).read_text()), SKIPLIST, SKIPLIST)


words = st.sampled_from(
    ["", "x", "a/b", "{name}", "{stem}.out", "(", "json", "stdout", "runtime", "todo", "m:f", "1", "\n", "x\n"]
)
scalars = words | st.integers(-2, 2000) | st.floats() | st.booleans() | st.none()
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.sampled_from(["target", "reason"]), inner, max_size=3)
    ),
)


def spots(value: Json, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from spots(inner, (*at, key))


def changed(value: Json, at: tuple[str | int, ...], to: object) -> Json:
    if not at:
        return to
    copy = value.copy()
    copy[at[0]] = changed(value[at[0]], at[1:], to)
    return copy


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_what_gets_the_quick_yes_is_valid(data: st.DataObject) -> None:
    """Real files with one thing in them changed: most changes are faults, and none of those may get a yes."""
    name, schema = data.draw(st.sampled_from([("harness.toml", CONFIG), ("skiplist.toml", SKIPLIST)]))
    folder = data.draw(st.sampled_from([ROOT, ROOT / "adapters" / "minijinja"]))
    whole = tomllib.loads((folder / name).read_text())
    value = changed(whole, data.draw(st.sampled_from(list(spots(whole)))), data.draw(anything))
    assert not holds(value, schema, schema) or valid(value, schema)


@settings(max_examples=300, deadline=None)
@given(schema=st.sampled_from(OPTIONS), data=st.data())
def test_options_that_get_the_quick_yes_are_valid(schema: Json, data: st.DataObject) -> None:
    keys = st.sampled_from(sorted(schema["properties"]))
    value = data.draw(st.dictionaries(keys | words, anything, max_size=4))
    assert not holds(value, schema, schema) or valid(value, schema)


def test_a_keyword_that_is_not_known_gets_no_quick_yes() -> None:
    schema = {"type": "object", "patternProperties": {"^x": {"type": "string"}}}
    assert not holds({"y": 1}, schema, schema)


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1"])
def test_what_is_no_number_to_us_gets_no_yes(value: object) -> None:
    assert not holds(value, {"type": "number"}, {})
