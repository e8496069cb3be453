"""Texts that spell a tree: JSON, Python's `repr`, Rust's `{:#?}`. Read alike, and compared by path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 262_144
"""Letters; a longer text is compared line by line."""
_DEEPEST = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<open>(?P<name>[A-Za-z_][\w:.]*)?\s*[\[{(])|(?P<close>[\]})])|(?P<mark>[,:=])"
    r"|(?P<atom>[^\s\[\]{}(),:=\"']+))",
    re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_CLOSES = {"[": "]", "{": "}", "(": ")"}


@dataclass(frozen=True, slots=True)
class Branch:
    """A named or nameless list or mapping: `name` with its bracket, and children by key or position."""

    name: str
    children: tuple[tuple[str, Node], ...]


Node: TypeAlias = Branch | str


@dataclass(frozen=True, slots=True)
class Part:
    """Where two trees part: the path, and what stands there in each, None where it is missing."""

    path: str
    want: str | None
    got: str | None


class _NoTree(Exception):  # noqa: N818 - most texts are none
    pass


def read(text: str) -> Branch | None:
    """Read a tree; None where the text is none, or too long."""
    if len(text) > _MOST or not re.match(r"\s*(?:[A-Za-z_][\w:.]*\s*)?[\[{(]", text):
        return None
    try:
        found = _Reading(text)
        node = found.node(_DEEPEST)
        return node if isinstance(node, Branch) and not found.left() else None
    except _NoTree:
        return None


def parts(want: Node, got: Node, path: str = "") -> Iterator[Part]:
    """Yield where two trees part, outermost first, in the order of what is wanted."""
    if isinstance(want, str) or isinstance(got, str) or want.name != got.name:
        if want != got:
            yield Part(path or "(root)", brief(want), brief(got))
        return
    wanted, found = dict(want.children), dict(got.children)
    if len(wanted) != len(want.children) or len(found) != len(got.children):  # a key twice: by position then
        wanted = {str(number): child for number, (_, child) in enumerate(want.children)}
        found = {str(number): child for number, (_, child) in enumerate(got.children)}
    for key in [*wanted, *(key for key in found if key not in wanted)]:
        step = f"[{key}]" if key.isdigit() else f"{'.' if path else ''}{key}" if _NAME.fullmatch(key) else f"[{key}]"
        if key not in found:
            yield Part(path + step, brief(wanted[key]), None)
        elif key not in wanted:
            yield Part(path + step, None, brief(found[key]))
        else:
            yield from parts(wanted[key], found[key], path + step)


def brief(node: Node) -> str:
    """Write a node so that it can be recognised: a branch by its name and size."""
    if isinstance(node, str):
        return node
    opens = node.name[-1]
    if not node.children:
        return f"{node.name}{_CLOSES[opens]}"
    keys = [key for key, _ in node.children]
    inside = f"{len(keys)} items" if keys[0] == "0" else ", ".join(keys[:4]) + (", ..." if keys[4:] else "")
    return f"{node.name}{inside}{_CLOSES[opens]}"


class _Reading:
    """A text and how far it has been read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def left(self) -> bool:
        return bool(self._text[self._at :].strip())

    def _next(self) -> re.Match[str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise _NoTree
        self._at = found.end()
        return found

    def node(self, levels: int) -> Node:
        return self._value(self._next(), levels)

    def _value(self, token: re.Match[str], levels: int) -> Node:
        if token["text"] or token["atom"]:
            return str(token["text"] or token["atom"])
        if not token["open"] or levels == 0:
            raise _NoTree
        name, bracket = token["name"] or "", token["open"][-1]
        children: list[tuple[str, Node]] = []
        while not (token := self._next())["close"]:
            if token["mark"] == ",":
                continue
            key, child = str(len(children)), self._value(token, levels - 1)
            following = _TOKEN.match(self._text, self._at)
            if following is not None and following["mark"] in {":", "="}:
                if not isinstance(child, str):
                    raise _NoTree
                self._at = following.end()
                key, child = child.strip("\"'"), self.node(levels - 1)
            children.append((key, child))
        if token["close"] != _CLOSES[bracket]:
            raise _NoTree
        return Branch(name + bracket, tuple(children))
