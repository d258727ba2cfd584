"""The other commands of `rivven-connect`, and the edge that all of them share."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from project_kit import run_cli, write_pipeline, write_projects

from rivven_connect.cli import COMMANDS, GROUP
from rivven_connect.cli.edge import run_group
from rivven_connect.cli.lazy import LazyGroup


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_projects(tmp_path)
    return tmp_path


def invoke(capfd: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = run_group(GROUP, list(args))
    out, err = capfd.readouterr()
    return code, out, err


def test_help_lists_every_command_without_importing_any(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = invoke(capfd, "--help")
    assert code == 0
    assert all(name in out and lazy.short_help in out for name, lazy in COMMANDS.items())
    script = (
        "import sys; from rivven_connect.cli import GROUP\n"
        "from rivven_connect.cli.edge import run_group\n"
        "run_group(GROUP, ['--help'])\n"
        "heavy = {'pydantic', 'rich', 'yaml', 'msgspec', 'asyncio', 'importlib.metadata'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_explains_itself_with_an_example(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = invoke(capfd, name, "--help")
    assert code == 0
    assert "Example:" in out
    assert f"rivven-connect {name}" in out


def test_spec_prints_what_a_connector_is(folder: Path) -> None:
    found = run_cli("spec", "./counter", cwd=folder)
    assert found.returncode == 0
    assert json.loads(found.stdout)["version"] == "1.2.3"


def test_spec_prints_the_generated_file_without_importing_the_connector(folder: Path) -> None:
    package = folder / "counter" / "src" / "counter_kit"
    (package / "_generated").mkdir()
    text = '{"connector_type": "counter", "kind": "source", "config_schema": {"type": "object"}}\n'
    (package / "_generated" / "spec.json").write_text(text)
    (package / "__init__.py").write_text("raise SystemExit('imported')")
    assert run_cli("spec", "./counter", cwd=folder).stdout == text
    schema = run_cli("schema", "./counter", cwd=folder)
    assert json.loads(schema.stdout) == {"type": "object"}


def test_check_of_a_pipeline_file_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = invoke(capfd, "check", "no-such.yaml")
    assert code == 2
    assert err.startswith("no-such.yaml: RVN100 there is no such file")


def test_check_of_a_connector_and_of_a_pipeline(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text("total: 1\n")
    good = run_cli("check", "./counter", "--config", config, cwd=folder)
    assert (good.returncode, "✓" in good.stdout) == (0, True)
    config.write_text("fails: check\n")
    bad = run_cli("check", "./counter", "--config", config, "--json", cwd=folder)
    assert (bad.returncode, json.loads(bad.stdout)["message"]) == (3, "not today")
    pipeline = write_pipeline(folder, {"fails": "check"})
    whole = run_cli("check", pipeline, cwd=folder)
    assert whole.returncode == 3
    assert "sink out: ✓" in whole.stdout


def test_discover_lists_streams_and_prints_the_catalog(folder: Path) -> None:
    people = run_cli("discover", "./counter", cwd=folder)
    assert (people.returncode, people.stdout) == (0, "numbers  [full_refresh]\n")
    machine = run_cli("discover", "./counter", "--json", cwd=folder)
    assert json.loads(machine.stdout)["streams"][0]["name"] == "numbers"


def read_lines(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_read_prints_events_and_resumes_from_a_state(folder: Path) -> None:
    config, state = folder / "config.yaml", folder / "state.json"
    config.write_text("total: 10\npage: 5\n")
    state.write_text('{"numbers": {"next": 8}}')
    args = ("read", "./counter", "--config", config)
    found = read_lines(run_cli(*args, cwd=folder).stdout)
    assert [one["data"]["id"] for one in found] == list(range(10))
    assert found[-1]["state"] == {"next": 10}
    limited = read_lines(run_cli(*args, "--limit", "3", cwd=folder).stdout)
    assert [one["data"]["id"] for one in limited] == [0, 1, 2]
    resumed = read_lines(run_cli(*args, "--state", state, cwd=folder).stdout)
    assert [one["data"]["id"] for one in resumed] == [8, 9]
    assert run_cli(*args, "--stream", "numbers", cwd=folder).returncode == 0
    unknown = run_cli(*args, "--stream", "letters", cwd=folder)
    assert (unknown.returncode, "RVN720" in unknown.stderr) == (2, True)
    state.write_text('{"numbers": 3}')
    bad = run_cli(*args, "--state", state, cwd=folder)
    assert (bad.returncode, "RVN721" in bad.stderr) == (2, True)


def test_read_goes_quietly_when_nobody_reads(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text("total: 200000\npage: 1000\n")
    command = f"{sys.executable} -c 'from rivven_connect.cli import main; main()'"
    found = subprocess.run(
        ["bash", "-c", f"{command} read ./counter --config config.yaml | head -n 1"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout.count("\n") == 1
    assert found.stderr == ""


@pytest.mark.parametrize(
    ("redirection", "code"),
    [("| true", 128 + 13), (">/dev/full", 4), (">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0)],
)
@pytest.mark.parametrize("args", ["init", "run pipeline.yaml --json", "spec ./counter"])
def test_output_that_goes_nowhere_is_no_bug_of_ours(
    folder: Path, args: str, redirection: str, code: int
) -> None:
    write_pipeline(folder, {"total": 10})
    command = f"{sys.executable} -c 'from rivven_connect.cli import main; main()' {args}"
    found = subprocess.run(
        ["bash", "-c", f"set -o pipefail; ({command}) {redirection}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == code, found.stderr
    assert "internal error" not in found.stderr
    assert "Exception ignored" not in found.stderr


def test_config_errors_have_their_place(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text("total: 5\ntotall: 6\n")
    found = run_cli("read", "./counter", "--config", config, cwd=folder)
    assert found.returncode == 2
    assert f"{config}:2:1: RVN603" in found.stderr
    config.write_text("token: literal-secret\n")
    secret = run_cli("read", "./counter", "--config", config, cwd=folder)
    assert (secret.returncode, "RVN612" in secret.stderr) == (2, True)
    assert "literal-secret" not in secret.stderr
    allowed = run_cli("read", "./counter", "--config", config, "--allow-inline-secrets", cwd=folder)
    assert allowed.returncode == 0


def test_a_plugin_that_cannot_be_imported_is_an_input_error(folder: Path) -> None:
    (folder / "counter" / "src" / "counter_kit" / "__init__.py").write_text("import not_there")
    found = run_cli("read", "./counter", cwd=folder)
    assert found.returncode == 2
    assert "RVN704" in found.stderr
    assert "not_there" in found.stderr
    assert "Traceback" not in found.stderr


def test_bugs_of_connectors_exit_3(folder: Path) -> None:
    config = folder / "config.yaml"
    config.write_text("fails: bug\n")
    found = run_cli("read", "./counter", "--config", config, cwd=folder)
    assert found.returncode == 3
    assert "Traceback" not in found.stderr


def test_help_names_the_program_that_mounts_the_commands(capfd: pytest.CaptureFixture[str]) -> None:
    mounted = LazyGroup("other", COMMANDS, distribution="rivven-connect")
    loaded = {name: lazy.load() for name, lazy in COMMANDS.items()}
    inner = [
        (n, i) for n, one in loaded.items() if isinstance(one, click.Group) for i in one.commands
    ]
    assert ("dlq", "replay") in inner
    for names in [*((name,) for name in COMMANDS), *inner]:
        assert run_group(mounted, [*names, "--help"]) == 0
        shown = capfd.readouterr().out
        assert "rivven-connect" not in shown
        assert f"other {' '.join(names)}" in shown
        _, own, _ = invoke(capfd, *names, "--help")
        assert "other" not in own.split()


@pytest.mark.parametrize(
    "args",
    [("nonsense",), ("spec",), ("spec", "no-such-connector"), ("read", "--limit", "x", "y"), ()],
)
def test_usage_errors_exit_2(args: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = invoke(capfd, *args)
    assert code == 2
    assert "Traceback" not in err


def test_schema_pipeline_is_a_json_schema(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = invoke(capfd, "schema", "pipeline")
    schema = json.loads(out)
    assert code == 0
    assert set(schema["properties"]) == {"version", "sources", "sinks", "settings"}


def test_connectors_prints_json(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = invoke(capfd, "connectors", "--json")
    assert code == 0
    assert isinstance(json.loads(out), list)


def test_a_search_that_finds_nothing_says_how_to_see_all(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, _, err = invoke(capfd, "connectors", "--search", "no-such-thing")
    assert code == 0
    assert err == "no connector matches\n  fix: without options, all of them are listed\n"


def test_connectors_of_an_unknown_category_names_those_that_there_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, _, err = invoke(capfd, "connectors", "--category", "databse")
    assert code == 0
    assert "no connector matches" in err
    assert "categories are api, database" in err


def _group_with(function: Any) -> click.Group:
    group = click.Group("test")
    group.add_command(click.Command("go", callback=function))
    return group


def test_our_bugs_exit_1_with_a_short_message(capfd: pytest.CaptureFixture[str]) -> None:
    def bug() -> None:
        raise RuntimeError("holds-a-value")

    assert run_group(_group_with(bug), ["go"]) == 1
    err = capfd.readouterr().err
    assert "internal error: RuntimeError in test_cli_commands.py" in err
    assert "holds-a-value" not in err


def test_ctrl_c_exits_130(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert run_group(_group_with(interrupted), ["go"]) == 130


def test_the_example_of_init_runs_as_it_stands(tmp_path: Path) -> None:
    example = run_cli("init", cwd=tmp_path)
    (tmp_path / "pipeline.yaml").write_text(example.stdout)
    for expected in (1000, 0):
        found = run_cli("run", "pipeline.yaml", "--json", cwd=tmp_path)
        assert found.returncode == 0, found.stderr
        assert json.loads(found.stdout)["sinks"][0]["written"] == expected
    lines = (tmp_path / "orders.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1000
