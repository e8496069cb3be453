"""Drives the PyPI wheel of MiniJinja, set up as the Rust crate's own template tests set the engine up."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, cast

import minijinja
from harness_worker import Case, Refused, Unsupported, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class OneShotIterator:
    """0, 1, 2, and then never again; prints as the engine's own iterators do."""

    def __init__(self) -> None:
        self.numbers = iter(range(3))

    def __iter__(self) -> Iterator[int]:
        return self.numbers

    def __str__(self) -> str:
        return "<iterator>"


def get_args(*args: object, **kwargs: object) -> list[object]:
    """Give back what a template calls it with, keywords as a map at the end."""
    return [*args, kwargs] if kwargs else [*args]


def refused(heading: str, error: minijinja.TemplateError) -> Refused:
    """Keep the error's parts and its rendering in the source's tests: a heading, Rust's `{:#?}`, Rust's `{:#}`."""
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
    try:
        env.add_template(case.name, case.input)
    except minijinja.TemplateError as error:
        raise refused("SYNTAX ERROR", error) from error
    try:
        return env.render_template(case.name, **{"one_shot_iterator": OneShotIterator(), **case.params})
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
