"""Worker kit for ports written in Python: speaks the wire protocol, version 1.

A worker registers one function and leaves the rest to the kit::

    import mylib
    from harness_worker import Case, Refused, serve

    def render(case: Case) -> str:
        try:
            return mylib.render(case.input, **case.params)
        except mylib.Error as error:
            raise Refused(error.kind, detail=error.detail, line=error.line) from error

    serve(render, name="mylib", version=mylib.__version__)
"""

from __future__ import annotations

import json
import os
import sys

TYPE_CHECKING = False  # importing typing costs a third of the kit's start-up
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, BinaryIO, NoReturn

_NON_FINITE = ("nan", "inf", "-inf")
_STDLIB = os.path.dirname(os.__file__) + os.sep
_MAX_FRAMES = 50  # a RecursionError has a thousand, all alike
_MAX_CAUSES = 5  # a chain may be a ring

_dumps = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class Case:
    """One case: what is to be rendered, under which name, and what its suite shares."""

    __slots__ = ("files", "input", "name", "params", "settings", "suite")

    def __init__(
        self,
        suite: str,
        name: str,
        input: str | bytes,  # noqa: A002 - the protocol's word
        params: dict[str, Any],
        settings: dict[str, Any],
        files: Mapping[str, str | bytes],
    ) -> None:
        self.suite = suite
        self.name = name
        self.input = input
        self.params = params
        self.settings = settings
        self.files = files


class Refused(Exception):  # noqa: N818 - not a fault: the port refused the input, as its API does
    """The port refused the input: `kind`, and whatever else is known (`detail`, `line`, `name`, `text`...).

    A field that is None is left out.
    """

    def __init__(self, kind: str, /, **fields: object) -> None:
        super().__init__(kind)
        self.error = {"kind": kind} | {key: value for key, value in fields.items() if value is not None}


class Unsupported(Exception):  # noqa: N818 - not a fault either
    """The port has no such feature yet; the message is the reason."""


class Outputs:
    """Several named outputs: text, bytes, or an integer such as an exit code."""

    __slots__ = ("outputs",)

    def __init__(self, outputs: Mapping[str, str | bytes | int]) -> None:
        self.outputs = outputs


class Value:
    """One structured output: anything JSON can say, and the floats that it can not."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


def serve(
    render: Callable[[Case], str | bytes | Outputs | Value], *, name: str, version: str, settings: Iterable[str] = ()
) -> None:
    """Answer the harness until stdin ends. `settings` are the names that `render` knows; any other is refused here."""
    requests, replies = _take_stdio()
    known = frozenset(settings)
    suites: dict[str, dict[str, str | bytes]] = {}
    for line in requests:
        if line.isspace():
            continue
        request: Case | None = None
        try:
            message = json.loads(line.decode("utf-8"))
            match message:
                case {"id": str(), "suite": str(), "name": str(), "input": _}:
                    tags = b"$float" in line or b"\\u00" in line  # even its letters may be escaped
                    request = _case(message, suites, tags=tags)
                case {"id": _}:
                    _give_up(line, "not a whole request")
                case {"open": str(suite), "files": dict(files)}:
                    suites[suite] = {path: _content(file) for path, file in files.items()}
                    continue
                case {"harness": int()}:
                    pass
                case _:
                    _give_up(line, "neither a handshake, an open nor a request")
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            _give_up(line, f"{type(error).__name__}: {error}")
        if request is None:
            reply = _dumps({"ready": 1, "name": name, "version": version})
        else:
            reply = _reply(message["id"], request, render, known)
        replies.write(reply.encode("ascii") + b"\n")
        replies.flush()


def _give_up(line: bytes, fault: str) -> NoReturn:
    shown = line[:200].decode("utf-8", "backslashreplace")
    sys.stderr.write(f"harness_worker: malformed line: {fault}: {shown!r}\n")
    sys.exit(2)


def _take_stdio() -> tuple[BinaryIO, BinaryIO]:
    """Keep the protocol's two pipes for the kit; the port and its children get an empty stdin, and stderr as stdout."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.flush()  # what was printed while the port was imported
    sys.stdout = sys.stderr
    return requests, replies


def _case(request: dict[str, Any], suites: dict[str, dict[str, str | bytes]], *, tags: bool) -> Case:
    params, settings = request.get("params", {}), request.get("settings", {})
    if not isinstance(params, dict) or not isinstance(settings, dict):
        raise TypeError("params and settings are objects")
    if tags:
        params = {name: _untagged(value) for name, value in params.items()}
        settings = {name: _untagged(value) for name, value in settings.items()}
    files = suites.get(request["suite"], {})
    return Case(request["suite"], request["name"], _content(request["input"]), params, settings, files)


def _reply(
    ident: str, case: Case, render: Callable[[Case], str | bytes | Outputs | Value], known: frozenset[str]
) -> str:
    for setting in case.settings:
        if setting not in known:
            detail = f'unknown setting "{setting}"'
            return _dumps({"id": ident, "error": {"kind": "UnknownSetting", "detail": detail}})
    try:
        reply = {"id": ident} | _body(render, case)
        try:
            return _dumps(reply)
        except ValueError:  # a float that JSON can not hold: rare, and looking for one first would double the work
            return _dumps(_tagged(reply))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit and a Rust extension's panic are no Exception
        return _dumps({"id": ident, "panic": {"message": _story(error), "frames": _frames(error)}})


def _body(render: Callable[[Case], str | bytes | Outputs | Value], case: Case) -> dict[str, object]:
    try:
        reply = render(case)
    except Refused as refused:
        return {"error": refused.error}
    except Unsupported as unsupported:
        return {"unsupported": str(unsupported)}
    match reply:
        case str() | bytes():
            return {"output": _wire_content(reply)}
        case Outputs():
            return {"outputs": {name: _wire_content(content) for name, content in reply.outputs.items()}}
        case Value():
            return {"value": reply.value}
        case _:
            raise TypeError(f"render returned {type(reply).__name__}; it returns str, bytes, Outputs or Value")


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as second:  # noqa: BLE001 - the port's own __str__, which is as broken as what it describes
        text = f"(its message can not be told: {type(second).__name__})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _story(error: BaseException) -> str:
    """Tell what was raised, and where what it was raised from came from."""
    words = [_message(error)]
    for _ in range(_MAX_CAUSES):
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is None:
            break
        words.append("caused by " + " in ".join([_message(cause), *_frames(cause)[:1]]))
        error = cause
    return "; ".join(words)


def _frames(error: BaseException) -> list[str]:
    frames = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        path = code.co_filename
        library = path.startswith(("<frozen ", _STDLIB)) and "-packages" not in path
        if path != __file__ and not library:
            frames.append(f"{code.co_qualname} ({os.path.basename(path)}:{step.tb_lineno})")
        step = step.tb_next
    return frames[::-1][:_MAX_FRAMES]


def _content(content: Any) -> str | bytes:  # noqa: ANN401 - fresh from JSON
    if isinstance(content, str):
        return content
    import binascii  # noqa: PLC0415 - few suites hold bytes

    return binascii.a2b_base64(content["base64"], strict_mode=True)


def _wire_content(content: str | bytes | int) -> object:
    if not isinstance(content, bytes):
        return content
    import base64  # noqa: PLC0415 - few suites hold bytes

    return {"base64": base64.b64encode(content).decode("ascii")}


def _untagged(value: Any) -> Any:  # noqa: ANN401 - fresh from JSON
    if isinstance(value, dict):
        if len(value) == 1 and value.get("$float") in _NON_FINITE:
            return float(value["$float"])
        return {key: _untagged(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    return value


def _tagged(value: object) -> object:
    if isinstance(value, float) and (text := float.__repr__(value)) in _NON_FINITE:
        return {"$float": text}
    if isinstance(value, dict):
        return {key: _tagged(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tagged(item) for item in value]
    return value
