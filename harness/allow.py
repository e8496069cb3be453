"""`harness.allow.toml`: what a person has allowed `check --against` to pass, one line a case."""

from __future__ import annotations

import json
import os
import tomllib
from typing import TYPE_CHECKING

from harness import toml
from harness.errors import InputError
from harness.model import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from harness.model import Json

NAME = "harness.allow.toml"
_HEAD = (
    "# Written by `harness check --against REF --allow CASE --reason WHY`: a line allows one change, not the next.\n"
)


def load(folder: Path, target: str) -> dict[tuple[str, str], str]:
    """Map (case, fingerprint of the change) -> reason, for one target. Raises InputError."""
    path = folder / NAME
    if not path.exists():
        return {}
    document, faults = toml.load(path, "allow")
    if faults:
        raise InputError(faults)
    return _entries(document.data, target)


def news(now: Mapping[tuple[str, str], str], before: str | None, target: str, ref: str) -> Iterator[Notice]:
    """Tell what has been allowed since: the list is watched as well."""
    old = _entries(tomllib.loads(before or ""), target)
    return (
        Notice(f"allowed since {ref}: {case} ({why})")
        for (case, change), why in now.items()
        if (case, change) not in old
    )


def add(folder: Path, target: str, granted: Iterable[tuple[str, str]], reason: str) -> None:
    """Write allowances; one that a case had before is replaced."""
    path = folder / NAME
    data: dict[str, Json] = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    tables: dict[str, Json] = data.get("allow", {})
    for case, change in granted:
        tables.setdefault(target, {})[case] = {"change": change, "reason": reason}
    lines = [_HEAD + "format = 1"]
    for name, table in sorted(tables.items()):
        lines.append(f"\n[allow.{_text(name)}]")
        lines += (
            f"{_text(case)} = {{ change = {_text(one['change'])}, reason = {_text(one['reason'])} }}"
            for case, one in sorted(table.items())
        )
    part = path.with_name(f".{NAME}.{os.getpid()}")
    part.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    part.replace(path)


def _entries(data: Mapping[str, Json], target: str) -> dict[tuple[str, str], str]:
    table: Mapping[str, Json] = data.get("allow", {}).get(target, {})
    return {(case, one["change"]): one["reason"] for case, one in table.items()}


def _text(text: str) -> str:
    """Write a TOML string; JSON's are, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")
