"""Drives the PyPI wheel of MiniJinja, set up as the Rust crate's own template tests set the engine up."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import minijinja
from harness_worker import Case, Refused, Unsupported, serve

if TYPE_CHECKING:
    from collections.abc import Callable


@Sequence.register
class OneShot:
    """0, 1, 2, and then never again. A sequence, since the wheel reads an iterator to its end at the first touch."""

    def __init__(self) -> None:
        self.left = [0, 1, 2]

    def __len__(self) -> int:
        return len(self.left)

    def __getitem__(self, _: int) -> int:
        return self.left.pop(0)


class Values(list[object]):
    """A list that prints as templates print it."""

    def __repr__(self) -> str:
        return literal(self)


@ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)  # type: ignore[untyped-decorator]
def called(_: object, args: tuple[object, ...], kwargs: int | None) -> list[object]:
    """Give back what a template calls it with, keywords as a map at the end."""
    given = ctypes.cast(kwargs, ctypes.py_object).value if kwargs else None
    return Values([*args, given] if given else args)


class Method(ctypes.Structure):
    """CPython's `PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


# A function in Python takes no keyword that is not a string, and templates may say `**{8: 8}`; one in C takes any.
METH_VARARGS, METH_KEYWORDS = 1, 2
METHOD = Method(b"get_args", ctypes.cast(called, ctypes.c_void_p), METH_VARARGS | METH_KEYWORDS, None)
ctypes.pythonapi.PyCFunction_NewEx.restype = ctypes.py_object
get_args = ctypes.pythonapi.PyCFunction_NewEx(ctypes.byref(METHOD), None, None)

ADDED_FILTERS = ("filesizeformat", "pluralize", "striptags", "truncate", "wordwrap")
ADDED_GLOBALS = ("cycler", "joiner")
"""What the wheel adds to the engine, and `debug()` would list."""


def literal(value: object) -> str:
    """Write a value as templates do."""
    match value:
        case None:
            return "none"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{literal(key)}: {literal(item)}' for key, item in value.items())}}}"
        case _:
            return json.dumps(value, allow_nan=False)


def within_context(case: Case) -> str:
    """Make a template that sets the case's variables and then becomes the case's own, which stays as it is.

    So the values are the engine's, as in the source's tests: to the wheel, a list that comes from Python stays Python's
    and prints as Python prints it.
    """
    values = {name: literal(value) for name, value in case.params.items()}
    # A chain with what is no sequence has no length and reads on only when it is asked, like the source's iterator.
    values["one_shot_iterator"] = "one_shot_iterator|chain(range(0))"
    return (
        "".join(f"{{% set {name} = {value} %}}" for name, value in values.items())
        + f"{{% extends {literal(case.name)} %}}"
    )


def refused(heading: str, error: minijinja.TemplateError) -> Refused:
    """Keep the error's parts and its rendering in the source's tests: a heading, Rust's `{:#?}`, Rust's `{:#}`."""
    if error.kind == "Unknown":  # how the wheel passes on a panic
        raise error
    parts = {"detail": error.detail, "name": error.name, "line": error.line}
    shown = [f"    {key}: {json.dumps(part, ensure_ascii=False)},\n" for key, part in parts.items() if part is not None]
    text = f"!!!{heading}!!!\n\nError {{\n    kind: {error.kind},\n{''.join(shown)}}}\n\n{error}\n"
    return Refused(error.kind, message=error.message, text=text, **parts)


def render(case: Case) -> str:
    """Render the case's template; the shared ones are parsed when a template asks for them."""
    if isinstance(case.input, bytes):
        raise Unsupported("a template is text")
    env = minijinja.Environment(
        loader=cast("Callable[[str], str | None]", case.files.get),
        globals={"get_args": get_args},
        undefined_behavior=case.settings.pop("undefined", "lenient"),
        pycompat=False,
        **case.settings,
    )
    for name in ADDED_FILTERS:
        env.remove_filter(name)
    for name in ADDED_GLOBALS:
        env.remove_global(name)
    try:
        env.add_template(case.name, case.input)
    except minijinja.TemplateError as error:
        raise refused("SYNTAX ERROR", error) from error
    try:
        # the name's ending decides about escaping, also for the case's template
        return env.render_str(within_context(case), f"context of {case.name}", one_shot_iterator=OneShot())
    except minijinja.TemplateError as error:
        raise refused("ERROR", error) from error


serve(
    render,
    name="minijinja-py",
    version=version("minijinja"),
    settings=[
        "keep_trailing_newline",
        "line_comment_prefix",
        "line_statement_prefix",
        "lstrip_blocks",
        "trim_blocks",
        "undefined",
    ],
)
