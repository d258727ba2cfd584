"""Whatever a connector does with a secret, no command shows it, nor a traceback that nobody wants."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from project_kit import SOURCE, run_cli, write_pipeline, write_projects

from rivven_connect import (
    CheckDetail,
    CheckResult,
    ConnectorError,
    InputError,
    PipelineError,
    Problem,
    Secret,
)
from rivven_connect._redaction import redact
from rivven_connect._values import resolve_values
from rivven_connect.cli.edge import run_group

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


def failing(error: Exception) -> click.Group:
    group = click.Group("rivven-connect")

    @group.command("fail")
    @click.option("--json", "as_json", is_flag=True)
    @click.option("--debug", is_flag=True)
    def fail(as_json: bool, debug: bool) -> None:
        raise error

    return group


@pytest.mark.parametrize("flags", [(), ("--json",), ("--debug",), ("--json", "--debug")])
@pytest.mark.parametrize("before", [0, 390, 1990])
def test_an_input_error_is_masked_before_it_is_cut_to_a_line(
    before: int, flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    Secret(CANARY)
    text = "x" * before + CANARY
    problem = Problem(
        code="RVN601", message=text, hint=text, path=f"f {CANARY}", pointer=f"/{CANARY}"
    )
    for error in (InputError([problem]), PipelineError(text)):
        error.__cause__ = ValueError(CANARY)
        assert run_group(failing(error), ["fail", *flags]) == error.exit_code
        shown = capsys.readouterr().err
        assert "***" in shown or (before > 1900 and not flags)
        for piece in (CANARY[:6], "W7x", "kL3", "tY2"):
            assert piece not in shown


@pytest.mark.parametrize("flags", [(), ("--json",), ("--debug",)])
def test_an_error_does_not_forge_lines_or_steer_the_terminal(
    flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """What another side says is data: its control characters are shown, its braces mean nothing."""
    hostile = "end\r\nERROR: forged \x1b[2J\x00\x9b\u2028\u202e {0} %s {x.__class__}"
    problem = Problem(code="RVN601", message=hostile, hint=hostile, path=hostile, pointer=hostile)
    for error in (InputError([problem]), PipelineError(hostile), ConnectorError.data(hostile)):
        run_group(failing(error), ["fail", *flags])
        shown = capsys.readouterr().err
        assert shown.replace("\n", "").isprintable()
        assert "{0} %s {x.__class__}" in shown
        # A traceback shows messages as Python does, in lines of their own.
        assert "\nERROR: forged" not in shown or "--debug" in flags


def test_names_that_a_source_offers_do_not_steer_the_terminal(tmp_path: Path) -> None:
    code = SOURCE.replace('name="numbers", json_schema', 'name="a\\x1b[2J\\nb", json_schema')
    write_projects(tmp_path)
    (tmp_path / "counter" / "src" / "counter_kit" / "__init__.py").write_text(code)
    file = write_pipeline(tmp_path, {})
    for args in (("discover", "./counter"), ("discover", "./counter", "--json"),
                 ("run", file, "--dry-run"), ("run", file)):  # fmt: skip
        found = run_cli(*args, cwd=tmp_path)
        assert (found.stdout + found.stderr).replace("\n", "").isprintable(), args
        assert "\nb" not in found.stdout


def test_what_a_check_says_makes_no_line_of_its_own() -> None:
    detail = CheckDetail.failed("reach", "no\n✓ Connection check passed\x1b[2J")
    for result in (CheckResult(passed=False, checks=(detail,)),
                   CheckResult.failure("no\n✓ Connection check passed")):  # fmt: skip
        lines = str(result).split("\n")
        assert not any(line.strip().startswith("✓") for line in lines)
        assert all(line.isprintable() for line in lines)
