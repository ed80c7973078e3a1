"""Live: what is told of a run while it goes on."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

import streamflow as sf
from streamflow.cli.failures import Failure
from streamflow.cli.live import (
    Companion,
    LiveFile,
    LiveLines,
    LiveTable,
    Pace,
    live_line,
    live_table,
    metrics_file,
    replace_text,
)
from streamflow.metrics import EdgeReport, NodeReport, ProcessReport, Report, Times


class Log:
    """A teller that notes the reports that it is given."""

    every = 0.001

    def __init__(self) -> None:
        self.told: list[Report] = []
        self.ended: list[Report] = []

    def tell(self, report: Report) -> None:
        self.told.append(report)

    def end(self, report: Report) -> None:
        self.ended.append(report)


class Failing(Log):
    """A teller that has no room."""

    def tell(self, report: Report) -> None:
        super().tell(report)
        raise OSError(28, "No space left on device", "metrics.prom")

    def end(self, report: Report) -> None:
        self.tell(report)


def a_report(**fields: Any) -> Report:
    values: dict[str, Any] = {
        "name": "shrink",
        "state": "running",
        "duration": 4.0,
        "nodes": {
            "source": NodeReport(emitted=80),
            "scale": NodeReport(70, 60, 1, {"oldest": 2, "filtered": 7}, Times(1, 1, 1500, 2000)),
        },
        "edges": {"source.out -> scale.in": EdgeReport(80, 70, {}, 10)},
        "processes": (ProcessReport(None, (), 3 << 20), ProcessReport("far", (), 1 << 20)),
    }
    return Report(**{**values, **fields})


def printed(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    console.print(renderable)
    file: Any = console.file
    return str(file.getvalue())


def waiting_for(*logs: Log) -> sf.Pipeline:
    """A pipeline that ends when each log was told of it twice."""

    @sf.node
    async def source() -> Any:
        yield 1
        while any(len(log.told) < 2 for log in logs):  # noqa: ASYNC110 - tellers wake nobody
            await asyncio.sleep(0)
        yield 2

    return sf.Pipeline("count", source)


def test_a_teller_is_told_now_and_then_and_in_the_end() -> None:
    log = Log()
    companion = Companion([log], bar=False)

    waiting_for(log).run(progress=companion)
    companion.end()

    assert {report.state for report in log.told} == {"running"}
    assert [(r.state, r.nodes["source"].emitted) for r in log.ended] == [("completed", 2)]


def test_a_teller_that_fails_is_asked_again_and_heard_in_the_end() -> None:
    failing, log = Failing(), Log()
    companion = Companion([failing, log], bar=False)

    waiting_for(failing, log).run(progress=companion)

    with pytest.raises(OSError, match="No space left"):
        companion.end()
    assert len(log.ended) == 1


def test_a_companion_of_no_run_has_nothing_to_tell() -> None:
    log = Log()

    Companion([log]).end()

    assert log.ended == []


def test_a_rate_is_that_since_the_last_look() -> None:
    pace = Pace()
    earlier = a_report(duration=2.0, nodes={"source": NodeReport(emitted=50)})

    rates = [pace.rates(earlier), pace.rates(a_report())]

    assert rates == [{"source": 25.0}, {"source": 15.0, "scale": 35.0}]


def test_a_table_has_a_row_per_node() -> None:
    text = printed(live_table(a_report(), {"source": 1_500.0, "scale": 35.4}))

    words = " ".join(text.split())
    assert words.startswith("shrink running for 4.0 s, 4.0 MiB of memory node received")
    assert "source 0 80 1,500 0 0 – –" in words
    assert "scale 70 60 35 10 3 1.50 µs 2.00 µs" in words
    assert max(map(len, text.splitlines())) <= 80


def test_a_line_says_it_all_at_once() -> None:
    line = live_line(a_report(state="failed"), {"source": 15.0, "scale": 35.0})

    assert line == (
        "shrink failed after 4.0 s: 150 items, 50/s, 10 waiting, 3 lost, 4.0 MiB of memory"
    )


def test_lines_go_on_until_the_last() -> None:
    lines: list[str] = []
    teller = LiveLines(lines.append)

    teller.tell(a_report())
    teller.end(a_report(state="completed"))

    assert [line.split(":")[0] for line in lines] == [
        "shrink running for 4.0 s",
        "shrink completed after 4.0 s",
    ]


def test_a_live_table_is_drawn_in_its_place_and_makes_room() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, legacy_windows=False)
    teller = LiveTable(console)

    teller.tell(a_report())
    teller.tell(a_report(duration=5.0))
    teller.end(a_report())

    shown = file.getvalue()
    assert "running for" in shown
    # Each picture takes the place of the one before: up, and the line erased.
    assert shown.count("\x1b[1A\x1b[2K") > 5
    assert shown.index("for \x1b[1;36m5" if "\x1b[1;36m5" in shown else "for 5.0") > 0


def test_a_live_table_that_showed_nothing_ends_in_silence() -> None:
    file = io.StringIO()

    LiveTable(Console(file=file, force_terminal=True)).end(a_report())

    assert file.getvalue() == ""


def test_a_metrics_file_has_the_format_of_its_name(tmp_path: Path) -> None:
    for name in ("m.json", "m.prom"):
        metrics_file(tmp_path / name).tell(a_report())

    assert json.loads((tmp_path / "m.json").read_text())["name"] == "shrink"
    families = list(text_string_to_metric_families((tmp_path / "m.prom").read_text()))
    assert "streamflow_node_items_received" in {family.name for family in families}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("m.txt", r"m\.txt: metrics go to a file that ends in \.json or \.prom"),
        ("nowhere/m.json", r"m\.json: there is no directory .*nowhere"),
        ("folder.json", r"folder\.json: it is a directory"),
    ],
)
def test_a_metrics_file_that_cannot_be_is_refused_at_once(
    name: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "folder.json").mkdir()

    with pytest.raises(Failure, match=words):
        metrics_file(tmp_path / name)


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "m.prom"
    path.write_text("before")
    with path.open() as reader:
        replace_text(path, "after")

        assert reader.read() == "before"
    assert path.read_text() == "after"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "m.prom"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)

    LiveFile(pipe, lambda report: report.name).tell(a_report())

    assert os.read(end, 100) == b"shrink"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    os.close(end)


def test_a_file_that_cannot_be_written_is_named_as_the_user_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: object) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(OSError, match="No space left") as failed:
        replace_text(tmp_path / "m.prom", "text")
    assert failed.value.filename == str(tmp_path / "m.prom")
    assert list(tmp_path.iterdir()) == []
