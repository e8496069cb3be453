"""`python`: a function of the workspace's own compares; `compare(reference, got)` returns True, False or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.judge import differs, same
from harness.model import (
    Canonical,
    Content,
    ErrorReply,
    Json,
    Match,
    Mismatch,
    Output,
    ReferenceFault,
    Strength,
    Structured,
    Wants,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OPTIONS: Mapping[str, Json] = {
    "function": {"type": "string", "pattern": r"^[\w.]+:\w+$", "description": "package.module:function"},
    "strength": {"enum": ["normalized", "structural", "numeric", "similar", "fields"]},
}
REQUIRED = ("function",)
IMPORTED = ("function",)


class Own:
    """What the function passes is worth what the config says, and that is `fields` unless it says more."""

    wants: Wants = "output"
    loosenings: tuple[str, ...] = ()

    def __init__(self, function: Callable[[Content, object], object], allowed: Strength) -> None:
        self._function = function
        self.allowed = allowed

    def match(self, reference: Content, got: Output | ErrorReply, canonical: Canonical) -> Match | Mismatch:
        """Ask the function, unless nothing has to be forgiven; raises ReferenceFault when it breaks or is unclear."""
        if same(reference, got, canonical):
            return Match(Strength.EXACT)
        if isinstance(got, ErrorReply):
            return differs(got)
        name = f"{self._function.__module__}:{self._function.__name__}"
        try:
            says = self._function(reference, got.value if isinstance(got, Structured) else got)
        except (Exception, SystemExit) as problem:  # whatever it raises, its author must hear of it, and nothing passes
            line = (
                problem.__traceback__.tb_next.tb_lineno
                if problem.__traceback__ and problem.__traceback__.tb_next
                else 0
            )
            why = f"{name} raised {type(problem).__name__}: {problem} (line {line}); correct it"
            raise ReferenceFault(why) from problem
        if says is True:
            return Match(self.allowed)
        if isinstance(says, str) and says:
            return Mismatch(says)
        if says is False:
            return differs(got)
        raise ReferenceFault(f"{name} returned {says!r}; return True, False, or a sentence that says why not")


def make(options: Mapping[str, Json]) -> Own:
    """Take the function, which is imported by now. Raises ValueError when it is none."""
    function = options["function"]
    if not hasattr(function, "__name__") or not callable(function):
        raise ValueError(f"`function` is {function!r}; name a function, as package.module:name")
    return Own(function, Strength(options.get("strength", "fields")))
