"""The same cases as syrupy has them: one snapshot file, recorded from the references when RECORD is set."""

import os
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.bench.port import render

INPUTS = sorted(Path("cases").glob("*.in"))
RECORD = "RECORD" in os.environ


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_case(path: Path, snapshot: SnapshotAssertion) -> None:
    if RECORD:
        assert path.with_suffix(".out").read_text(encoding="utf-8") == snapshot
    else:
        assert render(path.read_text(encoding="utf-8")) == snapshot
