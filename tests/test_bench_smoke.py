"""The benchmark itself is kept working: small, and without looking at the clock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "bench"


@pytest.mark.bench
def test_every_arm_of_the_benchmark_runs_and_counts_the_same_passes() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCH / "runner.py"), "--cases", "40", "--rounds", "1"],
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for arm in (
        "40 cases, 39 of them pass",
        "bare loop",
        "pytest + syrupy",
        "beside a harness.lock",
        "and --against HEAD",
        "200 cases",
        "1 case ",
        "4 workers",
        "MiniJinja",
    ):
        assert arm in done.stdout


def test_the_benchmark_of_the_readers_finds_every_case() -> None:
    argv = [sys.executable, str(BENCH / "readers.py"), "--cases", "20"]
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("20 cases") == 6
