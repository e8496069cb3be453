"""Words in, exit code out: one file a command. Nothing but click is imported until a command runs."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

import click

from harness.errors import HarnessError

_COMMANDS = {
    "check": "Run the cases against a target and judge them.",
    "list": "List the cases, with their standing in the last run.",
    "show": "Show one case: input, want, got, why, and where its files are.",
    "repro": "Write the exact request of a case, and the command to debug it.",
    "try": "Ask a target, or the oracle, what it does on an input of yours.",
    "runs": "List the stored runs.",
    "digest": "Print the digest of a stored run again.",
    "record": "Record references from the oracle.",
}


class _Lazy(click.Group):
    """Commands are imported when they run; their one-line help stands here."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            from harness.toml import nearest  # noqa: PLC0415 - 80 ms, and only for a word that was mistyped

            ctx.fail(f"no command {cmd_name!r}{nearest(cmd_name, _COMMANDS)}")
        command: click.Command = importlib.import_module(f"harness.cli.{cmd_name}_").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "folder",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The workspace: a folder with a harness.toml, or one below it.",
)
@click.version_option(package_name="port-harness", message="%(package)s %(version)s")
@click.pass_context
def _group(ctx: click.Context, folder: Path) -> None:
    """Verify a port against the test suite of its source project."""
    ctx.obj = folder.resolve()


def main() -> None:
    """Run the command line. The one place that turns a harness error into an exit code."""
    if sys.platform == "win32":
        sys.exit("harness: Windows is not supported; use WSL")
    try:
        code = _group.main(standalone_mode=False)
    except HarnessError as problem:
        print(f"ERROR {problem}" if "\n" not in str(problem) else f"ERROR\n{problem}", file=sys.stderr)  # noqa: T201 - the edge
        code = 2
    except click.ClickException as problem:
        problem.show()
        code = 2
    except click.exceptions.Abort:
        code = 130
    except Exception:  # noqa: BLE001 - a fault of ours must not end with the exit code of a failing port
        traceback.print_exc()
        print("ERROR this is a fault of the harness; please report it with the lines above", file=sys.stderr)  # noqa: T201
        code = 2
    sys.exit(code if isinstance(code, int) else 0)
