"""Where secrets and what is near them may lie: files, processes, sockets (S3, S7, S10, S13, S15, S16)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from project_kit import run_cli, write_project

from rivven_connect._values import resolve_values
from rivven_connect.pipeline.file import HealthBlock, MetricsBlock
from rivven_connect.pipeline.loading import load_pipeline
from rivven_generator.scaffold import Request, new_project

SECRET = {"properties": {"token": {"type": "string", "writeOnly": True}}}

AUDITED = """
import sys

seen = []
# A library that is loaded already has no name: `mallopt` is called in our own C library.
own = ("ctypes.dlopen", (None,))
sys.addaudithook(lambda event, args: seen.append(event) if (event, args) != own else None)
from rivven_connect.cli import GROUP
from rivven_connect.cli.edge import run_group

code = run_group(GROUP, sys.argv[1:])
watched = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")
spawned = ("subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn", "os.system", "ctypes.dlopen")
print("AUDIT", code, sorted({one for one in seen if one in watched + spawned}))
"""

REFRESHING = '''
from typing import Annotated

from rivven_connect import EventBatch, Catalog, Stream, Secret, Source, ConnectorSpec, Poison
from rivven_connect.config import SecretText, SourceConfig, Text

class Config(SourceConfig):
    token: Annotated[Secret, SecretText()]
    keeps: Text = ""

class Refreshing(Source[Config]):
    """Gets a new token with each page, as OAuth does."""
    config_type = Config

    @classmethod
    def spec(cls):
        return ConnectorSpec(connector_type="refreshing", version="1", config_schema=Config.config_schema())

    async def discover(self, config):
        return Catalog([Stream(name="numbers", json_schema={"type": "object"})])

    async def read(self, config, catalog, state):
        for number in range(3):
            access = Secret(f"access-{number}-{config.token.reveal()[::-1]}")
            import logging, sys, base64
            logging.getLogger("x").error("token %s", access.reveal())
            kept = {"": {"next": number}, "raw": {"t": access.reveal()},
                    "base64": {"t": base64.b64encode(access.reveal().encode()).decode()},
                    "key": {access.reveal(): 1}}[config.keeps]
            yield Poison("numbers", b"{", f"bad {access.reveal()!r}", number)
            yield EventBatch("numbers", [{"id": number}], state=kept)
        if not config.keeps:
            raise KeyError(access.reveal())
'''


@pytest.mark.parametrize(
    "value",
    [
        "${env:OTHER}", "${file:/etc/passwd}", "$${OTHER}", "a: b", "- a", '"quoted"', "it's",
        "two\nlines", "tab\there", "#comment", "{a: b}", "[a]", "*alias", "&anchor", "!tag x", "null",
        "true", "1e3", "%s {0} {x.y}", "\\n", "ü✓\u2028",
    ],
)  # fmt: skip
def test_a_value_is_data_whatever_it_looks_like(value: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(value + "\n")
    file.chmod(0o600)
    environ = {"X": value, "OTHER": "something else"}
    for written in ("${env:X}", "${X}", f"${{file:{file}}}"):
        found = resolve_values({"token": written}, SECRET, environ=environ)
        assert (found.value, found.problems) == ({"token": value}, [])


def pipeline(folder: Path, **config: str) -> Path:
    write_project(
        folder / "refreshing",
        kind="source",
        name="refreshing",
        package="refreshing_kit",
        cls="Refreshing",
        code=REFRESHING,
    )
    path = folder / "pipeline.yaml"
    source = {
        "connector": "./refreshing",
        "config": {"token": "${env:TOKEN}", **config},
        "dead_letter": {"path": "dlq/numbers.jsonl", "max_ratio": 1.0},
    }
    sink = {"connector": "jsonl", "topics": ["numbers"], "config": {"path": "out.jsonl"}}
    path.write_text(
        json.dumps({"version": "1.0", "sources": {"numbers": source}, "sinks": {"out": sink}})
    )
    return path


TOKEN = "configured-token-4711"


def everything(folder: Path) -> str:
    """Return the text of all files that a run left, the project's own aside."""
    files = [one for one in folder.rglob("*") if one.is_file() and "refreshing" not in one.parts]
    return "".join(one.read_bytes().decode("utf-8", "replace") for one in files)


@pytest.mark.slow
def test_a_token_that_is_refreshed_in_mid_run_appears_nowhere(tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    for more in ((), ("--debug",), ("--json",)):
        found = run_cli("run", path, *more, cwd=tmp_path, env={"TOKEN": TOKEN})
        assert found.returncode == 3
        assert "token ***" in found.stderr
        text = found.stdout + found.stderr + everything(tmp_path)
        assert "bad '***'" in text
        assert TOKEN[::-1] not in text
        assert TOKEN not in text


@pytest.mark.slow
@pytest.mark.parametrize("keeps", ["raw", "base64", "key"])
def test_a_state_that_holds_a_minted_secret_is_refused(keeps: str, tmp_path: Path) -> None:
    path = pipeline(tmp_path, keeps=keeps)
    found = run_cli("run", path, cwd=tmp_path, env={"TOKEN": TOKEN})
    assert found.returncode == 4, found.stderr
    assert "put a secret into the state" in found.stderr
    left = everything(tmp_path)
    assert TOKEN[::-1] not in left
    assert "YWNjZXNzLT" not in left, "base64 of access-"


@pytest.mark.slow
def test_what_a_run_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    path = pipeline(tmp_path)
    old = os.umask(0)
    try:
        run_cli("run", path, cwd=tmp_path, env={"TOKEN": TOKEN})
        run_cli("state", "export", path, "--output", "kept/state.json", cwd=tmp_path)
        run_cli("state", "reset", path, "--yes", cwd=tmp_path)
    finally:
        os.umask(old)
    private = [tmp_path / ".rivven-state", tmp_path / "dlq"]
    for folder in private:
        assert folder.stat().st_mode & 0o777 == 0o700
        for one in folder.rglob("*"):
            assert one.stat().st_mode & 0o077 == 0 or one.name == ".gitignore", one
    assert any((tmp_path / ".rivven-state").iterdir())
    assert (tmp_path / "dlq" / "numbers.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("run", "pipeline.yaml"),
        ("run", "pipeline.yaml", "--dry-run"),
        ("check", "pipeline.yaml"),
        ("read", "source:datagen", "--config", "datagen.json"),
        ("state", "show", "pipeline.yaml"),
        ("status", "pipeline.yaml"),
        ("nonsense",),
    ],
)
def test_nothing_calls_home_and_no_process_is_started(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """No connector here has a network; nothing else has a reason to use one, nor for a child."""
    config = {"max_events": 20, "events_per_second": 0}
    (tmp_path / "datagen.json").write_text(json.dumps(config))
    source = {"connector": "datagen", "config": config}
    sink = {"connector": "sqlite", "topics": ["a"], "config": {"path": "out.db", "table": "t"}}
    text = json.dumps({"version": "1.0", "sources": {"a": source}, "sinks": {"b": sink}})
    (tmp_path / "pipeline.yaml").write_text(text)
    found = subprocess.run(
        [sys.executable, "-c", AUDITED, *command],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    (told,) = [line for line in found.stdout.splitlines() if line.startswith("AUDIT")]
    assert told.endswith(" []"), told
    codes = {"status": 3, "nonsense": 2}
    assert told.split()[1] == str(codes.get(command[0], 0)), found.stderr


def test_endpoints_are_off_and_on_loopback_by_default(tmp_path: Path) -> None:
    for block in (HealthBlock(), MetricsBlock()):
        assert (block.enabled, block.host) == (False, "127.0.0.1")
    path = tmp_path / "p.yaml"
    path.write_text(
        'version: "1.0"\nsources: {a: {connector: x}}\nsinks: {b: {connector: y, topics: [a]}}\n'
    )
    assert not load_pipeline(path).file.settings.health.enabled


KINDS: tuple[Literal["source", "sink", "transform"], ...] = ("source", "sink", "transform")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_project_keeps_its_env_file_out_of_the_repository(
    kind: Literal["source", "sink", "transform"], tmp_path: Path
) -> None:
    folder = tmp_path / "demo"
    new_project(Request(kind=kind, name="demo", folder=str(folder)))
    ignored = (folder / ".gitignore").read_text().split()
    assert ".env" in ignored
    assert ".rivven-state/" in ignored
    assert (folder / ".env.example").is_file()
    assert not (folder / ".env").exists()
