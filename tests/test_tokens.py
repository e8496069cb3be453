"""The estimate is held against a real encoder, on what digests are made of."""

from __future__ import annotations

from difflib import unified_diff
from itertools import pairwise
from statistics import median

import pytest

from harness.tokens import estimate, exact

from .conftest import ROOT


def chunks(text: str, size: int = 1000) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text) - size // 2, size)]


def sources(*globs: str) -> list[str]:
    return [path.read_text(encoding="utf-8") for glob in globs for path in sorted(ROOT.glob(glob))]


def diffs() -> list[str]:
    files = sources("harness/*.py")
    return ["\n".join(unified_diff(a.splitlines(), b.splitlines(), "a", "b")) for a, b in pairwise(files[:12])]


CORPORA = {
    "code": sources("harness/**/*.py", "adapters/worker/*/*.go", "adapters/worker/*/*.rs", "adapters/worker/*/*.mjs"),
    "diffs": diffs(),
    "json": sources("harness/schemas/*.json"),
    "prose": sources("docs/**/*.md"),
    "references": ["".join(sources("fixtures/demo/snapshots/*.snap"))],
}


@pytest.mark.parametrize("kind", CORPORA)
def test_the_estimate_is_within_a_tenth_of_a_real_encoder(kind: str) -> None:
    pytest.importorskip("bpe_openai", reason="exact counts need the extra `tokens`")
    pieces = [piece for text in CORPORA[kind] for piece in chunks(text)]
    errors = [abs(estimate(piece) / exact(piece) - 1) for piece in pieces]
    assert len(errors) >= 8
    assert median(errors) < 0.10


def test_lines_cost_together_about_what_they_cost_alone() -> None:
    text = "".join(CORPORA["code"])
    alone = sum(estimate(line) for line in text.splitlines(keepends=True))
    assert estimate(text) <= alone <= 1.1 * estimate(text)
