"""Whatever a connector does with a secret, no command shows it, nor a traceback that nobody wants."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from project_kit import run_cli, write_pipeline, write_projects

from rivven_connect._redaction import redact
from rivven_connect._values import resolve_values

CANARY = "Zq9@/+%\"\nW7x'kL3 vB8{tY2"
SECRET = {"type": "string", "writeOnly": True}

ONE = ("check", "discover", "read")
WHOLE = (("check",), ("run",), ("run", "--dry-run"))
HOW = ("check-auth", "noise", "group", "exit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_projects(tmp_path)
    return tmp_path


def assert_silent(folder: Path, *args: str | Path) -> None:
    for more in ((), ("--json", "--debug")):
        found = run_cli(*args, *more, cwd=folder, env={"COUNTER_TOKEN": CANARY})
        shown = found.stdout + found.stderr
        for piece in CANARY.splitlines():
            assert piece not in shown
            assert json.dumps(piece)[1:-1] not in shown
        if not more and "--dry-run" not in args and args[0] != "run":
            assert "Traceback" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_commands_of_a_connector_show_no_secret(folder: Path, how: str) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({"fails": how, "token": "${env:COUNTER_TOKEN}"}))
    for name in ONE:
        assert_silent(folder, name, "./counter", "--config", config)


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_commands_of_a_pipeline_show_no_secret(folder: Path, how: str) -> None:
    file = write_pipeline(folder, {"fails": how, "token": "${env:COUNTER_TOKEN}"})
    for name, *flags in WHOLE:
        assert_silent(folder, name, file, *flags)


def test_a_failed_check_does_not_steer_the_terminal(folder: Path) -> None:
    config = folder / "config.json"
    config.write_text(json.dumps({"fails": "escape"}))
    found = run_cli("check", "./counter", "--config", config, cwd=folder)
    assert found.returncode == 3
    assert "\x1b" not in found.stdout
    assert "red \\x1b[31m text" in found.stdout


def test_a_secret_inside_a_longer_text_is_masked_by_itself() -> None:
    found = resolve_values(
        {"dsn": "pg://user:${env:PW}@host"},
        {"properties": {"dsn": SECRET}},
        environ={"PW": "s3cr3t!pw"},
    )
    assert found.value == {"dsn": "pg://user:s3cr3t!pw@host"}
    assert redact("login with s3cr3t!pw failed") == "login with *** failed"
