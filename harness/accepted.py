"""The file of an accepted case: what the port was known to say when a person accepted it.

A plain `output` lies there as it is. Any other reply (an error, several outputs, a value) lies there as the wire has
it, whole but for its frames, which move with every edit of the port; such a file's name ends with `.reply.json`.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

from harness import wire
from harness.errors import Fault, Place
from harness.files import read
from harness.model import ErrorReply, Outputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import Content, Json

SUFFIX = ".reply.json"
_UNSAFE = re.compile(r"[^\w .,+=()-]", re.ASCII)


def load(path: str) -> Outputs | ErrorReply | Fault:
    """Read what was recorded."""
    content = read(path)
    if isinstance(content, Fault) or not path.endswith(SUFFIX):
        return content if isinstance(content, Fault) else Outputs({"output": content})
    try:
        ((kind, said),) = json.loads(content).items()
        reply = wire.said(kind, said)
    except (ValueError, AttributeError, wire.WireFault):
        reply = None
    if isinstance(reply, Outputs | ErrorReply):
        return reply
    return Fault(Place(path), "is not a reply with output(s), a value or an error; restore the file")


def dump(name: str, reply: Mapping[str, Json]) -> tuple[str, bytes]:
    """Return the suffix and the bytes of the file for a case's reply, given as the store keeps it."""
    plain = _plain(reply) if not name.endswith(SUFFIX) else None
    if plain is not None:
        return "", plain
    told = {
        kind: {key: one for key, one in said.items() if key != "frames"} if kind == "error" else said
        for kind, said in reply.items()
    }
    return SUFFIX, json.dumps(told, indent=2).encode() + b"\n"


def _plain(reply: Mapping[str, Json]) -> bytes | None:
    content: Content = wire.content_in(reply["output"]) if set(reply) == {"output"} else "\ud800"
    try:
        return content if isinstance(content, bytes) else content.encode()
    except UnicodeEncodeError:  # a lone surrogate has no bytes
        return None


def place(suite: str, name: str, target: str) -> str:
    """Name the file, but for its suffix: relative to the skip list, and different for every case and target."""
    parts = [_UNSAFE.sub(_escaped, part) for part in name.split("/")]
    parts = [part.replace(".", "%2E") if not part.strip(".") else part for part in parts]
    return os.path.join("accepted", suite, *parts) + (f"@{target}" if target else "")


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())
