"""The digest as JSON, for machines: `harness/schemas/digest.json` describes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from harness.digest import exemplar

if TYPE_CHECKING:
    from harness.digest.told import Told

FORMAT = 1


def twin(told: Told) -> str:
    """Write all of a digest, whatever the budget; ends with a newline."""
    run, delta = told.run, told.delta
    found = []
    for one in told.clusters:
        result = told.look(one.members[0])
        lines = [line.removeprefix("  ") for line in exemplar.wrong(result)]
        found.append({**asdict(one), "exemplar": {"case": result.id, "why": result.why, "difference": lines}})
    changes = {name: sorted(cases) for name, cases in asdict(delta).items()}
    value = {
        "format": FORMAT,
        "run": run.id,
        "target": run.target,
        "verdicts": run.verdicts,
        "summary": run.summary,
        "delta": changes,
        "stale": [one.id for one in told.stale],
        "clusters": found,
    }
    return json.dumps(value, indent=1) + "\n"
