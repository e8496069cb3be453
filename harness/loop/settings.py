"""`[loop]` of harness.toml, and what was asked for on the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.errors import Fault, InputError, UsageError
from harness.loop.agent import Agent, Program
from harness.patterns import compile_glob
from harness.sandbox import PASSED_ON
from harness.toml import nearest

if TYPE_CHECKING:
    from harness.model import Json
    from harness.session import Workspace

QUIET_SECONDS = 1800.0
"""An agent is silent while it builds: longer than the longest build."""
WALL_SECONDS = 2 * 3600.0
DEFAULT_SECONDS = 8 * 3600.0
"""A night: what a loop may take when no budget is named, since none is unbounded."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """What a loop may use, restarts and retries included; None is no limit of this kind. `cost` is in US dollars."""

    attempts: int | None = None
    seconds: float | None = None
    tokens: int | None = None
    cost: float | None = None

    def or_default(self) -> Budgets:
        """Return these, or a night's time where none is named."""
        return self if self != Budgets() else Budgets(seconds=DEFAULT_SECONDS)


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the loop may stop before everything passes: after a stage, or at so many passes."""

    stage: str = ""
    passes: int = 0

    def __str__(self) -> str:
        return f"stage={self.stage}" if self.stage else f"pass={self.passes}" if self.passes else ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What `[loop]` says, with one of its agents chosen. `quiet` and `wall` are seconds."""

    edit: tuple[re.Pattern[str], ...]
    globs: tuple[str, ...]
    sandbox: Literal["required", "auto", "off"]
    read: tuple[str, ...]
    name: str
    agent: Agent
    pass_env: tuple[str, ...]
    quiet: float
    wall: float


def settings(workspace: Workspace, name: str | None) -> Settings:
    """Read `[loop]`, and choose its agent: the first one, unless another is named. Raises InputError, UsageError."""
    document = workspace.config.document
    table: Json = document.data.get("loop")
    if table is None:
        says = "has no [loop]; name what an agent may edit and how one is started (docs/how-to/loop.md)"
        raise InputError([Fault(document.place(), says)])
    agents: dict[str, Json] = table["agent"]
    if name is not None and name not in agents:
        raise UsageError(f"no agent named {name!r}{nearest(name, agents)} (agents: {', '.join(agents)})")
    chosen = name or next(iter(agents))
    said = agents[chosen]
    folder = str(workspace.folder)
    return Settings(
        edit=tuple(compile_glob(glob) for glob in table["edit"]),
        globs=tuple(table["edit"]),
        sandbox=table.get("sandbox", "auto"),
        read=tuple(table.get("read", ())),
        name=chosen,
        agent=Program(
            tuple(word.replace("{workspace}", folder) for word in said["command"]),
            {key: value.replace("{workspace}", folder) for key, value in said.get("env", {}).items()},
        ),
        pass_env=(*PASSED_ON, *said.get("pass_env", ())),
        quiet=float(said.get("quiet", QUIET_SECONDS)),
        wall=float(said.get("wall", WALL_SECONDS)),
    )


def goal(text: str | None, workspace: Workspace) -> Goal:
    """Read `stage=NAME` or `pass=N`. Raises UsageError."""
    if not text:
        return Goal()
    stages = list(dict.fromkeys(suite.config.stage for suite in workspace.suites))
    match text.split("=", 1):
        case ["stage", stage] if stage in stages:
            return Goal(stage=stage)
        case ["stage", stage]:
            raise UsageError(f"no stage named {stage!r}{nearest(stage, stages)} (stages: {', '.join(stages)})")
        case ["pass", number] if number.isdigit() and int(number):
            return Goal(passes=int(number))
        case _:
            raise UsageError(f"--until {text!r} is neither stage=NAME nor pass=NUMBER")


_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Read `90s`, `30m` or `8h`. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if found is None or float(found[1]) == 0:
        raise UsageError(f"{text!r} is no time; write it as 90s, 30m or 8h")
    return float(found[1]) * _UNITS[found[2]]
