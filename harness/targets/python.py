"""`python`: a callable `package.module:name`, in a worker process of its own that the Python kit serves."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from harness.kits import kit
from harness.model import Json, Launch
from harness.targets.jsonl import Jsonl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIONS: Mapping[str, Json] = {
    "callable": {"type": "string", "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"},
    "python": {"type": "string", "minLength": 1},
    "path": {"type": "array", "items": {"type": "string"}},
    "settings": {"type": "array", "items": {"type": "string"}},
}
REQUIRED = ("callable",)

# What the worker process runs: sys.argv holds the callable and the settings it knows.
_HOST = """
import importlib, sys
from harness_worker import serve
where, *settings = sys.argv[1:]
module, _, name = where.partition(":")
found = importlib.import_module(module)
serve(getattr(found, name), name=where, version=str(getattr(found, "__version__", "unversioned")), settings=settings)
"""


def make(options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> Jsonl:
    """Host the callable; `path` holds folders of the workspace to import from (default: the workspace itself)."""
    python = options.get("python", sys.executable)
    folders = [str(folder / path) for path in options.get("path", ["."])]
    paths = [str(kit("python")), *folders, *filter(None, [environment.get("PYTHONPATH")])]
    command = (
        str(folder / python) if "/" in python else python,
        "-P",
        "-c",
        _HOST,
        options["callable"],
        *options.get("settings", ()),
    )
    return Jsonl(Launch(command, {**environment, "PYTHONPATH": os.pathsep.join(paths)}))
