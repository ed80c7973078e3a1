"""Failures: one sentence each, and the exit codes that shells expect."""

from __future__ import annotations

import os

import click
import pytest
from click.testing import CliRunner, Result

from streamflow.cli.failures import Failure, Group, sentence, traceback_option
from streamflow.errors import GraphError, MediaError, NodeError


def fail_with(error: BaseException, *arguments: str) -> Result:
    """Run a command that raises."""

    @click.group(cls=Group)
    @traceback_option
    def program() -> None: ...

    @program.command()
    @traceback_option
    def work() -> None:
        raise error

    assert callable(work)
    return CliRunner().invoke(program, [*arguments])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Failure("it cannot be done"), "it cannot be done"),
        (GraphError("no such port"), "no such port"),
        (MediaError("a.mp4", "the disk is full"), "a.mp4: the disk is full"),
        (
            NodeError("sink", "flush", "MediaError", "a.mp4: the disk is full"),
            "a.mp4: the disk is full (node 'sink')",
        ),
        (
            NodeError("scale", "process", "TypeError", "no frame"),
            "node 'scale' failed in process: TypeError: no frame",
        ),
        (PermissionError(13, "Permission denied", "a.svg"), "a.svg: Permission denied"),
        (OSError("no device"), "OSError: no device"),
        (KeyError("width"), "KeyError: 'width'"),
        (ValueError("two\n  lines"), "ValueError: two lines"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_an_error_becomes_one_line(error: BaseException, words: str) -> None:
    assert sentence(error) == words


def test_a_failure_ends_in_its_sentence_and_exit_code_1() -> None:
    done = fail_with(Failure("it cannot be done"), "work")

    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "Error: it cannot be done\n")


@pytest.mark.parametrize("arguments", [("work", "--traceback"), ("--traceback", "work")])
def test_a_traceback_is_shown_to_those_who_ask(arguments: tuple[str, ...]) -> None:
    done = fail_with(ValueError("too wide"), *arguments)

    assert done.exit_code == 1
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.endswith("Error: ValueError: too wide\n")


def test_ctrl_c_ends_in_stopped_and_exit_code_130() -> None:
    done = fail_with(KeyboardInterrupt(), "work")

    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "stopped\n")


def test_a_mistake_on_the_command_line_is_exit_code_2() -> None:
    done = fail_with(click.UsageError("no such option"), "work")

    assert done.exit_code == 2


def test_when_nobody_reads_it_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr("streamflow.cli.failures.sys.stdout", pipe)

        @click.group(cls=Group, invoke_without_command=True)
        def program() -> None:
            print("x" * 100_000, file=pipe)

        with pytest.raises(SystemExit) as ended:
            program.main([], prog_name="program")

        pipe.write("what is left goes nowhere")

    assert ended.value.code == 1
