"""A worker with faults put into it: `faults.py ENGINE [FAULT...]` serves MiniJinja's wheel or Jinja2, broken as named.

Each fault is one root cause, of the sorts that ports have: a feature that is missing, one that gives something else, a
policy that is another one, a crash. `FEATURE` says by which words of a template one would recognise it.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import jinja2
    import minijinja

    Wheel = Callable[[minijinja.Environment], None]
    Package = Callable[[], None]

ADAPTERS = Path(__file__).resolve().parents[3] / "adapters"


def crash(name: str) -> Callable[..., object]:
    """Make a function of that name, as a stack tells it, that breaks."""

    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("slot 0 of 0")

    broken.__code__ = broken.__code__.replace(co_name=name, co_qualname=name)
    return broken


# --- MiniJinja's wheel: faults are put in where each environment is made ------------------------------------------


def without_filter(*names: str) -> Wheel:
    def change(env: minijinja.Environment) -> None:
        for name in names:
            env.remove_filter(name)

    return change


def without_test(name: str) -> Wheel:
    return lambda env: env.remove_test(name)


def with_filter(name: str, wrong: Callable[..., object]) -> Wheel:
    return lambda env: env.add_filter(name, wrong)


def with_test(name: str, wrong: Callable[..., bool]) -> Wheel:
    return lambda env: env.add_test(name, wrong)


def with_function(name: str, wrong: Callable[..., object]) -> Wheel:
    return lambda env: env.add_global(name, wrong)


def setting(name: str, value: object) -> Wheel:
    return lambda env: setattr(env, name, value)


def null_for_none(value: object) -> object:
    return "null" if value is None else value


def words_for_booleans(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


WHEEL: dict[str, tuple[tuple[str, ...], Wheel]] = {
    "no filter sort": (("sort",), without_filter("sort")),
    "no filter items": (("items",), without_filter("items")),
    "no filter zip": (("zip",), without_filter("zip")),
    "no filter split": (("split",), without_filter("split")),
    "no filter default": (
        ("default", "d"),
        without_filter("default", "d"),
    ),
    "no filter indent": (("indent",), without_filter("indent")),
    "no filter map": (("map",), without_filter("map")),
    "no test sameas": (("sameas",), without_test("sameas")),
    "no test iterable": (("iterable",), without_test("iterable")),
    "no test divisibleby": (("divisibleby",), without_test("divisibleby")),
    "no test undefined": (("undefined",), without_test("undefined")),
    "no function namespace": (("namespace",), lambda env: env.remove_global("namespace")),
    "no function dict": (("dict",), lambda env: env.remove_global("dict")),
    "upper gives lower": (("upper",), with_filter("upper", lambda text, *_: str(text).lower())),
    "title gives upper": (("title",), with_filter("title", lambda text, *_: str(text).upper())),
    "join forgets the separator": (("join",), with_filter("join", lambda found, *_: "".join(map(str, found)))),
    "dictsort forgets to sort": (("dictsort",), with_filter("dictsort", lambda found, **_: list(found.items())[::-1])),
    "tojson writes spaces twice": (
        ("tojson",),
        with_filter("tojson", lambda value, *_, **__: repr(value).replace(" ", "  ")),
    ),
    "list forgets the last": (("list",), with_filter("list", lambda found, *_: list(found)[:-1])),
    "length counts one more": (("length", "count"), with_filter("length", lambda found, *_: len(found) + 1)),
    "first gives the last": (("first",), with_filter("first", lambda found, *_: list(found)[-1])),
    "round drops": (("round",), with_filter("round", lambda value, *_: float(int(value)))),
    "int counts one more": (("int",), with_filter("int", lambda value, *_, **__: int(float(value)) + 1)),
    "bool is turned round": (("bool",), with_filter("bool", lambda value, *_: not value)),
    "reverse does nothing": (("reverse",), with_filter("reverse", lambda value, *_: value)),
    "unique does nothing": (("unique",), with_filter("unique", lambda value, *_, **__: list(value))),
    "batch crashes": (("batch",), with_filter("batch", crash("batch"))),
    "selectattr crashes": (("selectattr",), with_filter("selectattr", crash("selectattr"))),
    "groupby crashes": (("groupby",), with_filter("groupby", crash("groupby"))),
    "range starts at one": (("range",), with_function("range", lambda *ends: [one + 1 for one in range(*ends)])),
    "string test is turned round": (("string",), with_test("string", lambda value, *_: not isinstance(value, str))),
    "even is odd": (("even",), with_test("even", lambda value, *_: value % 2 == 1)),
    "none prints null": (("none",), setting("finalizer", null_for_none)),
    "booleans print small": (("true", "false"), setting("finalizer", words_for_booleans)),
    "escaping never": (("html",), setting("auto_escape_callback", lambda _: False)),
    "escaping always": (("txt",), setting("auto_escape_callback", lambda _: True)),
    "undefined is always strict": (("lenient",), setting("undefined_behavior", "strict")),
    "undefined is always lenient": (("undefined", "strict"), setting("undefined_behavior", "lenient")),
    "trim_blocks is not heeded": (("trim_blocks",), setting("trim_blocks", value=False)),
    "lstrip_blocks is not heeded": (("lstrip_blocks",), setting("lstrip_blocks", value=False)),
    "the last newline is kept": (("keep_trailing_newline",), setting("keep_trailing_newline", value=True)),
    "no template is found": (("include", "extends", "import"), setting("loader", lambda _: None)),
}


def break_wheel(names: list[str]) -> None:
    import minijinja  # noqa: PLC0415 - only the engine that is broken is loaded

    sound = minijinja.Environment

    def broken(*args: Any, **kwargs: Any) -> minijinja.Environment:  # noqa: ANN401 - as the class takes them
        env = sound(*args, **kwargs)
        for name in names:
            WHEEL[name][1](env)
        return env

    minijinja.Environment = broken  # type: ignore[misc,assignment]


# --- Jinja2: faults are put into the package itself ------------------------------------------------------------------


def filters() -> dict[str, Any]:
    import jinja2.filters  # noqa: PLC0415 - only the engine that is broken is loaded

    return jinja2.filters.FILTERS


def no_filter(*names: str) -> Package:
    def change() -> None:
        for name in names:
            del filters()[name]

    return change


def wrong_filter(name: str, wrong: Callable[..., object]) -> Package:
    return lambda: filters().__setitem__(name, wrong)


def wrong_test(name: str, wrong: Callable[..., bool] | None) -> Package:
    def change() -> None:
        import jinja2.tests  # noqa: PLC0415 - as above

        if wrong is None:
            del jinja2.tests.TESTS[name]
        else:
            jinja2.tests.TESTS[name] = wrong

    return change


def wrong_loop(name: str, wrong: Callable[[jinja2.runtime.LoopContext], object]) -> Package:
    def change() -> None:
        import jinja2.runtime  # noqa: PLC0415 - as above

        setattr(jinja2.runtime.LoopContext, name, property(wrong))

    return change


def wrong_escape(wrong: Callable[[str], str]) -> Package:
    def change() -> None:
        import jinja2.filters  # noqa: PLC0415 - as above
        import jinja2.runtime  # noqa: PLC0415
        from markupsafe import Markup  # noqa: PLC0415

        def escape(value: Any) -> Markup:  # noqa: ANN401 - anything a template prints
            return value if isinstance(value, Markup) else Markup(wrong(str(value)))  # noqa: S704 - that is the fault

        jinja2.runtime.escape = jinja2.filters.escape = escape  # type: ignore[attr-defined]
        jinja2.filters.FILTERS["e"] = jinja2.filters.FILTERS["escape"] = escape

    return change


def wrong_default(name: str) -> Package:
    def change() -> None:
        import jinja2.defaults  # noqa: PLC0415 - as above

        del jinja2.defaults.DEFAULT_NAMESPACE[name]

    return change


def wrong_node(name: str, to: str) -> Package:
    """Make the compiler write one kind of expression as another."""

    def change() -> None:
        from jinja2.compiler import CodeGenerator  # noqa: PLC0415 - as above

        setattr(CodeGenerator, f"visit_{name}", getattr(CodeGenerator, f"visit_{to}"))

    return change


def undefined_is_said() -> None:
    import jinja2  # noqa: PLC0415 - as above

    jinja2.Undefined.__str__ = lambda _: "undefined"  # type: ignore[method-assign]


def setting_ignored(name: str) -> Package:
    def change() -> None:
        import jinja2  # noqa: PLC0415 - as above

        sound = jinja2.Environment.__init__

        def broken(self: jinja2.Environment, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as it takes them
            kwargs.pop(name, None)
            sound(self, *args, **kwargs)

        jinja2.Environment.__init__ = broken  # type: ignore[method-assign]

    return change


def includes_get_lost() -> None:
    from jinja2.compiler import CodeGenerator  # noqa: PLC0415 - as above

    setattr(CodeGenerator, "visit_Include", lambda *_: None)  # noqa: B010 - a method, to a type checker


def macros_crash() -> None:
    from jinja2.runtime import Macro  # noqa: PLC0415 - as above

    Macro._invoke = crash("_invoke")  # type: ignore[method-assign,assignment]  # noqa: SLF001 - that is the fault


def blocks_lose_super() -> None:
    from jinja2.runtime import BlockReference  # noqa: PLC0415 - as above

    BlockReference.__call__ = lambda _: ""  # type: ignore[method-assign,assignment]


PACKAGE: dict[str, tuple[tuple[str, ...], Package]] = {
    "no filter join": (("join",), no_filter("join")),
    "no filter map": (("map",), no_filter("map")),
    "no filter default": (("default", "d"), no_filter("default", "d")),
    "no filter tojson": (("tojson",), no_filter("tojson")),
    "no filter sort": (("sort",), no_filter("sort")),
    "no filter list": (("list",), no_filter("list")),
    "upper gives lower": (("upper",), wrong_filter("upper", lambda text: str(text).lower())),
    "join forgets the separator": (("join",), wrong_filter("join", lambda found, *_, **__: "".join(map(str, found)))),
    "tojson gives repr": (("tojson",), wrong_filter("tojson", lambda value, *_, **__: repr(value))),
    "indent indents by two": (
        ("indent",),
        wrong_filter("indent", lambda text, *_, **__: str(text).replace("\n", "\n  ")),
    ),
    "list crashes": (("list",), wrong_filter("list", crash("list"))),
    "safe does nothing": (("safe",), wrong_filter("safe", lambda text: text)),
    "replace does nothing": (("replace",), wrong_filter("replace", lambda text, *_: text)),
    "length counts one more": (("length",), wrong_filter("length", lambda found: len(found) + 1)),
    "defined is turned round": (("defined",), wrong_test("defined", lambda value: not value)),
    "no test undefined": (("undefined",), wrong_test("undefined", None)),
    "no test divisibleby": (("divisibleby",), wrong_test("divisibleby", None)),
    "string test is always true": (("string",), wrong_test("string", lambda _: True)),
    "loop.index counts from zero": (("index",), wrong_loop("index", lambda loop: loop.index0)),
    "loop.last is never true": (("last",), wrong_loop("last", lambda _: False)),
    "loop.first is never true": (("first",), wrong_loop("first", lambda _: False)),
    "quotes are escaped by name": (
        ("html",),
        wrong_escape(
            lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        ),
    ),
    "nothing is escaped": (("html", "autoescape", "escape"), wrong_escape(lambda text: text)),
    "no function range": (("range",), wrong_default("range")),
    "no function namespace": (("namespace",), wrong_default("namespace")),
    "division drops": (("/",), wrong_node("Div", "FloorDiv")),
    "multiplication adds": (("*",), wrong_node("Mul", "Add")),
    "and is or": (("and",), wrong_node("And", "Or")),
    "undefined prints its name": (("undefined",), undefined_is_said),
    "trim_blocks is not heeded": (("trim_blocks",), setting_ignored("trim_blocks")),
    "lstrip_blocks is not heeded": (("lstrip_blocks",), setting_ignored("lstrip_blocks")),
    "the last newline is dropped": (("keep_trailing_newline",), setting_ignored("keep_trailing_newline")),
    "includes get lost": (("include",), includes_get_lost),
    "macros crash": (("macro",), macros_crash),
    "super gives nothing": (("super",), blocks_lose_super),
}


def break_package(names: list[str]) -> None:
    for name in names:
        PACKAGE[name][1]()
    tell_errors_whole()


def tell_errors_whole() -> None:
    """Give each error a text, so that it can be recorded: Jinja2 is held against what it does itself."""
    import harness_worker  # noqa: PLC0415 - as above

    class Refused(harness_worker.Refused):
        def __init__(self, kind: str, /, **fields: object) -> None:
            detail = str(fields.get("detail")).replace("\\", "\\\\").replace('"', '\\"')
            parts = f'kind: {kind}, detail: "{detail}", name: "{fields.get("name")}", line: {fields.get("line") or 0},'
            super().__init__(kind, text=f"!!!ERROR!!! Error {{ {parts} }}", **fields)

    harness_worker.Refused = Refused  # type: ignore[misc]


if __name__ == "__main__":
    engine, *faults = sys.argv[1:]
    if engine == "minijinja":
        break_wheel(faults)
        worker = ADAPTERS / "minijinja" / "python" / "minijinja_worker.py"
    else:
        break_package(faults)
        worker = ADAPTERS / "minijinja" / "python" / "jinja2_worker.py"
    runpy.run_path(str(worker), run_name="__main__")
