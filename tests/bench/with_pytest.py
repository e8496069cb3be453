"""The same cases as pytest has them: parametrised over the files, the port called in the process of the tests."""

from pathlib import Path

import pytest

from tests.bench.port import render

INPUTS = sorted(Path("cases").glob("*.in"))


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    assert render(path.read_text(encoding="utf-8")) == path.with_suffix(".out").read_text(encoding="utf-8")
