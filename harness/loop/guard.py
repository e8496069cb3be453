"""What an agent may not touch. An attempt that does is void, whatever else is in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from harness.loop.line import Touched

_ABSENT, _LINK, _REPOSITORY = "000000", "120000", "160000"
_NEVER = (".git", ".harness")
"""What no allow-list can allow: in here, nothing is the port's."""


def violations(touched: Sequence[Touched], edit: Sequence[re.Pattern[str]], inside: str) -> list[str]:
    """Name every path that is not an agent's to change; `inside` is where the workspace lies in the repository."""
    return [f"{one.path}: {says}" for one in touched if (says := next(_faults(one, edit, inside), ""))]


def _faults(one: Touched, edit: Sequence[re.Pattern[str]], inside: str) -> Iterator[str]:
    done = {one.modes[0]: "added", one.modes[1]: "deleted"}.get(_ABSENT, "edited")
    name = one.path.removeprefix(inside)
    if not one.path.startswith(inside) or not any(glob.fullmatch(name) for glob in edit):
        yield f"{done}, and it is not in `edit`"
    if any(part in _NEVER for part in name.split("/")):
        yield f"{done}, and no port has such a file"
    if one.modes[1] == _LINK:
        yield "is a link, and could lead anywhere"
    if one.modes[1] == _REPOSITORY:
        yield "is a repository of its own, whose contents nobody would see"
