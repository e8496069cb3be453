"""Drives the PyPI wheel of MiniJinja, set up as the Rust crate's own template tests set the engine up."""

from __future__ import annotations

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


def get_args(*args: object, **kwargs: object) -> list[object]:
    """Give back what a template calls it with, keywords as a map at the end."""
    return [*args, kwargs] if kwargs else [*args]


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
