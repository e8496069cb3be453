"""`harness.toml` as data. What it says is in `docs/reference/config.md`; what it names is made real by `session.py`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness import toml
from harness.errors import Fault, UsageError
from harness.model import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from harness.model import Json

NAME = "harness.toml"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")

COMMON = {
    "target": {"protocol", "build", "check", "suites", "default", "oracle", "workers", "env", "pass_env"},
    "suite": {"name", "reader", "stage", "out_of_scope", "timeout", "max_output", "rule"},
    "rule": {"matcher", "cases", "reference", "output"},
}
"""Keys of the common schema; all others of a table belong to the module that it names."""


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """A `[[suite.rule]]`: which cases and references a matcher judges."""

    matcher: str
    cases: tuple[str, ...]
    reference: str | None
    output: str | None
    options: Mapping[str, Json]
    keys: toml.Keys
    """Where the table stands in the document."""


@dataclass(frozen=True, slots=True)
class SuiteConfig:
    """A `[[suite]]`."""

    name: str
    reader: str
    stage: str
    out_of_scope: str | None
    limits: Limits
    rules: tuple[RuleConfig, ...]
    options: Mapping[str, Json]
    keys: toml.Keys


@dataclass(frozen=True, slots=True)
class TargetConfig:
    """A `[target.NAME]`."""

    name: str
    protocol: str
    build: tuple[tuple[str, ...], ...]
    check: tuple[tuple[str, ...], ...]
    suites: frozenset[str] | None
    default: bool
    oracle: bool
    workers: int
    environment: Mapping[str, str]
    pass_env: tuple[str, ...]
    options: Mapping[str, Json]
    keys: toml.Keys


@dataclass(frozen=True, slots=True)
class HoldOut:
    """`[holdout]`: which share of the cases is kept back, and how far apart the two may be (as a share of 1)."""

    share: float
    salt: str
    max_gap: float | None

    def __str__(self) -> str:
        return f"{self.share:g} {self.salt}"


@dataclass(frozen=True, slots=True)
class Protected:
    """A `[[protect]]`: cases that must stay exact, and that nothing may excuse."""

    cases: tuple[str, ...]
    reason: str
    keys: toml.Keys


@dataclass(frozen=True, slots=True)
class Config:
    """A workspace: `folder` holds the harness.toml; `root` is where the source project's tests lie."""

    document: toml.Document
    folder: Path
    root: Path
    rev: str | None
    stages: tuple[str, ...]
    targets: tuple[TargetConfig, ...]
    suites: tuple[SuiteConfig, ...]
    holdout: HoldOut | None = None
    protected: tuple[Protected, ...] = ()
    faults: list[Fault] = field(default_factory=list)

    def target(self, name: str | None) -> TargetConfig:
        """Find a target, or the default one. Raises UsageError when there is none of that name."""
        if name is None:
            return next((target for target in self.targets if target.default), self.targets[0])
        for target in self.targets:
            if target.name == name:
                return target
        names = [target.name for target in self.targets]
        raise UsageError(f"no target named {name!r}{toml.nearest(name, names)} (targets: {', '.join(names)})")


def locate(start: Path) -> Path:
    """Find the harness.toml in a folder or above it. Raises UsageError when there is none."""
    for folder in (start, *start.parents):
        if (folder / NAME).is_file():
            return folder / NAME
    raise UsageError(f"no {NAME} in {start} or above it; go to a workspace, or name one with -C DIR")


def load(path: Path, folder: Path | None = None) -> Config:
    """Read a harness.toml. `faults` holds what is wrong with it: the caller adds its own, and raises.

    `folder` is the workspace, where the file is a copy that lies elsewhere.
    What the schema refuses is left out, so that the rest can be checked as well.
    Raises InputError at once where the file is so wrong that nothing more can be said about it.
    """
    document, faults = toml.load(path, "config")
    home = folder or path.parent
    data = document.data
    stages = tuple(data.get("stages", ()))
    limits = _limits(data.get("limits", {}), Limits())
    source = data.get("source", {})
    config = Config(
        document=document,
        folder=home,
        root=_root(source.get("root", "."), home, document, faults),
        rev=source.get("rev"),
        stages=stages,
        targets=tuple(_target(name, table, document, faults) for name, table in data.get("target", {}).items()),
        suites=tuple(
            _suite(table, number, limits, stages)
            for number, table in enumerate(data.get("suite", ()))
            if "reader" in table
        ),
        holdout=_holdout(data.get("holdout", {})),
        protected=tuple(
            Protected(tuple(table["cases"]), table["reason"], ("protect", number))
            for number, table in enumerate(data.get("protect", ()))
            if {"cases", "reason"} <= table.keys()
        ),
        faults=faults,
    )
    faults.extend(_cross_check(config))
    return config


def expand(text: str, document: toml.Document, keys: toml.Keys, faults: list[Fault]) -> str:
    """Put environment variables in place of `${NAME}` and `${NAME:-default}`; an empty one takes its default too."""

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        if name not in os.environ and default is None:
            says = f"the environment has no {name}; set it, or write ${{{name}:-default}}"
            faults.append(Fault(document.place(*keys), says))
        return os.environ.get(name) or default or ""

    return _VARIABLE.sub(value, text)


def _root(text: str, folder: Path, document: toml.Document, faults: list[Fault]) -> Path:
    """Find the source project's folder."""
    before = len(faults)
    root = folder / expand(text, document, ("source", "root"), faults)
    if len(faults) == before and not root.is_dir():
        says = f"[source] root: there is no folder {root}; correct it"
        faults.append(Fault(document.place("source", "root"), says))
    try:
        os.fspath(root).encode()
    except UnicodeEncodeError:
        says = "a folder above this has a name that is not UTF-8, in which results are stored; rename it"
        faults.append(Fault(document.place("source", "root"), says))
    return root


def _limits(table: Mapping[str, Json], outer: Limits) -> Limits:
    return Limits(float(table.get("timeout", outer.seconds)), table.get("max_output", outer.output))


def _holdout(table: Mapping[str, Json]) -> HoldOut | None:
    """Read `[holdout]`; None where it is not there, or lacks what the schema has already asked for."""
    if not {"share", "salt"} <= table.keys():
        return None
    return HoldOut(float(table["share"]), table["salt"], table.get("max_gap"))


def _target(name: str, table: Mapping[str, Json], document: toml.Document, faults: list[Fault]) -> TargetConfig:
    keys = ("target", name)
    return TargetConfig(
        name=name,
        protocol=table.get("protocol", "jsonl"),
        build=tuple(tuple(argv) for argv in table.get("build", ())),
        check=tuple(tuple(argv) for argv in table.get("check", ())),
        suites=frozenset(table["suites"]) if "suites" in table else None,
        default=table.get("default", False),
        oracle=table.get("oracle", False),
        workers=table.get("workers", os.cpu_count() or 1),
        environment={
            key: expand(value, document, (*keys, "env", key), faults) for key, value in table.get("env", {}).items()
        },
        pass_env=tuple(table.get("pass_env", ())),
        options={key: value for key, value in table.items() if key not in COMMON["target"]},
        keys=keys,
    )


def _suite(table: Mapping[str, Json], number: int, limits: Limits, stages: tuple[str, ...]) -> SuiteConfig:
    name = table.get("name", "")  # without one it is told so, and its other faults with it
    last = stages[-1] if stages else name
    return SuiteConfig(
        name=name,
        reader=table["reader"],
        stage=table.get("stage", name if name in stages or not stages else last),
        out_of_scope=table.get("out_of_scope"),
        limits=_limits(table, limits),
        rules=tuple(
            _rule(rule, ("suite", number, "rule", place))
            for place, rule in enumerate(table.get("rule", ()))
            if "matcher" in rule
        ),
        options={key: value for key, value in table.items() if key not in COMMON["suite"]},
        keys=("suite", number),
    )


def _rule(table: Mapping[str, Json], keys: toml.Keys) -> RuleConfig:
    cases = table.get("cases", ())
    return RuleConfig(
        matcher=table["matcher"],
        cases=(cases,) if isinstance(cases, str) else tuple(cases),
        reference=table.get("reference"),
        output=table.get("output"),
        options={key: value for key, value in table.items() if key not in COMMON["rule"]},
        keys=keys,
    )


def _cross_check(config: Config) -> list[Fault]:
    """Find what no schema can: names that do not meet."""
    return [*_suites(config), *_stages(config), *_targets(config)]


def _suites(config: Config) -> Iterator[Fault]:
    first: dict[str, SuiteConfig] = {}
    for suite in config.suites:
        other = first.setdefault(suite.name, suite)
        if other is not suite and suite.name:
            line = config.document.place(*other.keys, "name").line
            says = f"a second suite named {suite.name!r} (the first is in line {line}); rename one of them"
            yield Fault(config.document.place(*suite.keys, "name"), says)


def _stages(config: Config) -> Iterator[Fault]:
    place, tables = config.document.place, config.document.data.get("suite", ())
    for suite in config.suites:
        if config.stages and suite.stage not in config.stages:
            hint = toml.nearest(suite.stage, config.stages) or f" (stages: {', '.join(config.stages)})"
            yield Fault(place(*suite.keys, "stage"), f"suite {suite.name!r}: no stage named {suite.stage!r}{hint}")
    if all({"name", "reader"} <= table.keys() for table in tables):  # else it may be the one that we can not place
        for stage in config.stages:
            if stage not in {suite.stage for suite in config.suites}:
                says = f'stage {stage!r} has no suite; give a suite `stage = "{stage}"`, or drop it'
                yield Fault(place("stages"), says)


def _targets(config: Config) -> Iterator[Fault]:
    place = config.document.place
    names = [table["name"] for table in config.document.data.get("suite", ()) if "name" in table]
    for target in config.targets:
        for name in sorted(target.suites or ()):
            if name not in names:
                hint = toml.nearest(name, names) or f" (suites: {', '.join(names)})"
                yield Fault(place(*target.keys, "suites"), f"target {target.name!r}: no suite named {name!r}{hint}")
    defaults = [target for target in config.targets if target.default]
    for target in defaults[1:]:
        yield Fault(place(*target.keys, "default"), f"a second default target beside {defaults[0].name!r}; keep one")
    if not defaults and len(config.targets) > 1:
        yield Fault(
            place(*config.targets[1].keys), "several targets and none is the default; add `default = true` to one"
        )
