"""Where foreign programs run: an empty folder, few variables, their own session, and no survivors.

Linux gives the harness the orphans of its children (a sub-reaper), so that a grandchild that hid in a session of its
own is still found. macOS has no such thing: there every process that carries the mark in its environment is found
(unverified).

Foreign programs run as the same user. So that they can not write to our terminal or read references out of our memory
by way of `/proc`, the harness lets nobody look into it; root can, all the same.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.model import Launch

_MARK = "HARNESS_PROCESS"
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_SECONDS = 10.0
"""How long killed processes may take to be gone."""
_POLL_SECONDS = 0.001
_KERNEL_LISTS_CHILDREN = Path("/proc/thread-self/children").exists()

_WATCH = """\
read -r _ && exit
while :; do
    found=
    for one in /proc/[0-9]*; do
        grep -qsz "^$1" "$one/environ" && kill -9 "${one#/proc/}" && found=1
    done
    [ "$found" ] || break
done
rm -rf -- "$2"
"""
"""What ends the processes of a harness that was killed: it waits for our end of the pipe to close without a word.

A shell, since it starts in a millisecond. What hides its environment gets away from it; not from a nest that is closed.
"""

FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


def environment(own: Mapping[str, str], pass_env: Sequence[str]) -> dict[str, str]:
    """Build the whole environment of a worker: what is passed on, what is fixed, what the config says."""
    passed = {name: os.environ[name] for name in (*PASSED_ON, *pass_env) if name in os.environ}
    return {**passed, **FIXED, **own}


class Nest:
    """The processes of one run, the folders they work in, and the promise that none outlives it.

    One at a time: at the end, every child of this process that was not there at the beginning is taken for an orphan.
    """

    def __init__(self) -> None:
        self._folder = _new_folder()
        self._name = os.urandom(8).hex()
        self._count = 0
        self._living: dict[int, str] = {}
        """The mark of each process that has not been ended."""
        self._watcher = _watcher(f"{_MARK}={self._name}.", self._folder)
        self._others = frozenset(_children(os.getpid()))
        _control(_PR_SET_DUMPABLE, 0)
        _control(_PR_SET_CHILD_SUBREAPER, 1)

    def start(self, launch: Launch) -> tuple[subprocess.Popen[bytes], Path]:
        """Start a process in a new folder that holds nothing but the launch's files.

        Raises OSError when the program can not be started, HarnessError when there is no room for the folder.
        """
        self._count += 1
        folder = self._folder / str(self._count)
        _furnish(folder, launch.files)
        mark = f"{self._name}.{self._count}."
        process = subprocess.Popen(
            launch.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={"HOME": str(folder), "TMPDIR": str(folder), **launch.environment, _MARK: mark},
            start_new_session=True,
            bufsize=0,
        )
        self._living[process.pid] = mark
        return process, folder

    def kill(self, process: subprocess.Popen[bytes]) -> int:
        """End a process and everything it started; returns its exit code, or minus the signal.

        To be called once for each. Raises HarnessError for a process that can not be ended.
        """
        if process.returncode is None:  # until it is reaped, its id is its own
            _kill_tree(process.pid)
        else:
            _kill_group(process.pid)
        try:
            code = process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired as problem:
            raise HarnessError(_survivors([process.pid])) from problem
        self._sweep(self._living.pop(process.pid))
        return code

    def drop(self, folder: Path) -> None:
        """Remove the folder that a process worked in."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End what is left, however it hid. Raises HarnessError for a process that can not be ended."""
        for pid in self._living:
            _kill_tree(pid)
        self._living.clear()
        survivors = self._sweep(None)
        _control(_PR_SET_CHILD_SUBREAPER, 0)
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._watcher is not None:
            with suppress(BrokenPipeError):
                self._watcher.communicate(b"all is well\n")
        if survivors:
            raise HarnessError(_survivors(survivors))

    def _sweep(self, mark: str | None) -> list[int]:
        """Kill the orphans that carry this mark, or all of them; returns those that are still there after a while.

        A fork bomb makes new ones while we kill, so we go on until none is left.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        while orphans := self._orphans(mark):
            if time.monotonic() > until:
                return orphans
            for pid in orphans:
                _kill_tree(pid)
            time.sleep(_POLL_SECONDS)
        return []

    def _orphans(self, mark: str | None) -> list[int]:
        """Find processes that nobody waits for, and reap those that have ended."""
        found = [pid for pid in _children(os.getpid()) if pid not in self._others and pid not in self._living]
        orphans = [pid for pid in found if not _reaped(pid) and (mark is None or _mark(pid) == mark)]
        if sys.platform != "linux":
            orphans += _hidden(mark or f"{self._name}.")
        return orphans


def _watcher(mark: str, folder: Path) -> subprocess.Popen[bytes] | None:
    """Start what ends the processes with this mark and removes their folder, if we are killed; Linux only."""
    if sys.platform != "linux":
        return None
    argv = ["/bin/sh", "-c", _WATCH, "sh", mark, str(folder)]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, start_new_session=True)


def _new_folder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="harness-"))
    except OSError as problem:
        says = f"no temporary folder can be made ({problem.strerror}); make room, or set TMPDIR to another place"
        raise HarnessError(says) from problem


def _furnish(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir()
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as problem:
        says = (
            f"a worker's folder can not be made ({problem.strerror}); make room there, or set TMPDIR to another place"
        )
        raise HarnessError(f"{folder}: {says}") from problem


def _survivors(pids: Sequence[int]) -> str:
    return f"processes that the target started can not be ended; end them by hand: kill -9 {' '.join(map(str, pids))}"


def _control(setting: int, value: int) -> None:
    """Change something about this process that only Linux knows."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(setting, value, 0, 0, 0)


def _children(pid: int) -> list[int]:
    """List the ids of a process's children, those that have ended but were not waited for among them."""
    if not _KERNEL_LISTS_CHILDREN:
        import psutil  # noqa: PLC0415 - 20 ms

        try:
            return [child.pid for child in psutil.Process(pid).children()]
        except psutil.NoSuchProcess:
            return []
    found: list[int] = []
    with suppress(OSError):  # it has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
    return found


def _mark(pid: int) -> str | None:
    """Read the mark in a process's environment; None where there is none, or it may not be read."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    start = f"{_MARK}=".encode()
    return next((one.removeprefix(start).decode() for one in variables if one.startswith(start)), None)


def _hidden(start: str) -> list[int]:
    """Find every process whose mark starts so, where orphans do not come to us."""
    import psutil  # noqa: PLC0415 - 20 ms

    found: list[int] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(_MARK, "").startswith(start):
                found.append(process.pid)
    return found


def _kill_tree(pid: int) -> None:
    """Kill a process with its descendants and its process group: in a group, none can be born while it dies."""
    tree = [pid]
    for one in tree:
        tree += _children(one)
    with suppress(OSError):
        group = os.getpgid(pid)
        if group != os.getpgrp():
            _kill_group(group)
    for one in tree:
        with suppress(ProcessLookupError, PermissionError):  # what may not be killed shows when it has survived
            os.kill(one, signal.SIGKILL)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _reaped(pid: int) -> bool:
    """Whether a child of ours has ended; its entry in the table of processes is gone then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
