"""What a run shows while it lasts: a table on a terminal, lines elsewhere, nothing secret in either."""

from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import select
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from monitor_kit import running, small_plan
from project_kit import command, run_cli, start_cli, wait_until, write_pipeline, write_projects
from rich.console import Console

from rivven_connect._redaction import _known, masked_record, register_secret
from rivven_connect.cli.logs import _JsonFormatter
from rivven_connect.cli.progress import LogProgress, Rates, table
from rivven_connect.pipeline.monitoring import RunState


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_projects(tmp_path)
    return tmp_path


def drawn(state: RunState, rates: Rates) -> str:
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(table(state, rates))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_table_has_all_that_a_person_asks_for(tmp_path: Path) -> None:
    state = running(small_plan(tmp_path))
    state.live().gauges["sink", "z"].circuit = "closed"
    shown = drawn(state, Rates(samples=4))
    header = shown.splitlines()[2]
    wanted = ("records", "per second", "bytes", "lag", "retries", "dead letters", "state")
    assert all(one in header for one in wanted)
    (source,) = (line for line in shown.splitlines() if "source" in line)
    assert re.findall(r"[\w.,]+(?: B| s)?", source) == [
        "source", "a", "101", "0", "107 B", "1.5 s", "106", "104", "running",
    ]  # fmt: skip
    assert "checkpoint held" in shown


def test_the_rate_is_that_of_the_last_seconds(tmp_path: Path) -> None:
    state = running(small_plan(tmp_path))
    source, sink = state.live().sources["a"], state.live().sinks["z"]
    rates = Rates(samples=3)
    for now in range(5):
        rates.sample(state, float(now))
        source.read += 1_000 if now >= 2 else 0
    assert rates.per_second(source) == 1_000
    assert rates.per_second(sink) == 0
    assert Rates(samples=2).per_second(source) == 0


def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    register_secret("canary-in-a-name")
    try:
        state = running(small_plan(tmp_path))
        state.live().pipeline = "[bold]\x1b[31mcanary-in-a-name"
        shown = drawn(state, Rates(samples=2))
    finally:
        _known.clear()
    assert "[bold]\\x1b[31m***" in shown
    assert "\x1b" not in shown


def test_lines_come_at_intervals_with_all_figures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = running(small_plan(tmp_path))
    with (
        caplog.at_level(logging.INFO, "rivven_connect.pipeline"),
        LogProgress(every_s=0.01).showing(state),
    ):
        wait_until(lambda: len(caplog.records) >= 2)
    (first, *_) = caplog.records
    assert first.getMessage() == "progress: a 101 (0/s), z 202 (0/s)"
    assert getattr(first, "fields")["connectors"][1]["retries"] == 206  # noqa: B009  # not declared
    assert not [one for one in threading.enumerate() if one.name == "progress"]


def line_of(message: str, **more: Any) -> tuple[str, Any]:
    record = logging.LogRecord("some.logger", logging.WARNING, "f.py", 1, message, None, None)
    vars(record).update(more)
    masked_record(record)
    text = _JsonFormatter().format(record)
    return text, json.loads(text)


def test_a_log_line_is_one_line_of_json() -> None:
    text, line = line_of('end\n{"level": "info"}\r\x1b[31m\u2028\x9b\u202e', fields={"a\n": [1]})
    assert text.isascii()
    assert text.isprintable()
    assert set(line) == {"ts", "level", "logger", "message", "fields"}
    assert (line["level"], line["logger"]) == ("warning", "some.logger")
    assert line["message"].startswith('end\n{"level"')
    assert line["fields"] == {"a\n": [1]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["ts"])


def test_fields_are_masked_at_any_depth() -> None:
    register_secret('s3cr3t-"canary"')
    try:
        fields = {"k": {'s3cr3t-"canary"': ["x", ('a s3cr3t-"canary"', 1, 1.5, True, None)]}}
        text, line = line_of("m", fields=fields)
    finally:
        _known.clear()
    assert "canary" not in text
    assert line["fields"] == {"k": {"***": ["x", ["a ***", 1, 1.5, True, None]]}}


def on_terminal(folder: Path, file: Path, *, env: dict[str, str]) -> str:
    """Run a pipeline with a terminal as stderr; return what was drawn there."""
    leader, follower = pty.openpty()
    deciding = {"NO_COLOR", "FORCE_COLOR", "CI", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    own = {name: value for name, value in os.environ.items() if name not in deciding}
    process = subprocess.Popen(
        command("run", str(file)),
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=follower,
        stdin=follower,
        env={**own, "TERM": "xterm-256color", "COLUMNS": "120", **env},
    )
    os.close(follower)
    shown = b""
    try:
        while select.select([leader], [], [], 30)[0]:
            piece = os.read(leader, 65536)
            shown += piece
    except OSError:  # the terminal is closed when the process has ended
        pass
    finally:
        os.close(leader)
    assert process.wait(30) == 0, shown
    return shown.decode()


@pytest.mark.parametrize(
    ("env", "is_live", "has_colour"),
    [({}, True, True), ({"NO_COLOR": "1"}, True, False), ({"TERM": "dumb"}, False, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_a_terminal_gets_a_table_that_goes_away(
    folder: Path, env: dict[str, str], is_live: bool, has_colour: bool
) -> None:
    file = write_pipeline(folder, {"total": 60, "delay_ms": 10})
    file.write_text(file.read_text().replace("format: text", "format: auto"))
    shown = on_terminal(folder, file, env=env)
    assert ("per second" in shown) == is_live
    assert ("\x1b[?25l" in shown) == is_live
    assert shown.count("\x1b[?25h") >= shown.count("\x1b[?25l")
    assert has_colour or not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", shown)
    assert "60 read" in shown.rpartition("pipeline finished")[2]


def test_elsewhere_every_line_is_json(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 20})
    file.write_text(file.read_text().replace("format: text", "format: auto"))
    found = run_cli("run", file, cwd=folder)
    lines = [json.loads(line) for line in found.stderr.splitlines()]
    assert [one["message"] for one in lines] == ["pipeline pipeline started", "finished"]
    assert lines[-1]["fields"]["summary"]["sinks"][0]["written"] == 20
    assert found.stdout == ""


def test_a_stop_before_the_first_read_shows_a_summary(folder: Path) -> None:
    source = folder / "counter" / "src" / "counter_kit" / "__init__.py"
    text = source.read_text()
    opening = "        leak(config.fails, config.token and config.token.reveal())\n"
    assert opening in text
    source.write_text(
        text.replace(
            opening, "        open('opening', 'w').close()\n        await asyncio.sleep(60)\n"
        )
    )
    process = start_cli("run", write_pipeline(folder, {"total": 5}), cwd=folder)
    wait_until((folder / "opening").exists)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=15)
    assert process.returncode == 0
    assert "pipeline stopped on request after" in stderr
    assert re.search(r"numbers +0 read", stderr)
