"""The group of commands: errors become one sentence and an exit code here, and nowhere else."""

import importlib
import importlib.util
import os
import sys
from typing import Any, NoReturn

import click

import edgetl
from edgetl import debug as debugging
from edgetl.cli import output
from edgetl.errors import EdgetlError

COMMANDS = (
    "demo",
    "check",
    "explore",
    "train",
    "export",
    "verify",
    "run",
    "teach",
    "bench",
    "compare",
    "estimate",
    "push",
    "info",
    "doctor",
    "keys",
    "sign",
    "pack",
    "install",
    "activate",
    "rollback",
    "status",
    "gc",
    "settings",
)
_INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class _Group(click.Group):
    """Imports a command's file when the command is asked for."""

    def list_commands(self, context: click.Context) -> list[str]:
        # What runs on another machine during `bench --device` or `push` has the device's commands alone.
        return [name for name in COMMANDS if importlib.util.find_spec(f"edgetl.cli.{name}")]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        command: click.Command = importlib.import_module(f"edgetl.cli.{name}").command
        return command

    def invoke(self, context: click.Context) -> Any:
        """Run a command, which has done its work as soon as whoever reads stdout has seen enough."""
        try:
            return super().invoke(context)
        except BrokenPipeError:  # `head`, `grep -q`; click would call it a failure
            # What is left of the line would be tried again as Python ends, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None

    def main(self, *arguments: Any, **options: Any) -> NoReturn:
        """Run a command and end the process with its exit code; the traceback is for ``--debug`` alone."""
        try:
            sys.exit(super().main(*arguments, **{**options, "standalone_mode": False}))
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (KeyboardInterrupt, click.Abort):
            output.error("stopped; nothing half-written is left")
            sys.exit(_INTERRUPTED)
        except EdgetlError as error:
            if debugging.is_on():
                raise
            output.error(str(error))
            sys.exit(error.exit_code)
        except Exception as error:
            if debugging.is_on():
                raise
            words = (str(error).strip() or "no reason given").splitlines()[0]
            output.error(
                f"edgetl itself failed ({type(error).__name__}: {words}); run it again with --debug before "
                "the command, and report what it prints"
            )
            sys.exit(1)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(edgetl.__version__, prog_name="edgetl")
@click.option("--debug", is_flag=True, help="Show tracebacks and all that the libraries print.")
def main(debug: bool) -> None:
    """From a folder of photos to a verified model on the board, and to numbers you can believe."""
    if debug:
        debugging.turn_on()
