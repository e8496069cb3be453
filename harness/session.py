"""Names in harness.toml → working parts. The only file that knows them all."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from harness import config as configs
from harness import skiplist, toml
from harness.errors import Fault, InputError, UsageError
from harness.model import Json, Rule
from harness.patterns import compile_glob
from harness.plan import digest, dumps
from harness.sandbox import PASSED_ON, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import ModuleType

    from harness.config import Config, RuleConfig, SuiteConfig, TargetConfig
    from harness.model import Content, Matcher, Reference, Target
    from harness.skiplist import SkipList


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite whose reader and rules are real."""

    config: SuiteConfig
    reader: ModuleType
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Workspace:
    """A harness.toml whose every name has been found."""

    config: Config
    suites: tuple[Suite, ...]
    modules: Mapping[str, str]
    """The code of somebody's own that reads, drives or judges: fingerprints by path, relative to the workspace."""

    @property
    def folder(self) -> Path:
        """Where the harness.toml lies."""
        return self.config.folder

    def suite(self, name: str) -> Suite:
        """Find a suite. Raises UsageError when there is none of that name."""
        for suite in self.suites:
            if suite.config.name == name:
                return suite
        names = [suite.config.name for suite in self.suites]
        raise UsageError(f"no suite named {name!r}{toml.nearest(name, names)} (suites: {', '.join(names)})")


def open_workspace(folder: Path) -> Workspace:
    """Find and read the harness.toml in a folder or above it. Raises UsageError, or InputError with every fault."""
    return read_workspace(configs.load(configs.locate(folder)))


def read_workspace(config: Config) -> Workspace:
    """Find all that a config names. Raises InputError with every fault."""
    faults = config.faults
    suites = [_suite(config, suite, faults) for suite in config.suites]
    for target in config.targets:
        before = len(faults)
        module = _check_options(config, "target", target.protocol, target.options, target.keys, "protocol", faults)
        if len(faults) == before:
            faults += _misspelt(config, target, getattr(module, "PLACEHOLDERS", ()))
    if faults:
        raise InputError(sorted(faults, key=lambda fault: fault.place.line or 0))
    return Workspace(config, tuple(suite for suite in suites if suite is not None), _own_code(config))


def _misspelt(config: Config, target: TargetConfig, known: tuple[str, ...]) -> Iterator[Fault]:
    """Find `{words}` that are nearly a placeholder; other braces (`awk '{print}'`) are the program's own."""
    words: list[tuple[toml.Keys, str, tuple[str, ...]]] = []
    if known:
        words += [(("command", number), word, known) for number, word in enumerate(target.options["command"])]
    words += [(("env", name), value, ("workspace",)) for name, value in target.environment.items()]
    for key, commands in (("build", target.build), ("check", target.check)):
        words += [
            ((key, at, number), word, ("workspace",))
            for at, argv in enumerate(commands)
            for number, word in enumerate(argv)
        ]
    for keys, word, names in words:
        for found, meant in toml.misspelt(word, names):
            says = f"{target.name}.{keys[0]}: no placeholder {{{found}}}; did you mean {{{meant}}}?"
            yield Fault(config.document.place(*target.keys, *keys), says)


def make_target(workspace: Workspace, target: TargetConfig) -> Target:
    """Make a target that can be run."""
    module = _module("targets", target.protocol)
    made: Target = module.make(target.options, workspace.folder, target_environment(workspace, target))
    return made


def target_environment(workspace: Workspace, target: TargetConfig) -> dict[str, str]:
    """Return all that a worker finds in its environment."""
    own = {name: value.replace("{workspace}", str(workspace.folder)) for name, value in target.environment.items()}
    return environment(own, target.pass_env)


def described(workspace: Workspace, target: TargetConfig, suite: Suite) -> Json:
    """Say how a target is driven for a suite: the part of every plan that no single case decides."""
    return {
        "protocol": target.protocol,
        "options": target.options,
        "build": target.build,
        "environment": {
            # Not where the workspace lies: a plan is the same on every machine.
            name: value
            for name, value in environment(target.environment, target.pass_env).items()
            if name not in PASSED_ON
        },
        "reader": suite.config.reader,
        "reader_options": suite.config.options,
        "modules": workspace.modules,
    }


def judging(workspace: Workspace, target: TargetConfig) -> dict[str, str]:
    """Fingerprint what judges all cases of a target, as the config spells it: the same on every machine."""
    data = workspace.config.document.data
    table = data["target"][target.name]
    parts = {
        "source": data.get("source", {}),
        "command": [target.protocol, target.options],
        "build": target.build,
        "check": target.check,
        "environment": [table.get("env", {}), target.pass_env],
        "suites": table.get("suites"),
        "protect": data.get("protect", []),
        "holdout": data.get("holdout", {}),
        "modules": workspace.modules,
    }
    return {name: digest(dumps(value)) for name, value in parts.items()}


def judging_suite(suite: Suite, shared: Mapping[str, Content]) -> dict[str, str]:
    """Fingerprint what the cases of one suite have in common."""
    config = suite.config
    pieces = [piece for name, content in sorted(shared.items()) for piece in (name, content)]
    return {
        "limits": digest(dumps([config.limits.seconds, config.limits.output])),
        "reader": digest(dumps([config.reader, config.options])),
        "shared": digest(*pieces),
    }


def load_skiplist(workspace: Workspace, target: TargetConfig) -> SkipList:
    """Read the skip list as it concerns one target. Raises InputError."""
    config = workspace.config
    oracles = [one.name for one in config.targets if one.oracle]
    names = [one.name for one in config.targets]
    found = skiplist.load(workspace.folder / skiplist.NAME, target.name, config.target(None).name, oracles, names)
    if found.faults:
        raise InputError(found.faults)
    return found


# --- names -> modules ----------------------------------------------------------------------------------------------


def _suite(config: Config, suite: SuiteConfig, faults: list[Fault]) -> Suite | None:
    reader = _check_options(config, "suite", suite.reader, suite.options, suite.keys, "reader", faults)
    rules = [_rule(config, suite, number, rule, faults) for number, rule in enumerate(suite.rules, 1)]
    exact = Rule(
        _module("matchers", "exact").make({}),
        f"{suite.name} otherwise (exact)",
        "exact",
        lambda _case, _reference: True,
    )
    return None if reader is None else Suite(suite, reader, (*(rule for rule in rules if rule is not None), exact))


def _rule(config: Config, suite: SuiteConfig, number: int, rule: RuleConfig, faults: list[Fault]) -> Rule | None:
    before = len(faults)
    module = _check_options(config, "rule", rule.matcher, rule.options, rule.keys, "matcher", faults)
    if module is None or len(faults) > before:
        return None
    names = _imported(module, rule).items()
    found = {key: _import(config, key, name, (*rule.keys, key), faults) for key, name in names}
    if len(faults) > before:
        return None
    try:
        matcher: Matcher = module.make({**rule.options, **found})
    except (ValueError, re.error) as problem:
        faults.append(Fault(config.document.place(*rule.keys), f"matcher {rule.matcher!r}: {problem}"))
        return None
    spec = dumps([rule.matcher, rule.options])
    return Rule(matcher, f"{suite.name} rule {number} ({rule.matcher})", spec, _fits(rule))


def _imported(module: ModuleType, rule: RuleConfig) -> dict[str, str]:
    """Return the options of a rule that name somebody's own code."""
    return {key: rule.options[key] for key in getattr(module, "IMPORTED", ()) if key in rule.options}


def _fits(rule: RuleConfig) -> partial[bool]:
    cases = [compile_glob(glob) for glob in rule.cases]
    text = re.compile(rule.reference, re.MULTILINE) if rule.reference is not None else None
    return partial(_rule_fits, cases, text, rule.output)


def _rule_fits(
    cases: list[re.Pattern[str]], text: re.Pattern[str] | None, output: str | None, name: str, reference: Reference
) -> bool:
    if output is not None and output != reference.name:
        return False
    if cases and not any(glob.fullmatch(name) for glob in cases):
        return False
    return text is None or all(
        isinstance(content, str) and text.search(content) is not None for content in reference.contents
    )


_FOREIGN = (sys.prefix, os.path.dirname(__file__))
"""What may lie in a workspace and is no part of it: a virtual environment, and a checkout of the harness."""
_FOLDERS = {"reader": "readers", "protocol": "targets", "matcher": "matchers"}
_NEEDED = {"reader": ("OPTIONS", "read", "canonical"), "protocol": ("OPTIONS", "make"), "matcher": ("OPTIONS", "make")}


def _module(folder: str, name: str, workspace: Path | None = None) -> ModuleType:
    """A short name is a module of our folder; `package.module`, or `package.module:name` in it, is anybody's own.

    The workspace comes last where modules are looked for: nothing in it can stand in for a module of ours or Python's.
    Raises ImportError, AttributeError.
    """
    if not _is_own(name):
        return importlib.import_module(f"harness.{folder}.{name}")
    if workspace is not None and str(workspace) not in sys.path:
        sys.path.append(str(workspace))
    module, _, inside = name.partition(":")
    cached, sys.pycache_prefix = sys.pycache_prefix, os.devnull  # what runs is the source that is fingerprinted
    try:
        found = importlib.import_module(module)
    finally:
        sys.pycache_prefix = cached
    return getattr(found, inside) if inside else found


def _import(
    config: Config, word: str, name: str, keys: tuple[str | int, ...], faults: list[Fault]
) -> ModuleType | None:
    try:
        return _module(_FOLDERS.get(word, ""), name, config.folder)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - somebody's own module may fail in any way: it is told
        why = str(problem) or type(problem).__name__
        says = f"{word} {name!r} can not be imported ({why}); correct the module or the name"
        faults.append(Fault(config.document.place(*keys), says))
        return None


def _own_code(config: Config) -> dict[str, str]:
    """Fingerprint the modules that the config names, and whatever else of the workspace they have imported."""
    names = [*(target.protocol for target in config.targets), *(suite.reader for suite in config.suites)]
    for rule in (rule for suite in config.suites for rule in suite.rules):
        names += [rule.matcher, *_imported(_module("matchers", rule.matcher, config.folder), rule).values()]
    named = {name.partition(":")[0] for name in names if _is_own(name)}
    if not named:
        return {}
    top = os.path.join(os.path.realpath(config.folder), "")
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        path = os.path.realpath(getattr(module, "__file__", None) or "/")
        inside = path.startswith(top) and not path.startswith(tuple(map(os.path.realpath, _FOREIGN)))
        if os.path.isfile(path) and (inside or name in named):
            with open(path, "rb") as file:
                found[os.path.relpath(path, top) if inside else name] = digest(file.read())
    return dict(sorted(found.items()))


def _is_own(name: str) -> bool:
    return "." in name or ":" in name


def _check_options(
    config: Config,
    kind: str,
    name: str,
    options: Mapping[str, Json],
    keys: tuple[str | int, ...],
    word: str,
    faults: list[Fault],
) -> ModuleType | None:
    """Find the module that a table names, and hold the rest of the table against the module's OPTIONS."""
    folder = _FOLDERS[word]
    names = [module.name for module in pkgutil.iter_modules(importlib.import_module(f"harness.{folder}").__path__)]
    if not _is_own(name) and name not in names:
        hint = toml.nearest(name, names) or f" (there are {', '.join(names)})"
        faults.append(Fault(config.document.place(*keys, word), f"no {word} named {name!r}{hint}"))
        return None
    module = _import(config, word, name, (*keys, word), faults)
    if module is None:
        return None
    missing = [one for one in _NEEDED[word] if not hasattr(module, one)]
    if missing:
        says = f"{word} {name!r} has no `{missing[0]}`; a {word} has {', '.join(_NEEDED[word])}"
        faults.append(Fault(config.document.place(*keys, word), says))
        return None
    known = {**{key: {} for key in configs.COMMON[kind]}, **module.OPTIONS}
    schema = {
        "type": "object",
        "properties": known,
        "required": list(getattr(module, "REQUIRED", ())),
        "additionalProperties": False,
    }
    faults += toml.faults(config.document, dict(options), schema, keys)
    return module
