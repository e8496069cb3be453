"""`--json FILE`: a run as JSON, for machines. The schema is `harness/schemas/export.json`, format 1."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.records import StoredResult, StoredRun

FORMAT = 1


def write(path: Path, run: StoredRun, results: Iterable[StoredResult]) -> None:
    """Write a run and its results, one a line, in the order of reading.

    The file appears whole or not at all. Raises OSError when it can not be written.
    """
    beside = path.with_name(path.name + ".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"format": FORMAT, "run": asdict(run)})[:-1] + ', "results": [')
        between = "\n"
        for result in results:
            row = asdict(result)
            del row["run"]
            file.write(between + json.dumps(row))
            between = ",\n"
        file.write("\n]}\n")
    os.replace(beside, path)
