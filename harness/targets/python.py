"""`python`: a callable `package.module:name`, in a worker process of its own that the Python kit serves."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from harness.kits import kit
from harness.model import Json, Launch
from harness.targets import argv
from harness.targets.jsonl import Jsonl

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIONS: Mapping[str, Json] = {
    "callable": {
        "type": "string",
        "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        "description": "package.module:function",
    },
    "python": {"type": "string", "minLength": 1},
    "path": {"type": "array", "items": {"type": "string"}},
    "settings": {"type": "array", "items": {"type": "string"}},
}
REQUIRED = ("callable",)

# What the worker process runs: sys.argv holds the callable and the settings it knows. One line, so that `harness repro`
# can print it. What a module prints while it is imported must not reach the protocol's pipe.
_HOST = (
    "import os, sys; from harness_worker import serve; "
    'where, *settings = sys.argv[1:]; name, _, inside = where.partition(":"); '
    "pipe = os.dup(1); os.dup2(2, 1); __import__(name); module = sys.modules[name]; render = getattr(module, inside); "
    'sys.stdout.flush(); os.dup2(pipe, 1); os.close(pipe); package = sys.modules[name.partition(".")[0]]; '
    'version = getattr(module, "__version__", getattr(package, "__version__", "unversioned")); '
    "serve(render, name=where, version=str(version), settings=settings)"
)


def make(options: Mapping[str, Json], folder: Path, environment: Mapping[str, str]) -> Jsonl:
    """Host the callable; `path` holds folders of the workspace to import from (default: the workspace itself)."""
    folders = [str(folder / path) for path in options.get("path", ["."])]
    paths = [str(kit("python")), *folders, *filter(None, [environment.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    host = (options.get("python", sys.executable), "-c", _HOST, options["callable"], *options.get("settings", ()))
    return Jsonl(Launch(argv(host, folder), {**environment, **own}))
