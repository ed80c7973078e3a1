"""The commands and their options; what they do stands in the modules beside this one."""

from __future__ import annotations

import importlib
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from streamflow.cli import FAULTY
from streamflow.cli.failures import Failure, Group, traceback_option

if TYPE_CHECKING:
    from rich.console import Console

    from streamflow.cli.live import Companion, Teller
    from streamflow.draw import Format
    from streamflow.graph import PlacementName
    from streamflow.metrics import Report
    from streamflow.pipeline import Pipeline

MIN_WIDTH: Final = 80
"""Columns; what is narrower wraps the lines itself. Also the width where there is no terminal."""

TARGET = click.argument("target")
ALLOW_IMPORTS = click.option(
    "--allow-imports",
    is_flag=True,
    help="Let a manifest name classes by their import paths.",
)


def new_console(*, stderr: bool = False) -> Console:
    """Where results go; its lines are never broken so short that numbers are lost."""
    from rich.console import Console

    class Pipe(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Pipe(highlight=False, stderr=stderr)
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
    help="As fast as the machine can, or in real time; offline if the manifest does not say.",
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
@click.option(
    "--watch", is_flag=True, help="Show what each node does, as a table that keeps changing."
)
@click.option(
    "--metrics",
    metavar="FILE",
    help="Keep a file up to date, once a second: .json, or .prom for Prometheus.",
)
@click.option(
    "--checkpoint",
    metavar="DIR",
    help="Save the state of the run there, every 10 s or as the two options below say.",
)
@click.option("--every", metavar="TIME", help="Save it so often: 500ms, 10s, 5m.")
@click.option(
    "--items",
    type=click.IntRange(min=1),
    metavar="N",
    help="Save it each time a source has emitted so many.",
)
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint.")
@ALLOW_IMPORTS
@traceback_option
def run(
    target: str,
    *,
    watch: bool,
    metrics: str | None,
    allow_imports: bool,
    **options: Any,
) -> None:
    """Run a pipeline, and report what it did.

    TARGET is FILE.py:NAME, where NAME is a Pipeline, or a function without
    arguments that returns one, and `pipeline` if left out; or a manifest
    (.json, .yaml); or a launch string such as 'test-video frames=99 ! scale width=320'.
    """
    from streamflow.cli.live import Companion, LiveLines, LiveTable, metrics_file
    from streamflow.cli.tables import print_report

    pipeline = _open(target, allow_imports=allow_imports)
    tellers: list[Teller] = [metrics_file(Path(metrics))] if metrics is not None else []
    if watch:
        console = new_console(stderr=True)
        lines = LiveLines(lambda line: click.echo(line, err=True))
        tellers.append(LiveTable(console) if console.is_terminal else lines)
    companion = Companion(tellers, bar=False if watch else None)
    report = run_with(pipeline, companion, **options)
    print_report(new_console(), report)


def run_with(pipeline: Pipeline, companion: Companion, **options: Any) -> Report:
    """Run a pipeline; its companion has the last word, however it ends.

    Args:
        pipeline: of a target.
        companion: goes with it.
        options: of `Pipeline.run`; None leaves them to the manifest.

    Raises:
        Failure: it took longer than it may.
        OSError: the companion could not write what it was to.
    """
    from streamflow.errors import StreamflowError

    limit: float = options.get("timeout") or pipeline.defaults.timeout or math.inf
    try:
        report = pipeline.run(progress=companion, **options)
    except BaseException as error:
        with suppress(OSError):
            companion.end()
        if isinstance(error, TimeoutError) and not isinstance(error, StreamflowError):
            raise Failure(f"{pipeline.name} has not ended after {limit:g} s") from error
        raise
    companion.end()
    return report


@streamflow.command()
@TARGET
@click.option(
    "--format",
    type=click.Choice(["mermaid", "dot", "svg"]),
    help="Mermaid, if the name of the output does not say.",
)
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option(
    "--live",
    is_flag=True,
    help="Run it, and draw its counters too: to a file once a second, and at the end.",
)
@ALLOW_IMPORTS
@traceback_option
def graph(
    target: str,
    format: Format | None,
    output: str | None,
    *,
    live: bool,
    allow_imports: bool,
) -> None:
    """Draw a pipeline.

    TARGET is as in `streamflow run`. Boxes around nodes are segments: what runs as
    one function. Broken lines are borders between them, with why they are there.
    """
    from streamflow.cli.live import Companion, LiveFile, replace_text
    from streamflow.draw import draw

    pipeline = _open(target, allow_imports=allow_imports)
    path = None if output is None or output == "-" else Path(output)
    style = format or _format_of(path)
    plan, report = pipeline.plan(), None
    if live:
        files = [LiveFile(path, lambda report: draw(plan, style, report))] if path else []
        report = run_with(pipeline, Companion(files))
    if path is None:
        click.echo(draw(plan, style, report), nl=False)
    elif not live:
        replace_text(path, draw(plan, style))


def _format_of(path: Path | None) -> Format:
    ends: dict[str, Format] = {".svg": "svg", ".dot": "dot", ".gv": "dot"}
    return ends.get(path.suffix.lower(), "mermaid") if path is not None else "mermaid"


@streamflow.command()
@TARGET
@click.option(
    "--items",
    type=click.IntRange(min=1),
    metavar="N",
    help="End its sources after so many; or so many numbers for its open input, if it has one.",
)
@click.option(
    "--repeat",
    type=click.IntRange(min=1),
    metavar="R",
    default=5,
    show_default=True,
    help="Runs that count, after one that does not.",
)
@ALLOW_IMPORTS
@traceback_option
def bench(target: str, items: int | None, repeat: int, *, allow_imports: bool) -> None:
    """Measure throughput and latency of a pipeline.

    TARGET is as in `streamflow run`. The latency is that of an item that is alone
    in the pipeline; it is measured if there is an open input and an open output.
    """
    from streamflow.cli.bench import bench, print_measurement

    pipeline = _open(target, allow_imports=allow_imports)
    print_measurement(new_console(), pipeline.name, bench(pipeline, items, repeat))


@streamflow.command()
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@ALLOW_IMPORTS
@traceback_option
def validate(targets: tuple[str, ...], *, allow_imports: bool) -> None:
    """Say all that is wrong with pipelines, and run none.

    TARGET is as in `streamflow run`. Exit code 2 if anything is wrong.
    """
    from streamflow.cli.targets import faults_of

    wrong = False
    for target in targets:
        summary, faults = faults_of(target, allow_imports=allow_imports)
        if not faults:
            click.echo(f"{target}: {summary}")
        for fault in faults:
            click.echo(f"{target}: {fault}", err=True)
        wrong = wrong or bool(faults)
    if wrong:
        raise click.exceptions.Exit(FAULTY)


@streamflow.command()
@traceback_option
def schema() -> None:
    """Print the JSON Schema of manifests."""
    from streamflow.manifest import schema

    click.echo(json.dumps(schema(), indent=2))


@streamflow.command()
@click.argument("manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@traceback_option
def upgrade(manifest: Path, output: str | None) -> None:
    """Write an older manifest, or a Symbia graph, as one of ours.

    As YAML if the name of the output says so, or else as JSON.
    """
    from streamflow.cli.live import replace_text
    from streamflow.manifest import dump, upgrade

    path = None if output is None or output == "-" else Path(output)
    yaml = path is not None and path.suffix.lower() in {".yaml", ".yml"}
    text = str(dump(upgrade(manifest), "yaml" if yaml else "json")).rstrip() + "\n"
    if path is None:
        click.echo(text, nl=False)
    else:
        replace_text(path, text)


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


def _open(target: str, *, allow_imports: bool) -> Pipeline:
    from streamflow.cli.targets import open_target

    return open_target(target, allow_imports=allow_imports)
