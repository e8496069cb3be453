"""The conformance worker in Python: what the kit promises, one case name each."""

from __future__ import annotations

import os
import sys

from harness_worker import Case, Outputs, Refused, Unsupported, Value, serve


def blow_up() -> str:
    raise RuntimeError("boom")


def blame() -> str:
    try:
        return blow_up()
    except RuntimeError as error:
        raise ValueError("no luck") from error


def blame_in_a_ring() -> str:
    try:
        return blame()
    except ValueError as error:
        cause = error.__cause__
        assert cause is not None
        cause.__cause__ = error
        raise


def descend(depth: int) -> str:
    return descend(depth + 1) + "."


BREAKS = {"panic": blow_up, "overflow": lambda: descend(0), "caused": blame, "ring": blame_in_a_ring}


def shared(case: Case) -> str | bytes:
    if case.input not in case.files:
        raise Refused("NoSuchFile", detail=f"no shared file {case.input!r}")
    return case.files[str(case.input)]


def render(case: Case) -> str | bytes | Outputs | Value:
    match case.name:
        case "echo":
            return case.input
        case "value":
            return Value({"params": case.params, "settings": case.settings, "suite": case.suite})
        case "outputs":
            return Outputs({"stdout": case.input, "exit": 3, "files/a.bin": b"\x00\xff\x80"})
        case "error":
            raise Refused("SyntaxError", detail="bad", line=7, name=case.name, text="whole\n")
        case name if name in BREAKS:
            return BREAKS[name]()
        case "die":
            print("dying", file=sys.stderr, flush=True)
            os._exit(3)
        case "print":
            print("stray")
            os.write(1, b"stray\n")
            return "printed"
        case "unsupported":
            raise Unsupported("not yet")
        case "shared":
            return shared(case)
        case _:
            raise Refused("NoSuchCase", name=case.name)


serve(render, name="conformance-python", version="1", settings=["trim"])
