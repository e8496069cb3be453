"""Where a port broke: the innermost function of its own code in what it printed of its stack. Never a line number."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.digest.diff import printable, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

_WIDTH = 80
_TAIL = 16_384
"""A stack stands at the end of what a process says, so many characters at most are looked at."""

_PYTHON = re.compile(r'^ *File "(?P<file>[^"\n]*)", line \d+, in (?P<name>[^\n]+)$', re.MULTILINE)
_GO = re.compile(r"^(?P<name>[\w./*()\[\]-]+)\((?:[^\n]*)\)\n\t(?P<file>[^\n]*):\d+", re.MULTILINE)
_RUST = re.compile(
    r"^ *\d+: +(?:0x[0-9a-f]+ - )?(?P<name>[^\n]+?)(?:\n +at (?P<file>[^\n]*?):\d+(?::\d+)?)?$", re.MULTILINE
)
_NODE = re.compile(
    r"^ +at (?:async )?(?:new )?(?P<name>[^\s(]+)(?: \[as [^\]]*\])? \((?P<file>[^)\n]*?):\d+:\d+\)$", re.MULTILINE
)
_JAVA = re.compile(r"^\tat (?:[\w.]+(?:@[^/\n]*)?/)?(?P<name>[\w.$<>]+)\((?P<file>[^)\n]*)\)$", re.MULTILINE)

_PANICKED = re.compile(r"panicked at (?P<file>[^\n:]+):\d+")
_FOREIGN_FILE = re.compile(r"^<frozen |^node:|/lib/python3|/rustc/|/usr/(?:local/)?(?:lib/)?go/src/|harness_?worker")
_FOREIGN_NAME = re.compile(
    r"^(?:runtime[./]|panic\b|testing\.|reflect\.|main\.main$"
    r"|<?(?:std|core|alloc|rust_begin_unwind|rust_panic|__rust|backtrace|_start|__libc|main$)"
    r"|(?:java|javax|jdk|sun|kotlin)\.)"
)
_HASH = re.compile(r"::h[0-9a-f]{16}$")
_ADDRESSES = re.compile(r"\(0x[^)]*\)|\{\{closure\}\}|::<[^>]*>")
_IN_PLACE = re.compile(r"\s*\(?[\w./<>-]*:\d+(?::\d+)?\)?$")


def innermost(frames: Iterable[str], said: str) -> str:
    """Name the innermost function: the first of the frames that a reply tells, else of a stack in `said`; else nothing.

    Frames of standard libraries, of runtimes and of the worker kits are passed over.
    """
    for frame in frames:
        name = _IN_PLACE.sub("", frame)
        if name and not _FOREIGN_NAME.search(name):
            return _plain(name)
    return _printed(said[-_TAIL:])


def _printed(said: str) -> str:
    if "Traceback (most recent call last)" in said:
        found = [one for one in _PYTHON.finditer(said) if not _FOREIGN_FILE.search(one["file"])]
        return _plain(found[-1]["name"]) if found else ""
    for shape in (_GO, _NODE, _JAVA, _RUST):
        for one in shape.finditer(said):
            if not _FOREIGN_NAME.search(one["name"]) and not _FOREIGN_FILE.search(one["file"] or ""):
                return _plain(one["name"])
    panicked = _PANICKED.search(said)
    return panicked["file"].rpartition("/")[2] if panicked else ""


def _plain(name: str) -> str:
    return shorten(printable(_ADDRESSES.sub("", _HASH.sub("", name)).strip()), _WIDTH)
