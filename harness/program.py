"""Which program a run really ran: the name alone says nothing, since a virtual environment's script can shadow it."""

from __future__ import annotations

import hashlib
import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.model import Json


def identify(command: Sequence[str], folder: Path, path: str | None) -> dict[str, Json]:
    """Return the command, and the SHA-256 of every file in it by its absolute, link-free path.

    A program without a slash is looked for along `path`; other words count where they name a file of the workspace.
    """
    files: dict[str, str] = {}
    for number, word in enumerate(command):
        plain = word.replace("{workspace}", str(folder))
        by_name = number == 0 and "/" not in plain
        found = shutil.which(plain, path=path) if by_name else os.path.join(folder, plain)
        if found and os.path.isfile(found):
            with open(found, "rb") as file:
                files[os.path.realpath(found)] = hashlib.file_digest(file, "sha256").hexdigest()
    return {"command": list(command), "files": files}
