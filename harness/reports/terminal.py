"""For a person at a terminal: live progress on stderr while it runs, the digest in colour on stdout after it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from harness.events import Building, Completed, Event, Finished, Withheld
from harness.model import Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_VERDICTS = {"PASS": "bold green", "GATE": "bold yellow"}
_LINES = {"REGRESSED": "bold red", "gone": "red", "stale": "yellow", "note:": "dim", "next:": "cyan", "[": "bold"}


@contextmanager
def live() -> Iterator[Callable[[Event], None]]:
    """Show one line with what is going on; it is gone when the run is over, however it ends."""
    spinner = Spinner("dots")
    doing = "reading"
    counts = {"pass": 0, "fail": 0, "other": 0}

    def show(event: Event) -> None:
        nonlocal doing
        match event:
            case Building(argv):
                doing = " ".join(argv)
            case Ready(name, version):
                doing = f"{name} {version}"
            case Finished(result, standing):
                counts[{"passed": "pass", "stale": "pass", "failed": "fail"}.get(standing, "other")] += 1
                doing = result.job.case.id
            case Withheld():
                doing = "what is held out"
            case Completed():
                pass

    def line() -> Table:
        """Render when the screen is due, not when something happens: that is ten thousand times a second."""
        row = Table.grid()
        row.add_column(width=2)
        row.add_column(no_wrap=True, overflow="ellipsis")
        styles = {"pass": "green", "fail": "red" if counts["fail"] else "dim", "other": "dim"}
        told = [(f"{count} {word}  ", styles[word]) for word, count in counts.items() if any(counts.values())]
        row.add_row(spinner, Text.assemble(*told, (doing, "dim")))
        return row

    with Live(get_renderable=line, console=_console(stderr=True), transient=True, refresh_per_second=12):
        yield show


def paint(digest: str) -> None:
    """Print a digest in colour. Nothing in it is taken for markup, and no line is wrapped."""
    console = _console(stderr=False)
    for number, line in enumerate(digest.splitlines()):
        text = Text(line)
        if number == 0:
            word = line.split(" ", 1)[0]
            text.stylize(_VERDICTS.get(word, "bold red"), 0, len(word))
        else:
            text.stylize(next((style for start, style in _LINES.items() if line.startswith(start)), ""))
        console.print(text, soft_wrap=True)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
