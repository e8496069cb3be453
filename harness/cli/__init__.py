"""Words in, exit code out: one file a command. Nothing but click is imported until a command runs."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click

from harness.errors import HarnessError, TargetError

_COMMANDS = {
    "check": "Run the cases against a target and judge them.",
    "list": "List the cases, with their standing in the newest run that ran them.",
    "show": "Show one case: input, want, got, why, and where its files are.",
    "repro": "Print the command that puts one case to a target, for a debugger.",
    "try": "Ask a target, or the oracle, what it does on an input of yours.",
    "runs": "List the stored runs; make one of shards.",
    "digest": "Print the digest of a stored run again.",
    "audit": "Say how much a green is worth.",
    "status": "Show the port at a glance: stages, strengths, the skip list, the last runs.",
    "skip": "Edit the skip list: add, remove, prune, list, init, import.",
    "source": "Follow the source project: what is new, gone, renamed, changed.",
    "holdout": "Name the held-out cases that fail, once all visible ones are green.",
    "record": "Record references from the oracle.",
    "lock": "Agree to how every case is judged now, and what it comes to.",
    "loop": "Fix through the night: run, status, stop, resume, report.",
    "brief": "Print the brief for the next attempt of an agent.",
    "block": "Say that a case can not be done.",
}

_ERROR, _TARGET = 2, 5
"""Two of the exit codes of `harness.model.Verdict`, which takes longer to import than `--help` to print."""
_INTERRUPTED, _BROKEN_PIPE = 130, 141
"""What a shell shows for a program that SIGINT, or SIGPIPE, has ended."""


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


def _version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 20 ms, and only when asked for

        try:
            click.echo(f"port-harness {version('port-harness')}")
        except PackageNotFoundError:
            click.echo("port-harness (a checkout that is not installed)")
        ctx.exit()


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    metavar="DIR",
    help="The workspace: a folder with a harness.toml, or one below it.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.pass_context
def _group(ctx: click.Context, folder: Path) -> None:
    """Verify a port against the test suite of its source project."""
    ctx.obj = folder.resolve()


def main() -> None:
    """Run the command line. The one place that turns a harness error into an exit code."""
    if sys.platform == "win32":
        _say("ERROR Windows is not supported; use WSL")
        sys.exit(_ERROR)
    sys.exit(_code(sys.argv[1:]))


def _code(words: list[str]) -> int:
    try:
        # Not click's `main`: when our reader has read enough, it ends with the exit code that means a failing port.
        with _group.make_context("harness", words) as context:
            return int(_group.invoke(context))
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as help_:
        _say(help_.format_message())
    except click.ClickException as problem:
        _say(f"ERROR {_sentence(problem)}")
    except TargetError as problem:
        _say(f"TARGET {problem}")
        return _TARGET
    except HarnessError as problem:
        _say(f"ERROR {problem}" if "\n" not in str(problem) else f"ERROR\n{problem}")
    except BrokenPipeError:
        hush()
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception:  # noqa: BLE001 - a fault of ours must not end with the exit code of a failing port
        import traceback  # noqa: PLC0415 - 9 ms

        traceback.print_exc()
        _say("ERROR this is a fault of the harness; please report it with the lines above")
    return _ERROR


def hush() -> None:
    """Let the rest of stdout go nowhere: its reader has read enough (`| head`), and Python's last flush must work."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _sentence(problem: click.ClickException) -> str:
    """Put click's complaint the way ours are: lower case, with the next step at the end."""
    if isinstance(problem, click.NoSuchOption) and problem.option_name == "-C":
        return "-C goes before the command; write harness -C DIR COMMAND"
    text = problem.format_message().rstrip(".")
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    return f"{text[:1].lower()}{text[1:]} ({context.command_path if context else 'harness'} --help says more)"


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the edge
