r"""Texts that print a structure, as trees: Rust's `{:#?}`, Python's repr, Go's `%#v`, JSON; and where two differ.

One grammar reads them all: words, strings, and brackets with entries between commas, each with a key or without. What
it does not know it keeps letter by letter, so that two texts with one tree differ in nothing but insignificant white
space, trailing commas, `=` for `:` and the way in which a string is escaped. Linear, and of bounded depth.

A path is the keys and positions down to a node, `children/0/name`; `~1` stands for a `/` in a key, `~0` for a `~`. What
is printed behind a closing bracket (`Const { .. } @ 1:4-1:9`) has the path `@` below its node.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from math import inf
from operator import eq
from typing import TYPE_CHECKING, Literal, TypeAlias

from harness.patterns import compile_glob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from harness.model import Json

DEEPEST = 200
"""Levels of brackets; what is nested more deeply is no tree for us."""


@dataclass(frozen=True, slots=True)
class Leaf:
    r"""A word, or a string between `quote`s (with its prefix: `b'`), its escapes undone.

    A backslash stays doubled in it, and an escape that languages read differently stays as it is (`\xff`).
    """

    text: str
    quote: str = ""

    def __str__(self) -> str:
        return f"{self.quote}{self.text}{self.quote[-1:]}"


@dataclass(frozen=True, slots=True)
class Branch:
    """Entries between brackets, `(key or None, value)`, what stands in front of them, and behind (`after`)."""

    name: str
    brackets: str
    """`()`, `[]`, `{}`; `(,)` for a tuple of one; empty for the lines of a text that holds several trees."""
    entries: tuple[tuple[Tree | None, Tree], ...]
    after: str = ""

    def __str__(self) -> str:
        return f"{self.name}{self.brackets[:1]}..{self.brackets[-1:]}" if self.entries else self.name + self.brackets


Tree: TypeAlias = Leaf | Branch


@dataclass(frozen=True, slots=True)
class NoTree:
    """A text that is none, and why; it ends in the line where that is seen."""

    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two trees part. None: there is nothing on that side."""

    path: str
    want: Tree | None
    got: Tree | None

    def __str__(self) -> str:
        return f"at {self.path or 'the top'}: {_shown(self.want)}, got {_shown(self.got)}"


# --- reading -------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    # A mark between letters is an apostrophe, unless the letter before it is a prefix.
    r"""(?P<string>(?:\b[bBuU](?=["'])|(?=")|(?<!\w)(?='))(?:"(?:[^"\\]++|\\.)*+"|'(?:[^'\\]++|\\.)*+'))"""
    r"""|(?P<mark>[()\[\]{},\n]|:++|[=!<>]++)|"|(?<!\w)'""",
    re.DOTALL,
)
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_NAME = re.compile(r"[^\W\d]\w*")


class _Level:
    """A bracket that is open, or the text as a whole, and the entry that is being read in it."""

    __slots__ = ("begin", "bracket", "comma", "entries", "group", "key", "keyless", "opened", "string")

    def __init__(self, bracket: str, begin: int) -> None:
        self.bracket = bracket
        self.opened = begin - 1
        self.entries: list[tuple[Tree | None, Tree]] = []
        self.comma = False
        self.start(begin)

    def start(self, begin: int) -> None:
        """Begin an entry."""
        self.key: Tree | None = None
        self.keyless = not self.bracket  # whether it can not have a key any more
        self.value(begin)

    def value(self, begin: int) -> None:
        """Begin a key, or what follows it."""
        self.begin = begin
        self.group: tuple[int, int, _Level] | None = None  # the last brackets of it: where they begin and end
        self.string: re.Match[str] | None = None

    def tree(self, text: str, end: int) -> Tree | None:
        """Read what lies between the beginning and here; None where that is nothing."""
        if self.group is not None:
            opened, closed, inner = self.group
            name, after = text[self.begin : opened].strip(), text[closed:end].strip()
            one = inner.bracket == "(" and len(inner.entries) == 1 and inner.comma and not name
            brackets = "(,)" if one else inner.bracket + _CLOSES[inner.bracket]
            return Branch(name, brackets, tuple(inner.entries), after)
        whole = text[self.begin : end].strip()
        if self.string is not None and self.string[0] == whole:
            prefix = whole.index(whole[-1]) + 1
            return Leaf(unescape(whole[prefix:-1]), whole[:prefix])
        return Leaf(whole) if whole else None

    def close(self, text: str, end: int) -> bool:
        """End an entry; false where there is none."""
        tree = self.tree(text, end)
        if tree is None and self.key is not None:
            tree = Leaf("")
        if tree is not None:
            self.entries.append((self.key, tree))
        return tree is not None


class _Broken(Exception):  # noqa: N818 - becomes a NoTree
    """Why a text is no tree, and where that is seen."""


def parse(text: str) -> Tree | NoTree:
    """Read a text. One with several trees, each beginning in a line of its own, is a branch without brackets.

    A line without brackets is a tree as well: a leaf.
    """
    levels = [_Level("", 0)]
    try:
        for found in _TOKEN.finditer(text):
            if found["string"] is not None:
                levels[-1].string = found
            else:
                _take(levels, found["mark"], found.start(), text)
        _end(levels, text)
    except _Broken as broken:
        why, at = broken.args
        return NoTree(f"{why} (line {text.count(chr(10), 0, at) + 1})")
    trees = levels[0].entries
    return trees[0][1] if len(trees) == 1 else Branch("", "", tuple(trees))


def _take(levels: list[_Level], mark: str | None, at: int, text: str) -> None:
    level = levels[-1]
    match mark:
        case None:
            raise _Broken("a string that does not end", at)
        case "(" | "[" | "{":
            _open(levels, mark, at)
        case ")" | "]" | "}":
            _close(levels, mark, at, text)
        case ",":
            if not level.bracket or not level.close(text, at):
                raise _Broken("a comma that ends nothing", at)
            level.comma = True
            level.start(at + 1)
        case "\n" if not level.bracket:
            level.close(text, at)
            level.start(at + 1)
        case ":" | "=" if not level.keyless:
            level.keyless = True
            if _is_key(mark, level.bracket, text[level.begin : at].strip()):
                level.key = level.tree(text, at)
                level.value(at + 1)


def _open(levels: list[_Level], mark: str, at: int) -> None:
    if len(levels) > DEEPEST:
        raise _Broken(f"more than {DEEPEST} levels", at)
    levels.append(_Level(mark, at + 1))


def _close(levels: list[_Level], mark: str, at: int, text: str) -> None:
    level = levels[-1]
    if _CLOSES.get(level.bracket) != mark:
        raise _Broken(f"a {mark!r} that closes nothing", at)
    level.close(text, at)
    levels.pop()
    levels[-1].group = (level.opened, at + 1, level)


def _end(levels: list[_Level], text: str) -> None:
    if len(levels) > 1:
        raise _Broken(f"a {levels[-1].bracket!r} that is not closed", levels[-1].opened)
    levels[0].close(text, len(text))


def _is_key(mark: str, bracket: str, before: str) -> bool:
    """Anything is a key before `:` in braces, and a name before `=` in any brackets."""
    return (bool(before) and bracket == "{") if mark == ":" else _NAME.fullmatch(before) is not None


_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-7][0-9a-fA-F])|([abfnrtv'\"/0]))"
    r"|\\\\"
)
_LETTERS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}


def unescape(text: str) -> str:
    """Undo the escapes that Rust, Python, Go and JSON read alike; all others, and doubled backslashes, stay."""
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


def _meant(escape: re.Match[str]) -> str:
    braced, pair, *digits, letter = escape.groups()
    if pair:
        return json.loads(f'"\\{pair}"')  # type: ignore[no-any-return]
    if letter:
        return _LETTERS.get(letter, letter)
    code = next((one for one in (braced, *digits) if one), None)
    return escape[0] if code is None or int(code, 16) > sys.maxunicode else chr(int(code, 16))


class _Digits(str):
    """A number as JSON has it."""

    __slots__ = ()


class _Object(list[tuple[str, "Json"]]):
    """An object's keys and values, in their order, with every repetition."""


def parse_json(text: str) -> Tree | NoTree:
    """Read JSON, and nothing else (but NaN and the infinities, as Python and JavaScript's libraries write them).

    Numbers keep their digits, objects their order and their duplicate keys.
    """
    try:
        found = _JSON.decode(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as problem:
        return NoTree(f"not JSON: {problem.msg[:1].lower()}{problem.msg[1:]} (line {problem.lineno})")
    except RecursionError:
        return NoTree(f"more than {DEEPEST} levels")
    return of_json(found)


_JSON = json.JSONDecoder(
    object_pairs_hook=_Object, parse_int=_Digits, parse_float=_Digits, parse_constant=_Digits, strict=True
)


def of_json(value: Json) -> Tree | NoTree:
    """Turn what a JSON library gives into a tree."""
    try:
        return _of_json(value, DEEPEST)
    except RecursionError:
        return NoTree(f"more than {DEEPEST} levels")


def _of_json(value: Json, levels: int) -> Tree:
    match value:
        case _Digits():
            return Leaf(str(value))
        case str():
            return _string(value)
        case bool() | int() | float() | None:
            return Leaf(json.dumps(value))
        case _ if levels == 0:
            raise RecursionError
        case dict() | _Object():
            pairs = value.items() if isinstance(value, dict) else value
            return Branch("", "{}", tuple((_string(key), _of_json(one, levels - 1)) for key, one in pairs))
        case _:
            return Branch("", "[]", tuple((None, _of_json(one, levels - 1)) for one in value))


def _string(value: str) -> Leaf:
    return Leaf(value.replace("\\", "\\\\"), '"')


# --- comparing -----------------------------------------------------------------------------------------------------


def differences(want: Tree, got: Tree, alike: Callable[[Leaf, Leaf], bool] = eq) -> Iterator[Difference]:
    """Yield where two trees part, in the order of the wanted one, each as deep as it can be told.

    Entries with keys are compared by key, in whatever order, a repeated one by its occurrence; the others by position.
    """
    if want != got:  # a quick look first, since most are equal
        yield from _differences("", want, got, alike)


def _differences(path: str, want: Tree, got: Tree, alike: Callable[[Leaf, Leaf], bool]) -> Iterator[Difference]:
    if isinstance(want, Leaf) or isinstance(got, Leaf):
        if not (isinstance(want, Leaf) and isinstance(got, Leaf) and alike(want, got)):
            yield Difference(path, want, got)
        return
    if (want.name, want.brackets) != (got.name, got.brackets):
        yield Difference(path, want, got)
        return
    wanted, found = slots(want), slots(got)
    for slot, one in wanted.items():
        below = join(path, slot)
        if slot in found:
            yield from _differences(below, one, found[slot], alike)
        else:
            yield Difference(below, one, None)
    for slot, one in found.items():
        if slot not in wanted:
            yield Difference(join(path, slot), None, one)


_SHOWN = 60

Slot: TypeAlias = tuple["Tree | None", int]
_AFTER: Slot = (Leaf("@"), -1)


def slots(tree: Branch) -> dict[Slot, Tree]:
    """Give each entry its place: its key and how often that came before, or its position among those without a key."""
    seen: Counter[Tree | None] = Counter()
    placed: dict[Slot, Tree] = {}
    for key, value in tree.entries:
        placed[key, seen[key]] = value
        seen[key] += 1
    if tree.after:
        placed[_AFTER] = Leaf(tree.after)
    return placed


def join(path: str, slot: Slot) -> str:
    """Write the path of an entry below a path."""
    key, number = slot
    if key is None:
        name = str(number)
    else:
        name = (key.text if isinstance(key, Leaf) else str(key)).replace("~", "~0").replace("/", "~1")
    return f"{path}/{name}" if path else name


def _shown(tree: Tree | None) -> str:
    text = "nothing" if tree is None else str(tree)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


# --- forgiving -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """What is forgiven at the paths that a glob fits.

    `ignore`: it may be anything, and may be missing where it has a key. `redact`: it must be there, and of the same
    kind. `unordered`: its entries without keys may come in any order.
    """

    kind: Literal["ignore", "redact", "unordered"]
    glob: str

    def __str__(self) -> str:
        return f"{self.kind} {self.glob}"

    @property
    def partial(self) -> bool:
        """Whether it takes something out of the comparison."""
        return self.kind != "unordered"

    def fits(self, path: str) -> bool:
        """Whether a node is meant."""
        return compile_glob(self.glob).fullmatch(path) is not None


_GLOBS = {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}
OPTIONS: Mapping[str, Json] = {"ignore": _GLOBS, "redact": _GLOBS, "unordered": _GLOBS}
"""What the config of a matcher may say about ways: JSON Schema."""


def ways_of(options: Mapping[str, Json]) -> tuple[Way, ...]:
    """Put the ways together. Raises ValueError for one that would forgive everything."""
    found = [Way(kind, glob) for kind in ("ignore", "redact", "unordered") for glob in options.get(kind, ())]
    for way in found:
        if way.partial and not set(way.glob) - set("*?/"):
            raise ValueError(f"`{way.kind}` = {way.glob!r} fits everything; name what may differ")
    return tuple(found)


_NUMBER = re.compile(r"-?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|0[xX][0-9a-fA-F]+|-?(?:NaN|nan|inf|Infinity)")
_NOTHING = frozenset({"null", "None", "nil", "undefined"})


def settle_reference(want: Tree, ways: Sequence[Way]) -> tuple[Tree, set[Way]]:
    """Settle a reference. Raises ValueError when nothing is left of it that could be compared."""
    settled, applied = settle(want, ways)
    if applied and _says(want) and not _says(settled):
        raise ValueError("`ignore` and `redact` leave nothing of it to compare; narrow them, or the rule")
    return settled, applied


def settle(tree: Tree, ways: Sequence[Way]) -> tuple[Tree, set[Way]]:
    """Bring a tree into the form in which what is forgiven looks alike on both sides; and which ways changed it."""
    applied: set[Way] = set()
    return (_settle("", tree, ways, applied) if ways else tree), applied


def _settle(path: str, tree: Tree, ways: Sequence[Way], applied: set[Way]) -> Tree:
    if isinstance(tree, Leaf):
        return tree
    after, entries = tree.after, list[tuple[Tree | None, Tree]]()
    for slot, value in slots(tree).items():
        below = join(path, slot)
        way = next((way for way in ways if way.partial and way.fits(below)), None)
        if way is not None:
            applied.add(way)
        if slot == _AFTER:
            after = after if way is None else "" if way.kind == "ignore" else "redacted"
        elif way is None:
            entries.append((slot[0], _settle(below, value, ways, applied)))
        elif way.kind == "redact" or slot[0] is None:  # without a key, what follows must not move up
            entries.append((slot[0], Leaf(_kind(value) if way.kind == "redact" else "", _GONE)))
    mixed = next((way for way in ways if way.kind == "unordered" and way.fits(path)), None)
    if mixed is not None:
        ordered = sorted(entries, key=lambda entry: (entry[0] is not None, _rank(entry[1]) if entry[0] is None else ()))
        if ordered != entries:
            applied.add(mixed)
        entries = ordered
    return Branch(tree.name, tree.brackets, tuple(entries), after)


_GONE = "<"
"""Stands as the quote of what is not compared: no string has such a one."""


def _kind(tree: Tree) -> str:
    if isinstance(tree, Branch):
        return tree.brackets
    if tree.quote:
        return "string"
    return "number" if _NUMBER.fullmatch(tree.text) else "nothing" if tree.text in _NOTHING else "word"


def _says(tree: Tree) -> bool:
    if isinstance(tree, Leaf):
        return tree.quote != _GONE
    return bool(tree.name or tree.after) or any(_says(value) for _, value in tree.entries)


def _rank(tree: Tree) -> tuple[float, str]:
    """Sort numbers by their value, so that near ones meet, and all else by how it is written."""
    try:
        return (float(tree.text) if isinstance(tree, Leaf) and not tree.quote else inf), _written(tree)
    except ValueError:
        return inf, _written(tree)


def _written(tree: Tree) -> str:
    if isinstance(tree, Leaf):
        return repr((tree.quote, tree.text))
    keyed = sorted(_written(key) + _written(value) for key, value in tree.entries if key is not None)
    others = [_written(value) for key, value in tree.entries if key is None]
    return f"{tree.name!r}{tree.brackets}{others}{keyed}{tree.after!r}"
