"""Failures: whatever goes wrong ends in one sentence and an exit code.

A traceback is shown only to those who ask for it with ``--traceback``.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import click

from streamflow.cli import FAULTY, INTERRUPTED
from streamflow.errors import ManifestError, NodeError, StreamflowError

TRACEBACK: Final = "streamflow.traceback"
"""Where a context keeps whether a traceback is wanted."""


class Faults(click.ClickException):
    """What is wrong with a manifest, a line for each fault."""

    exit_code = FAULTY


class Failure(Exception):
    """What a command could not do, in a sentence."""


def sentence(error: BaseException) -> str:
    """What went wrong, in one line.

    >>> sentence(FileNotFoundError(2, "No such file or directory", "a.py"))
    'a.py: No such file or directory'
    >>> sentence(KeyError("width"))
    "KeyError: 'width'"
    """
    if isinstance(error, NodeError) and error.error_type == "MediaError":
        # The file is what the user can do something about.
        text = f"{error.message} (node {error.node!r})"
    elif isinstance(error, StreamflowError | Failure):
        text = str(error)
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{os.fspath(error.filename)}: {error.strerror}"
    else:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return " ".join(text.split())


class Group(click.Group):
    """A group of commands that fail with a sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            click.ClickException: with the sentence, if it failed.
            click.exceptions.Exit: if it was interrupted, or nobody reads what it prints.
        """
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            _silence_stdout()
            raise click.exceptions.Exit(1) from None
        except Exception as error:
            if ctx.meta.get(TRACEBACK):
                traceback.print_exception(error)
            if isinstance(error, ManifestError):
                raise Faults(str(error)) from error
            raise click.ClickException(sentence(error)) from error


def _silence_stdout() -> None:
    """Let what is still buffered go nowhere: the interpreter flushes it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def traceback_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command, or a group, the option ``--traceback``."""

    def note(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it
        if wanted:
            ctx.meta[TRACEBACK] = True

    return click.option(
        "--traceback",
        is_flag=True,
        expose_value=False,
        callback=note,
        help="Show where an error was raised.",
    )(command)
