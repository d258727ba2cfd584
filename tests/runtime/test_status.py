"""`rivven status`: one schema, from the endpoint where there is one, else from lock and state."""

from __future__ import annotations

import http.server
import json
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from monitor_kit import counted, running, served, small_plan
from project_kit import (
    out_ids,
    run_cli,
    start_cli,
    wait_until,
    write_pipeline,
    write_projects,
)

from rivven_connect.cli import GROUP
from rivven_connect.cli.edge import run_group
from rivven_connect.pipeline.monitoring import RunState


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_projects(tmp_path)
    return tmp_path


def status(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    code = run_group(GROUP, ["status", *map(str, args)])
    out, err = capfd.readouterr()
    return code, out, err


def test_an_endpoint_is_read_for_people_and_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = small_plan(tmp_path)
    with served(plan, running(plan)) as (url,):
        code, out, _ = status(capfd, "--url", url)
        assert code == 0
        assert re.match(r"pipeline: degraded for \d s\n  sink z: circuit half-open, a failure", out)
        assert "  source a (scripted): running  101 read, 102 written, 103 filtered" in out
        code, out, _ = status(capfd, "--url", url, "--json")
        assert code == 0
        assert json.loads(out)["connectors"][0]["read"] == 101
        assert status(capfd, "--url", f"{url}/health")[0] == 0


def test_what_is_not_at_work_exits_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plan = small_plan(tmp_path)
    state = RunState(plan)
    with served(plan, state) as (url,):
        code, out, _ = status(capfd, "--url", url)
        assert code == 3
        first, *others = out.splitlines()
        assert re.fullmatch(r"pipeline: starting for \d s", first)
        assert others == [
            "  source a (scripted): starting",
            "  sink z (scripted): starting",
        ]
        state.started(counted(plan))
        state.stalled = True
        code, out, _ = status(capfd, "--url", url)
        assert (code, "no progress" in out) == (3, True)
    code, _, err = status(capfd, "--url", url)
    assert code == 3
    assert f"{url} does not answer: Connection refused" in err


@pytest.fixture
def stranger() -> Iterator[str]:
    """A server that is no pipeline; it would like to steer the terminal."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            bodies = {
                "/list": b"[]",
                "/text": b"<html>",
                "/steer": b'{"status": "\\u001b[31mhealthy"}',
            }
            self.wfile.write(bodies[self.path])

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_strangers_are_not_believed(stranger: str, capfd: pytest.CaptureFixture[str]) -> None:
    for path in ("list", "text"):
        code, out, err = status(capfd, "--url", f"{stranger}/{path}")
        assert (code, out) == (3, "")
        assert "is not the health endpoint of a pipeline" in err
    code, out, _ = status(capfd, "--url", f"{stranger}/steer")
    assert code == 3
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "args", [("--url", "ftp://x"), ("--url", "http://h:port"), ("x.yaml", "--url", "http://h")]
)
def test_wrong_usage_exits_2(args: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    assert status(capfd, *args)[0] == 2


def test_without_an_endpoint_lock_and_state_tell(folder: Path) -> None:
    file = write_pipeline(folder, {"total": 100_000, "delay_ms": 5})
    before = run_cli("status", file, cwd=folder)
    assert (before.returncode, before.stdout) == (3, "pipeline: not running\n")
    assert not (folder / ".rivven-state").exists(), "asking leaves no trace"
    process = start_cli("run", file, cwd=folder)
    wait_until(lambda: len(out_ids(folder)) > 20)
    during = run_cli("status", file, "--json", cwd=folder)
    assert during.returncode == 0
    found = json.loads(during.stdout)
    assert (found["status"], found["pid"]) == ("running", process.pid)
    process.kill()
    process.communicate(timeout=15)
    killed = run_cli("status", file, cwd=folder)
    assert killed.returncode == 3
    assert "pipeline: not running\n" in killed.stdout
    assert re.search(r"  sink out: .*\d+ written in all runs", killed.stdout)


def test_with_an_endpoint_it_is_asked(folder: Path) -> None:
    port = free_port()
    settings = f"health: {{enabled: true, port: {port}}}"
    file = write_pipeline(folder, {"total": 100_000, "delay_ms": 5}, settings)
    process = start_cli("run", file, cwd=folder)
    try:
        wait_until(lambda: len(out_ids(folder)) > 20)
        found = run_cli("status", file, "--json", cwd=folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
    assert found.returncode == 0, found.stderr
    body = json.loads(found.stdout)
    assert (body["status"], body["pid"]) == ("healthy", process.pid)
    assert [one["name"] for one in body["connectors"]] == ["numbers", "out"]
    assert run_cli("status", file, cwd=folder).returncode == 3


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
