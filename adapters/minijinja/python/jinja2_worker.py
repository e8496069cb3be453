"""Drives Jinja2, the engine MiniJinja is modelled on, as it is: nothing here bends it towards MiniJinja."""

from __future__ import annotations

from importlib.metadata import version
from typing import cast

import jinja2
from harness_worker import Case, Refused, Unsupported, serve

UNDEFINED = {"chainable": jinja2.ChainableUndefined, "lenient": jinja2.Undefined, "strict": jinja2.StrictUndefined}
KINDS = {jinja2.TemplateSyntaxError: "SyntaxError", jinja2.TemplatesNotFound: "TemplateNotFound"}


def get_args(*args: object, **kwargs: object) -> list[object]:
    """Give back what a template calls it with, keywords as a map at the end."""
    return [*args, kwargs] if kwargs else [*args]


def place(error: Exception, templates: dict[str, str]) -> tuple[str | None, int | None]:
    """Name and line of the innermost template that the error went through; Jinja2 writes them into the traceback."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.name, error.lineno
    name, line = None, None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename in templates:
            name, line = step.tb_frame.f_code.co_filename, step.tb_lineno
        step = step.tb_next
    return name, line


def render(case: Case) -> str:
    """Render the case's template; the shared ones are parsed when a template asks for them."""
    if isinstance(case.input, bytes):
        raise Unsupported("a template is text")
    templates = cast("dict[str, str]", {**case.files, case.name: case.input})

    def load(name: str) -> tuple[str, str, None] | None:
        return (templates[name], name, None) if name in templates else None

    env = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        autoescape=jinja2.select_autoescape(["html", "htm", "xml"], default_for_string=False),
        extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"],
        undefined=UNDEFINED[case.settings.pop("undefined", "lenient")],
        **case.settings,
    )
    env.globals["get_args"] = get_args
    try:
        return env.get_template(case.name).render({"one_shot_iterator": iter(range(3)), **case.params})
    except Exception as error:
        name, line = place(error, templates)
        # What a template's expression raises is that template's error; with no template running, Jinja2 itself broke.
        if name is None and not isinstance(error, jinja2.TemplateError):
            raise
        kind = KINDS.get(type(error), type(error).__name__)
        detail = error.message if isinstance(error, jinja2.TemplateSyntaxError) else str(error)
        raise Refused(kind, detail=detail, name=name, line=line) from error


serve(
    render,
    name="jinja2",
    version=version("Jinja2"),
    settings=[
        "keep_trailing_newline",
        "line_comment_prefix",
        "line_statement_prefix",
        "lstrip_blocks",
        "trim_blocks",
        "undefined",
    ],
)
