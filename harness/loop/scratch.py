"""Where the clones of a loop lie, and how they go."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path


def new_scratch() -> str:
    """Name a folder for the clones of a loop: it is in the journal before it is made, so that none is left behind."""
    return str(Path(tempfile.gettempdir()).resolve() / f"harness-loop-{os.urandom(6).hex()}")


def remove(folder: Path) -> None:
    """Remove a folder, what an agent has made unreadable in it too."""

    def insist(act: object, path: str, _error: object) -> None:
        os.chmod(os.path.dirname(path), 0o700)
        with suppress(OSError):
            os.chmod(path, 0o700)
            (os.rmdir if act is os.rmdir else os.unlink)(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=insist)
