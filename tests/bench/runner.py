"""What the harness costs, beside a bare loop, pytest and pytest + syrupy, all in one run: `make bench`.

The machine may be busy with something else: each round runs every arm once, a ratio is taken within its round, and the
median of the rounds is shown, beside the best. A few references are wrong on purpose, so that an arm that does not
compare is found out: the run ends with exit code 1 when an arm counts other passes than are due.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
KIT = ROOT / "adapters" / "worker" / "python"
ADAPTER = ROOT / "adapters" / "minijinja"
ORACLE = ADAPTER / "rust" / "target" / "release" / "minijinja-oracle"
SUITES = Path(os.environ.get("HARNESS_SUITES", ROOT.parent / "shared" / "suites"))
WRONG = range(7, 1_000_000, 1000)
PAUSE = 0.01
COMMIT = (
    ("init", "-q"),
    ("add", "-A"),
    ("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "all of it"),
)
WORKERS = 4
MINIJINJA_CASES = 226

# As for a user: byte code is cached, output is buffered, no heartbeats for CI.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith("PY")}
ENVIRONMENT |= {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, KIT))), "HARNESS_SUITES": str(SUITES)}
ENVIRONMENT |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

SCRIPT = Path(sys.executable).with_name("harness")
HARNESS = (str(SCRIPT),) if SCRIPT.exists() else (sys.executable, "-m", "harness")
PYTEST = (sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "no:cacheprovider")


@dataclass(frozen=True)
class Arm:
    """One way of doing the work; `passes` is what it has to count, or None where nothing is counted."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    passes: int | None = None


@dataclass(frozen=True)
class Took:
    """What one run of an arm took: wall time, and the most memory that its process had, in bytes (not its workers')."""

    seconds: float
    peak: int


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the harness costs.")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {asked.rounds} rounds")
    print(f"{'':38}{'median':>9}{'best':>9}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for measure in (beside_others, books, memory, start_up, parallel, minijinja):
            print(flush=True)
            for line in measure(Path(folder), asked.cases, asked.rounds):
                print(line, flush=True)


# --- what is measured ---


def beside_others(folder: Path, cases: int, rounds: int) -> Iterator[str]:
    """The same files, the same port."""
    here, right = corpus(folder, cases)
    for name in ("with_pytest.py", "with_syrupy.py"):
        shutil.copy(HERE / name, here)
    (here / "pytest.ini").write_text("[pytest]\n")
    record = (*PYTEST, "-p", "syrupy", "--snapshot-update", "with_syrupy.py")
    subprocess.run(record, cwd=here, env={**ENVIRONMENT, "RECORD": "1"}, stdout=subprocess.DEVNULL, check=True)
    arms = [
        Arm("bare loop", (sys.executable, str(HERE / "bare.py"), "cases", *worker(0)), here, right),
        Arm("harness check", (*HARNESS, "check"), here, right),
        Arm("pytest", (*PYTEST, "with_pytest.py"), here, right),
        Arm("pytest + syrupy", (*PYTEST, "-p", "syrupy", "with_syrupy.py"), here, right),
    ]
    yield f"{cases} cases, {right} of them pass"
    bare, *others = interleaved(arms, rounds)
    for arm, took in zip(arms, (bare, *others), strict=True):
        ratios = [one.seconds / least.seconds for one, least in zip(took, bare, strict=True)]
        aim = "at most 3, aim 2" if arm.name == "harness check" else ""
        yield row(arm.name, "{:.1f} x", aim, ratios, fastest(took) / fastest(bare), took)


def books(folder: Path, cases: int, rounds: int) -> Iterator[str]:
    """What a person has agreed to, and what was committed, beside nothing to be held against; nothing has changed."""
    alone, right = corpus(folder, cases)
    here = folder / "books"
    shutil.copytree(alone, here, ignore=shutil.ignore_patterns(".harness"))
    (here / ".gitignore").write_text(".harness/\n")
    for words in ((*HARNESS, "check"), (*HARNESS, "lock"), *(("git", *one) for one in COMMIT)):
        done = subprocess.run(words, cwd=here, env=ENVIRONMENT, stdout=subprocess.DEVNULL, check=False)
        if done.returncode and words[-1] != "check":  # some fail on purpose
            sys.exit(f"{words} exits with {done.returncode}")
    arms = [
        Arm("harness check", (*HARNESS, "check"), alone, right),
        Arm("beside a harness.lock", (*HARNESS, "check"), here, right),
        Arm("and --against HEAD", (*HARNESS, "check", "--against", "HEAD"), here, right),
    ]
    yield f"{cases} cases held against the books"
    bare, locked, against = interleaved(arms, rounds)
    ratios = [one.seconds / least.seconds for one, least in zip(locked, bare, strict=True)]
    yield row(arms[1].name, "{:.2f} x", "at most 1.1", ratios, fastest(locked) / fastest(bare), locked)
    above = [one.seconds - least.seconds for one, least in zip(against, locked, strict=True)]
    yield row(arms[2].name, "{:+.2f} s", "at most 0.5 s", above, fastest(against) - fastest(locked), against)


def memory(folder: Path, cases: int, rounds: int) -> Iterator[str]:
    """The harness keeps what is in flight; a case that is done leaves little behind."""
    yield "memory of harness check"
    before: tuple[int, int] | None = None
    for size in (cases // 10, cases, cases * 5):
        here, right = corpus(folder, size)
        (took,) = interleaved([Arm("", (*HARNESS, "check"), here, right)], min(rounds, 2))
        peak = max(one.peak for one in took)
        more = "" if before is None else f"{(peak - before[1]) / (size - before[0]):.0f} bytes a case"
        yield f"  {size:>6} cases{peak / 1e6:>9.1f} MB{more:>22}   at most 150 MB, 300 bytes a case"
        before = size, peak


def start_up(folder: Path, cases: int, rounds: int) -> Iterator[str]:  # noqa: ARG001 - one case
    """What is paid even when there is nothing to do."""
    yield "start-up, beyond that of `python -c pass`"
    here, right = corpus(folder, 1)
    arms = [
        Arm("python -c pass", (sys.executable, "-c", "pass"), here),
        Arm("harness --help", (*HARNESS, "--help"), here),
        Arm("harness check, 1 case", (*HARNESS, "check"), here, right),
    ]
    bare, *others = interleaved(arms, rounds * 4)
    for arm, took, aim in zip(arms[1:], others, (60, 200), strict=True):
        above = [(one.seconds - least.seconds) * 1000 for one, least in zip(took, bare, strict=True)]
        best = (fastest(took) - fastest(bare)) * 1000
        yield row(arm.name, "{:.0f} ms", f"at most {aim} ms", above, best, took)


def parallel(folder: Path, cases: int, rounds: int) -> Iterator[str]:
    """Workers that are slow by themselves should all be busy to the end."""
    count = cases // 10
    here, right = corpus(folder, count, PAUSE)
    ideal = count * PAUSE / WORKERS
    yield f"{count} cases of {PAUSE * 1000:g} ms, {WORKERS} workers, beside the ideal {ideal:g} s"
    (took,) = interleaved([Arm("", (*HARNESS, "check", "--workers", str(WORKERS)), here, right)], rounds)
    ratios = [one.seconds / ideal for one in took]
    yield row("harness check", "{:.2f} x", "at most 1.2", ratios, min(ratios), took)


def minijinja(folder: Path, cases: int, rounds: int) -> Iterator[str]:  # noqa: ARG001 - as many as it has
    """A real suite against its own implementation."""
    yield f"MiniJinja's {MINIJINJA_CASES} cases, Rust worker"
    if not ORACLE.exists() or not (SUITES / "minijinja").is_dir():
        yield f"  not run: needs {ORACLE.relative_to(ROOT)} (cargo) and the suites (HARNESS_SUITES)"
        return
    config = (ADAPTER / "harness.toml").read_text(encoding="utf-8").replace('"rust/', f'"{ADAPTER}/rust/')
    arms = []
    for name, text in (
        ("harness check", re.sub(r'(?m)^build = \[\["cargo".*\n', "", config)),
        ("with a build that has nothing to do", config),
    ):
        here = folder / f"minijinja {name}"
        here.mkdir()
        (here / "harness.toml").write_text(text, encoding="utf-8")
        if (ADAPTER / "skiplist.toml").exists():
            shutil.copy(ADAPTER / "skiplist.toml", here)
        arms.append(Arm(name, (*HARNESS, "check", "--target", "rust"), here, MINIJINJA_CASES))
    for arm, took in zip(arms, interleaved(arms, rounds), strict=True):
        yield row(arm.name, "{:.2f} s", "at most 0.5 s", [one.seconds for one in took], fastest(took), took)


# --- how ---


def corpus(folder: Path, count: int, pause: float = 0) -> tuple[Path, int]:
    """Make a workspace of so many cases, if it is not there yet; returns it, and how many of them pass."""
    here = folder / f"{count} cases {pause}"
    if not here.exists():
        (here / "cases").mkdir(parents=True)
        for number in range(count):
            text = f"case number {number} says hello\n"
            (here / f"cases/{number:06}.in").write_text(text)
            (here / f"cases/{number:06}.out").write_text("something else\n" if number in WRONG else text.upper())
        command = ", ".join(f'"{word}"' for word in worker(pause))
        (here / "harness.toml").write_text(
            f'format = 1\n[target.port]\ncommand = [{command}]\nenv = {{ PYTHONPATH = "{KIT}{os.pathsep}{ROOT}" }}\n'
            '[[suite]]\nname = "bench"\nreader = "pairs"\ninputs = "cases/*.in"\noutputs = "cases/{stem}.out"\n'
        )
    return here, count - sum(number < count for number in WRONG)


def worker(pause: float) -> tuple[str, ...]:
    return sys.executable, str(HERE / "worker.py"), str(pause)


def interleaved(arms: Sequence[Arm], rounds: int) -> list[list[Took]]:
    """Run every arm once to warm up, then every arm in every round; returns the rounds of each arm."""
    for arm in arms:
        run(arm)
    rows = [[run(arm) for arm in arms] for _ in range(rounds)]
    return [list(column) for column in zip(*rows, strict=True)]


def run(arm: Arm) -> Took:
    """Run one arm once; ends the program when it does not count the passes that are due."""
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            arm.argv, cwd=arm.folder, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        _, _, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = 0  # it has been waited for
        said.seek(0)
        text = said.read().decode()
    counted = re.search(r"(\d+)(?:/\d+)? pass", text)
    if arm.passes is not None and (counted is None or int(counted[1]) != arm.passes):
        sys.exit(f"{arm.name or arm.argv}: {arm.passes} passes are due, but it said:\n{text[-2000:]}")
    return Took(seconds, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def row(name: str, form: str, aim: str, each: Sequence[float], best: float, took: Sequence[Took]) -> str:
    """One line: a figure of each round, of which the median counts, and the figure of the best rounds of all sides."""
    seconds, peak = median(one.seconds for one in took), max(one.peak for one in took)
    figures = f"{form.format(median(each)):>9}{form.format(best):>9}"
    return f"  {name:<36}{figures}   {aim:<17}{seconds:6.3f} s{peak / 1e6:8.1f} MB"


def fastest(took: Sequence[Took]) -> float:
    return min(one.seconds for one in took)


if __name__ == "__main__":
    main()
