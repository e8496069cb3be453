"""Where foreign programs run: an empty folder, few variables, their own session, and no survivors.

Linux gives the harness the orphans of its children (a sub-reaper), so that a grandchild that hid in a session of its own
is still found. macOS has no such thing: there a marked environment finds them (unverified).
"""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from harness.model import Launch

_MARK = "HARNESS_PROCESS"
_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_SECONDS = 10.0

FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def environment(own: Mapping[str, str], pass_env: Sequence[str]) -> dict[str, str]:
    """Build the whole environment of a worker: what is passed on, what is fixed, what the config says."""
    passed = {name: os.environ[name] for name in (*PASSED_ON, *pass_env) if name in os.environ}
    return {**passed, **FIXED, **own}


class Nest:
    """The processes of one run, the folders they work in, and the promise that none outlives it."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="harness-"))
        self._count = 0
        self._living: set[int] = set()
        self._others = set(_children())
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, launch: Launch) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a process in a new empty folder. Raises OSError when the program can not be started."""
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        for name, data in launch.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        process = subprocess.Popen(
            launch.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), **launch.environment, _MARK: self._mark},
            start_new_session=True,
            bufsize=0,
        )
        self._living.add(process.pid)
        return process, folder

    def kill(self, process: subprocess.Popen[bytes]) -> int:
        """End a process and everything it started; returns its exit code, or minus the signal."""
        code = process.poll()
        if code is None:
            _kill_below(process.pid)
        _kill_group(process.pid)
        code = process.wait()
        self._living.discard(process.pid)
        self._sweep(strangers=False)
        return code

    def drop(self, folder: Path) -> None:
        """Remove the folder that a process worked in."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End what is left, however it hid."""
        for pid in self._living:
            _kill_below(pid)
            _kill_group(pid)
        self._living.clear()
        self._sweep(strangers=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self, *, strangers: bool) -> None:
        """Kill orphans that came to us: those that carry our mark and, at the end, all that were not there at the start.

        A fork bomb makes new ones while we kill, so we go on until none is left.
        """
        until = time.monotonic() + _SWEEP_SECONDS
        while time.monotonic() < until:
            known = self._living | self._others
            orphans = [pid for pid in _children() if pid not in known and (strangers or self._marked(pid))]
            if not orphans:
                return
            for pid in orphans:
                _kill_below(pid)
                _kill(pid)
                _reap(pid)

    def _marked(self, pid: int) -> bool:
        try:
            return f"{_MARK}={self._mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False


def _children() -> Iterable[int]:
    """The ids of our own children."""
    if sys.platform == "linux":
        text = "".join(path.read_text() for path in Path("/proc/self/task").glob("*/children"))
        return [int(word) for word in text.split()]
    import psutil  # noqa: PLC0415 - 20 ms

    return [child.pid for child in psutil.Process().children()]


def _kill_below(pid: int) -> None:
    """Kill all descendants of a process, children before they can be orphaned."""
    import psutil  # noqa: PLC0415 - 20 ms, and only when something has to die

    try:
        for child in psutil.Process(pid).children(recursive=True):
            _kill(child.pid)
    except psutil.NoSuchProcess:
        return


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return
