"""What can be wrong with the harness's own work, as opposed to the port's.

    HarnessError            the run stops, exit code 2
    ├── InputError          config, skip list, inputs or references: every fault with its place
    ├── UsageError          what was typed: an unknown case, suite, target or run
    ├── StoreError          `.harness/` can not be read or written
    └── TargetError         where there is no run to say so: the build failed or no worker came up; exit code 5

A failing port is data and never appears here. Messages are lower-case, name the place first and end with the next step.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


_SHOWN = 50
"""More faults than these have one cause, and whoever reads them has found it by then."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file and, where it is known, a line (counted from 1)."""

    path: str
    line: int | None = None

    @classmethod
    def of(cls, text: str) -> Place:
        """Read what `str` has written, from the same folder."""
        path, _, line = text.rpartition(":")
        return cls(path, int(line)) if path and line.isdigit() else cls(text)

    def __str__(self) -> str:
        path = os.path.relpath(self.path)
        if path.startswith(os.path.join("..", "..", "..", "..")):
            path = self.path
        return path if self.line is None else f"{path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a person must mend before the harness can do its work."""

    place: Place
    says: str

    def __str__(self) -> str:
        return f"{self.place}: {self.says}"


class HarnessError(Exception):
    """The root: caught once, at the edge of the command line."""


class InputError(HarnessError):
    """Config, skip list, inputs or references are wrong; carries every fault that was found."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(dict.fromkeys(faults))
        lines = [str(fault) for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            lines.append(f"and {len(self.faults) - _SHOWN} more faults; mend these and run again")
        super().__init__("\n".join(lines))


class UsageError(HarnessError):
    """What was typed names something that does not exist."""


class StoreError(HarnessError):
    """`.harness/` is not usable."""


class TargetError(HarnessError):
    """A target that `try` or `record` wanted to ask could not be built, or did not come up."""
