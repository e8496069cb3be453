"""The protocol's lines: what is written is what the schema says, and what is read is what the schema allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from harness import wire
from harness.errors import Place
from harness.model import (
    Case,
    Content,
    ErrorReply,
    Outputs,
    Panic,
    Ready,
    Reference,
    Reply,
    Structured,
    Unsupported,
)

SCHEMA = json.loads((Path(wire.__file__).parent / "schemas" / "wire.json").read_text(encoding="utf-8"))


def validator(part: str) -> Draft202012Validator:
    """One part of the schema, by the name of its definition."""
    Draft202012Validator.check_schema(SCHEMA)
    return Draft202012Validator({"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{part}"})


TO_WORKER, READY, REPLY = validator("to_worker"), validator("ready"), validator("reply")

# --- what a program in any language may write ----------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates too
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(1.0)
scalars = st.none() | st.booleans() | numbers | texts


def tagged(tags: st.SearchStrategy[object]) -> st.SearchStrategy[Any]:
    """Any JSON; `tags` is what may stand in an object that only has the key `$float`."""
    leaves = scalars | st.fixed_dictionaries({"$float": tags})
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=5
    )


def each(said: st.SearchStrategy[Any], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={**optional, "x-note": said, "more": said})


values = tagged(st.sampled_from(["nan", "inf", "-inf"]))
contents = texts | st.fixed_dictionaries({"base64": st.sampled_from(["", "QQ==", "QR==", "//8=", "QUJD"])})
frames = st.none() | st.lists(texts, max_size=2)
right: dict[str, st.SearchStrategy[Any]] = {
    "output": contents,
    "outputs": st.dictionaries(texts, contents | st.integers() | st.just(1.0), max_size=3),
    "value": values,
    "error": st.fixed_dictionaries({"kind": texts}, optional={"line": scalars, "frames": frames, "more": scalars}),
    "panic": st.fixed_dictionaries({"message": texts}, optional={"frames": frames, "x-note": values}),
    "unsupported": texts,
}
odd_contents = each(scalars, base64=st.text("QA+/=\n é", max_size=9) | scalars) | scalars
odd_frames = st.lists(scalars, max_size=2) | scalars
wrong: dict[str, st.SearchStrategy[Any]] = {
    "output": odd_contents,
    "outputs": st.dictionaries(texts, odd_contents, max_size=3) | scalars,
    "value": tagged(scalars | st.lists(scalars)),
    "error": each(values, kind=scalars, line=values, frames=odd_frames) | scalars,
    "panic": each(values, message=scalars, frames=odd_frames) | scalars,
    "unsupported": values,
}
KINDS = list(right)
any_keys = each(values, id=texts | scalars, **right)
readies = each(values, ready=st.sampled_from([1, 1.0, True, "1", 2]), name=scalars, version=scalars)


def read(message: object) -> Reply | None:
    """What the harness makes of a reply; None when it is no such thing."""
    try:
        return wire.reply(json.dumps(message).encode())[1]
    except wire.WireFault:
        return None


def fault(line: bytes) -> str:
    """Why the harness does not take a line for a reply."""
    with pytest.raises(wire.WireFault) as caught:
        wire.reply(line)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_a_reply_of_each_kind_is_taken_exactly_when_the_schema_allows_it(kind: str, data: st.DataObject) -> None:
    message = {"id": "k1", kind: data.draw(right[kind] | wrong[kind])}
    assert (read(message) is not None) == REPLY.is_valid(message)


@given(any_keys)
def test_a_reply_with_any_keys_is_taken_exactly_when_the_schema_allows_it(message: dict[str, Any]) -> None:
    assert (read(message) is not None) == REPLY.is_valid(message)


@given(values)
def test_anything_that_is_no_object_is_no_reply(message: object) -> None:
    assert (read(message) is not None) == REPLY.is_valid(message)


@given(readies)
def test_an_answer_to_the_greeting_is_taken_exactly_when_the_schema_allows_it(message: dict[str, Any]) -> None:
    try:
        wire.ready(json.dumps(message).encode())
        taken = True
    except wire.WireFault:
        taken = False
    assert taken == READY.is_valid(message)


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_a_reply_that_is_written_again_says_the_same(kind: str, data: st.DataObject) -> None:
    reply = read({"id": "k1", kind: data.draw(right[kind])})
    assert reply is not None
    ((word, said),) = json.loads(wire.dumps(wire.saying(reply))).items()
    assert repr(wire.said(word, said)) == repr(reply)  # as text, because nan is not equal to itself


# --- what the harness writes ---------------------------------------------------------------------------------------

params = st.dictionaries(texts, tagged(st.just("nan")) | st.floats(), max_size=2)
inputs: st.SearchStrategy[Content] = texts | st.binary(max_size=8)


def place() -> Place:
    return Place("here")


@given(inputs, params, params)
def test_a_request_is_what_the_schema_says_and_holds_no_reference(
    given_: Content, its_params: dict[str, Any], settings: dict[str, Any]
) -> None:
    references = (Reference("output", ("what must come out",), place()),)
    case = Case("suite", "name", given_, references, place(), its_params, settings)
    line = wire.request("k1", case)
    assert line.count(b"\n") == 1
    message = json.loads(line, parse_constant=pytest.fail)
    assert TO_WORKER.is_valid(message)
    assert set(message) <= {"id", "suite", "name", "input", "params", "settings"}
    assert b"what must come out" not in line


@given(st.dictionaries(texts, inputs))
def test_what_a_suite_shares_is_what_the_schema_says_even_when_it_is_nothing(files: dict[str, Content]) -> None:
    message = json.loads(wire.open_suite("suite", files))
    assert TO_WORKER.is_valid(message)
    assert set(message) == {"open", "files"}


def test_the_greeting_is_what_the_schema_says() -> None:
    assert TO_WORKER.is_valid(json.loads(wire.hello()))


@pytest.mark.parametrize(
    "line",
    [
        {"open": "s"},
        {"open": "s", "files": {}, "id": "k1"},
        {"harness": 1, "id": "k1"},
        {"harness": 1, "open": "s"},
        {},
    ],
)
def test_the_schema_knows_by_their_keys_what_lines_to_a_worker_are(line: dict[str, Any]) -> None:
    assert not TO_WORKER.is_valid(line)


@given(texts)
def test_text_travels_as_it_is_and_bytes_that_are_text_are_that_text(text: str) -> None:
    assert wire.content_in(json.loads(wire.dumps(wire.content_out(text)))) == text
    encoded = text.encode("utf-8", "replace")
    assert wire.content_in(wire.content_out(encoded)) == encoded.decode()


@given(st.binary())
def test_bytes_travel_as_they_are(data: bytes) -> None:
    back = wire.content_in(json.loads(wire.dumps(wire.content_out(data))))
    assert (back.encode() if isinstance(back, str) else back) == data


# --- by example ----------------------------------------------------------------------------------------------------


def test_each_kind_of_reply() -> None:
    assert read({"id": "k1", "output": "a"}) == Outputs({"output": "a"})
    assert read({"id": "k1", "outputs": {"a": {"base64": "/w=="}, "exit": 1.0}}) == Outputs({"a": b"\xff", "exit": 1})
    assert read({"id": "k1", "value": [{"$float": "inf"}]}) == Outputs({"output": Structured([float("inf")])})
    assert read({"id": "k1", "unsupported": "not yet", "x-why": 1}) == Unsupported("not yet")
    error = {"kind": "SyntaxError", "line": 3.0, "name": None, "frames": ["a", "b"]}
    assert read({"id": "k1", "error": error}) == ErrorReply({"kind": "SyntaxError", "line": 3}, ("a", "b"))
    assert read({"id": "k1", "panic": {"message": "oh"}}) == Panic("oh")
    assert wire.ready(b'{"ready": 1, "name": "port", "version": "2", "more": 0}\r') == Ready("port", "2")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"Hello", "not JSON"),
        (b'{"id": "k1", "output": "\xff"}', "not JSON"),
        (b'{"id": "k1", "value": NaN}', "not JSON"),
        (b'{"id": "k1", "value": ' + b"[" * 100_000, "not JSON"),
        (b'{"id": "k1", "value": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"output": "a"}', "without an id"),
        (b'{"id": 1, "output": "a"}', "without an id"),
        (b'{"id": "k1"}', "a reply with nothing"),
        (b'{"id": "k1", "output": "a", "value": 1}', "output and value"),
        (b'{"id": "k1", "stdout": "a"}', "stdout"),
        (b'{"id": "k1", "output": 1}', "content is a string"),
        (b'{"id": "k1", "output": {"base64": "\xc3\xa9"}}', "can not be decoded"),
        (b'{"id": "k1", "error": {"message": "a"}}', "without a `kind`"),
        (b'{"id": "k1", "error": {"kind": "a", "detail": {}}}', "strings, numbers or booleans"),
        (b'{"id": "k1", "panic": "oh"}', "`panic` of the wrong shape"),
        (b'{"id": "k1", "panic": {"message": "oh", "line": 1}}', "'line'"),
        (b'{"id": "k1", "value": {"$float": []}}', "$float"),
    ],
)
def test_a_line_that_is_no_reply_is_told_why(line: bytes, why: str) -> None:
    assert why in fault(line)


def test_a_value_may_have_two_hundred_levels_and_no_more() -> None:
    def nested(levels: int) -> bytes:
        return b'{"id": "k1", "value": ' + b'{"a":[' * (levels // 2) + b"]}" * (levels // 2) + b"}"

    assert isinstance(wire.reply(nested(200))[1], Outputs)
    assert fault(nested(202)) == "a value of more than 200 levels"
