"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from streamflow.cli.failures import Failure, Group, traceback_option

if TYPE_CHECKING:
    from rich.console import Console

    from streamflow.graph import PlacementName
    from streamflow.pipeline import Pipeline

MIN_WIDTH: Final = 80
"""Columns; what is narrower wraps the lines itself. Also the width where there is no terminal."""

TARGET = click.argument("target", metavar="FILE.py:PIPELINE")


def new_console() -> Console:
    """Where results go; its lines are never broken so short that numbers are lost."""
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Pipe(highlight=False)
    console.width = max(console.width, MIN_WIDTH)
    return console


def print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click calls it
    """Print the version of the code that runs, which need not be the one installed."""
    if wanted and not ctx.resilient_parsing:
        click.echo(f"streamflow {importlib.import_module('streamflow').__version__}")
        ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_version,
    help="Show the version and exit.",
)
@traceback_option
def streamflow() -> None:
    """Real-time audio, video and table pipelines in plain Python."""


@streamflow.command()
@click.argument("input", required=False)
@click.option(
    "--out",
    metavar="DIR",
    default="streamflow-demo",
    show_default=True,
    help="Where to write demo.mp4, snapshot.png and waveform.png.",
)
@click.option(
    "--on",
    type=click.Choice(["inline", "thread", "process"]),
    help="Where the branches for sound, pictures and snapshots run.",
)
@traceback_option
def demo(input: str | None, out: str, on: PlacementName | None) -> None:
    """See it work: scale and caption a film, and measure its sound.

    INPUT is any media file or address; without one, test signals are used. The
    pictures are saved on a thread of their own. Then two tables say what each
    node and each edge did.
    """
    from streamflow.cli.demo import build_demo
    from streamflow.cli.tables import print_report
    from streamflow.units import human_bytes

    folder = Path(out)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Failure(f"{out}: it is a file, not a directory to write to") from None
    try:
        pipeline = build_demo(input, folder, on)
        # Few items: each can be timed.
        report = pipeline.run(timing="exact")
    except BaseException:
        if made:
            with suppress(OSError):
                folder.rmdir()  # which removes it only if it is empty
        raise
    console = new_console()
    print_report(console, report)
    console.print()
    written = {"overlay": "snapshot.png", "waveform": "waveform.png"}
    for name in ("demo.mp4", *(name for id, name in written.items() if id in report.nodes)):
        path = folder / name
        size = human_bytes(path.stat().st_size)
        console.print(f"wrote {path} ({size})", markup=False, soft_wrap=True)


@streamflow.command()
@TARGET
@click.option(
    "--clock",
    type=click.Choice(["offline", "live"]),
    default="offline",
    show_default=True,
    help="As fast as the machine can, or in real time.",
)
@click.option(
    "--timing",
    type=click.Choice(["sampled", "exact"]),
    default="sampled",
    show_default=True,
    help="Time one call in 64, or all of them.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End the run as failed after so long.",
)
@traceback_option
def run(
    target: str,
    clock: Literal["offline", "live"],
    timing: Literal["sampled", "exact"],
    timeout: float | None,
) -> None:
    """Run the pipeline of a Python file, and report what it did.

    PIPELINE is the name of a Pipeline, or of a function without arguments that
    returns one; `pipeline` if left out.
    """
    from streamflow.cli.tables import print_report
    from streamflow.errors import StreamflowError

    pipeline = _load(target)
    try:
        report = pipeline.run(clock=clock, timing=timing, timeout=timeout)
    except StreamflowError:
        raise
    except TimeoutError as error:
        raise Failure(f"{pipeline.name} has not ended after {timeout:g} s") from error
    print_report(new_console(), report)


@streamflow.command()
@TARGET
@click.option(
    "--format",
    type=click.Choice(["mermaid", "dot", "svg"]),
    default="mermaid",
    show_default=True,
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@traceback_option
def graph(target: str, format: Literal["mermaid", "dot", "svg"], output: str | None) -> None:
    """Draw the pipeline of a Python file.

    Boxes around nodes are segments: what runs as one function. Broken lines are
    borders between them, with why they are there.
    """
    from streamflow.draw import draw

    drawing = draw(_load(target).plan(), format)
    if output is None or output == "-":
        click.echo(drawing, nl=False)
    else:
        Path(output).write_text(drawing, encoding="utf-8")


@streamflow.command()
@click.argument("name", required=False)
@traceback_option
def nodes(name: str | None) -> None:
    """List the node types, or show the ports and parameters of one."""
    from streamflow.cli.catalogue import print_catalogue, print_page
    from streamflow.registry import registry

    console = new_console()
    if name is None:
        print_catalogue(console, registry)
    else:
        print_page(console, registry, name)


def _load(target: str) -> Pipeline:
    from streamflow.cli.load import load_pipeline

    return load_pipeline(target)
