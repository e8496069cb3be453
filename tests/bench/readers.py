"""How long the readers take: 12,000 cases in one file of 12 MB for each format, and the parser's own time beside it.

Run it by itself: `python tests/bench/readers.py`. Times are the best of three, and the processor's: machines are busy.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

BODY = "line of a snapshot with some text in it\n" * 25


def files(count: int) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return for each reader one file's text and the options that read it."""
    numbers = range(count)
    plain = {"id": "name", "input": "in", "outputs": "out"}
    rows = [{"name": f"case {number}", "in": f"{number}", "out": BODY} for number in numbers]
    dots = {"case": r"^(?P<name>.+)\n\.\n(?P<in>(?s:.*?))^\.\n(?P<out>(?s:.*?))^\.$", **plain}
    hrx = {"inputs": "*.in", "outputs": "{stem}.out"}
    hrx_files = {"files": "t.hrx", "boundary": r"(?:^|\n)<(?P<same>=+)>(?: +(?P<name>.+))?\n"}
    return {
        "json": (json.dumps(rows), plain),
        "jest": ("".join(f"exports[`case {one} 1`] = `\n{BODY}\n`;\n\n" for one in numbers), {"input": "key"}),
        "blocks": ("".join(f"case {one}\n.\n{one}\n.\n{BODY}.\n\n" for one in numbers), dots),
        "ambr": (
            "# serializer version: 1\n"
            + "".join(f"# name: case[{one}]\n" + BODY.replace("line", "  line") + "# ---\n" for one in numbers),
            {"input": "key"},
        ),
        "markdown": (
            "".join(f"# case {one}\n```in\n{one}\n```\n```out\n{BODY}```\n" for one in numbers),
            {"input": "in", "outputs": "out"},
        ),
        "pairs": (
            "".join(f"<==> {one}.in\n{one}\n<==> {one}.out\n{BODY}\n" for one in numbers),
            {**hrx, "archive": hrx_files},
        ),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=12_000)
    count: int = parser.parse_args().cases
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for reader, (text, options) in files(count).items():
            module: Any = importlib.import_module(f"harness.readers.{reader}")
            file = "t.hrx" if reader == "pairs" else f"t.{reader}"
            (folder / file).write_text(text, encoding="utf-8")
            wanted = options if reader == "pairs" else {"files": file, **options}
            best = min(once(module, folder, wanted, count) for _ in range(3))
            tracemalloc.start()
            once(module, folder, wanted, count)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            size = len(text.encode())
            print(f"{reader:9} {count} cases, {size / 1e6:.0f} MB: {best:.2f} s, peak {peak / size:.1f} x the file")
    return 0


def once(module: Any, folder: Path, options: dict[str, Any], count: int) -> float:  # noqa: ANN401
    start = time.process_time()
    found = sum(hasattr(one, "references") for one in module.read("s", folder, options))
    seconds = time.process_time() - start
    assert found == count
    return seconds


if __name__ == "__main__":
    sys.exit(main())
