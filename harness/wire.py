"""The wire protocol's lines as data: `docs/reference/wire-protocol.md`, checked here where bytes enter.

Written out by hand, because a JSON Schema library takes longer for one reply than most ports do for one case;
`tests/test_wire.py` holds it against `schemas/wire.json`.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING

from harness.files import as_content
from harness.model import Content, ErrorReply, Json, Output, Outputs, Panic, Ready, Reply, Structured, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Case

VERSION = 1
DEEPEST = 200
"""So many levels of objects and lists a value may have: what every language's JSON library can take."""
_KINDS = frozenset({"output", "outputs", "value", "error", "panic", "unsupported"})


class WireFault(Exception):  # noqa: N818 - what a worker said, not what went wrong here
    """A line that is not the protocol, and why in a few words."""


def hello() -> bytes:
    """Begin the conversation."""
    return _line({"harness": VERSION})


def open_suite(suite: str, files: Mapping[str, Content]) -> bytes:
    """Send what a suite's cases share."""
    return _line({"open": suite, "files": {name: content_out(content) for name, content in files.items()}})


def request(key: str, case: Case) -> bytes:
    """Ask for one case. No reference is in it."""
    # Put together by hand: the library writes four strings in a fifth of the time that an object of them takes it.
    suite, name, content = map(dumps, (case.suite, case.name, content_out(case.input or "")))
    params = f',"params":{dumps(case.params)}' if case.params else ""
    settings = f',"settings":{dumps(case.settings)}' if case.settings else ""
    return f'{{"id":"{key}","suite":{suite},"name":{name},"input":{content}{params}{settings}}}\n'.encode()


def ready(line: bytes) -> Ready:
    """Read the answer to the greeting. Raises WireFault."""
    found = _object(line)
    version, name = found.get("ready"), found.get("name")
    if version != VERSION or isinstance(version, bool):
        raise WireFault(f'not {{"ready": {VERSION}, "name": ..., "version": ...}}')
    if not isinstance(name, str) or not isinstance(found.get("version"), str):
        raise WireFault("`ready` without a `name` and a `version`")
    if not (name + found["version"]).isprintable():
        raise WireFault("a `name` or `version` with control characters")
    return Ready(name, found["version"])


def reply(line: bytes) -> tuple[str, Reply]:
    """Read a reply: its id and what it says. Raises WireFault."""
    found = _object(line)
    key = found.get("id")
    if not isinstance(key, str):
        raise WireFault("a reply without an id")
    if len(found) != 2:  # noqa: PLR2004 - id and one more, the common case
        found = {name: value for name, value in found.items() if not name.startswith("x-")}
    kinds = [name for name in found if name != "id"]
    if len(kinds) != 1 or kinds[0] not in _KINDS:
        raise WireFault(f"a reply with {' and '.join(kinds) or 'nothing'}: one of {', '.join(sorted(_KINDS))} is due")
    return key, said(kinds[0], found[kinds[0]])


def said(kind: str, value: Json) -> Reply:
    """Read the part of a reply that answers. Raises WireFault."""
    match kind:
        case "output":
            return Outputs({"output": content_in(value)})
        case "outputs" if isinstance(value, dict):
            return Outputs({name: _output(one) for name, one in value.items()})
        case "value":
            return Outputs({"output": Structured(_untag(value, DEEPEST))})
        case "error" if isinstance(value, dict):
            return _error(value)
        case "panic" if isinstance(value, dict):
            return _panic(value)
        case "unsupported" if isinstance(value, str):
            return Unsupported(value)
        case _:
            raise WireFault(f"`{kind}` of the wrong shape")


def saying(reply: Reply) -> dict[str, Json]:
    """Write a reply as it would travel, without its id: how the store and the exports keep it."""
    match reply:
        case Outputs(named):
            only = named.get("output") if len(named) == 1 else None
            if isinstance(only, Structured):
                return {"value": only.value}
            if isinstance(only, str | bytes):
                return {"output": content_out(only)}
            return {"outputs": {name: _output_out(one) for name, one in named.items()}}
        case ErrorReply(fields, frames):
            return {"error": {**fields, **({"frames": list(frames)} if frames else {})}}
        case Panic(message, frames):
            return {"panic": {"message": message, "frames": list(frames)}}
        case Unsupported(reason):
            return {"unsupported": reason}


def content_in(value: Json) -> Content:
    """Read text, or base64: of bytes that are UTF-8 it is the text. Raises WireFault."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and set(value) == {"base64"} and isinstance(value["base64"], str):
        try:
            return as_content(base64.b64decode(value["base64"], validate=True))
        except ValueError as problem:  # not in the alphabet, wrong padding
            raise WireFault("base64 that can not be decoded") from problem
    raise WireFault('content is a string or {"base64": "..."}')


def content_out(content: Content) -> Json:
    """Write text, or base64."""
    return content if isinstance(content, str) else {"base64": base64.b64encode(content).decode()}


def dumps(value: Json) -> str:
    """Write JSON as the protocol has it: numbers that JSON can not hold are tagged."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _ENCODER.encode(_tag(value))


def _line(value: Json) -> bytes:
    return dumps(value).encode() + b"\n"


def _object(line: bytes) -> dict[str, Json]:
    try:
        found = _DECODER.decode(line.decode())
    except (ValueError, RecursionError) as problem:
        raise WireFault("not JSON") from problem
    if not isinstance(found, dict):
        raise WireFault("not a JSON object")
    return found


def _output(value: Json) -> Output:
    value = _whole(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else content_in(value)


def _whole(value: Json) -> Json:
    """Read 1.0 as 1: to JSON they are one number, and some languages can write only one of them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _output_out(output: Output) -> Json:
    match output:
        case int():
            return output
        case Structured(value):
            return value
        case _:
            return content_out(output)


def _error(value: dict[str, Json]) -> ErrorReply:
    if not isinstance(value.get("kind"), str):
        raise WireFault("an error without a `kind`")
    fields = {name: _whole(one) for name, one in value.items() if name != "frames" and one is not None}
    if not all(isinstance(one, str | int | float) for one in fields.values()):
        raise WireFault("an error's fields are strings, numbers or booleans")
    return ErrorReply(fields, _frames(value))


def _panic(value: dict[str, Json]) -> Panic:
    if not isinstance(value.get("message"), str):
        raise WireFault("a panic without a `message`")
    strange = [name for name in value if name not in {"message", "frames"} and not name.startswith("x-")]
    if strange:
        raise WireFault(f"a panic with {strange[0][:40]!r}: it has `message` and `frames`")
    return Panic(value["message"], _frames(value))


def _frames(value: dict[str, Json]) -> tuple[str, ...]:
    frames = value.get("frames")
    if frames is None:
        return ()
    if not isinstance(frames, list) or not all(isinstance(frame, str) for frame in frames):
        raise WireFault("`frames` is a list of strings")
    return tuple(frames)


def _not_json(constant: str) -> Json:
    raise ValueError(constant)


_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))  # made once: `json.dumps` would make one a line
_DECODER = json.JSONDecoder(parse_constant=_not_json)


def _tag(value: Json) -> Json:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"}
    if isinstance(value, dict):
        return {key: _tag(one) for key, one in value.items()}
    return [_tag(one) for one in value] if isinstance(value, list) else value


def _untag(value: Json, levels: int) -> Json:
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        raise WireFault(f"a value of more than {DEEPEST} levels")
    if isinstance(value, list):
        return [_untag(one, levels - 1) for one in value]
    if set(value) != {"$float"}:
        return {key: _untag(one, levels - 1) for key, one in value.items()}
    if value["$float"] not in ("nan", "inf", "-inf"):
        raise WireFault('`$float` is "nan", "inf" or "-inf"')
    return float(value["$float"])
