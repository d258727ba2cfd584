"""`rivven new` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rivven_connect.cli.edge import run_group
from rivven_generator.cli import COMMANDS, GROUP


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rivven(*arguments: str) -> int:
    return run_group(GROUP, arguments)


def test_it_says_what_it_made_and_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert rivven("new", "source", "my-source", "--no-input") == 0
    output = capsys.readouterr().out
    assert "my-source/src/my_source/source.py" in output
    assert "rivven test my-source" in output
    assert Path("my-source/connector.yaml").is_file()


def test_the_directory_can_be_chosen() -> None:
    assert rivven("new", "sink", "demo", "--directory", "elsewhere", "--no-input") == 0
    assert Path("elsewhere/src/demo/sink.py").is_file()


def test_a_program_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert rivven("new", "transform", "demo", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["folder"] == str(Path("demo").resolve())
    assert "src/demo/transform.py" in result["files"]
    assert result["embedding"] == []


def test_an_embedded_connector_s_entry_point_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("pyproject.toml").write_text("")
    Path("shop").mkdir()
    assert rivven("new", "sink", "a", "--embedded", "shop/a_sink", "--tests", "tests/a") == 0
    assert 'a = "a_sink:ASink"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    ["Demo", "1demo", "de_mo", "../x", "/x", "a/b", ".", "..", "", "-x", "a--b", "a-", "a" * 65,
     "CON", "nul.txt", "%2e%2e", "d\u0435mo", "a b", "a\nb"],
)  # fmt: skip
def test_a_name_that_is_none_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert rivven("new", "source", "--no-input", "--", name) == 2
    assert "lower-case letters" in capsys.readouterr().err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("new", "database", "demo"),
        ("new", "source"),
        ("new", "source", "demo", "--embedded", "x"),
        ("new", "source", "demo", "--tests", "x"),
        ("new", "source", "demo", "--embedded", "x", "--tests", "y", "--directory", "z"),
        ("new", "source", "demo", "--manifest", "missing.yaml"),
        ("new", "source", "demo", "--directory", "missing/demo"),
    ],
)
def test_what_cannot_be_done_is_bad_input_without_a_traceback(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert rivven(*arguments) == 2
    error = capsys.readouterr().err
    assert error
    assert "Traceback" not in error
    assert "bug" not in error
    assert list(Path().iterdir()) == []


def test_a_taken_folder_is_named_and_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("demo").mkdir()
    Path("demo/mine").write_text("mine")
    assert rivven("new", "source", "demo", "--no-input") == 2
    assert "demo: RVN511 is not empty" in capsys.readouterr().err
    assert [path.name for path in Path("demo").iterdir()] == ["mine"]


def test_help_imports_no_command_and_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from rivven_generator.cli import GROUP\n"
        "GROUP.main(['--help'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'yaml', 'jinja2', 'copier', 'tomlkit', 'datamodel_code_generator',\n"
        "         'msgspec', 'rich', 'importlib.metadata', 'rivven_generator.manifest'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)


def test_scaffolding_touches_no_network_and_starts_no_version_control() -> None:
    script = (
        "import sys\n"
        "def watch(event, arguments):\n"
        "    if event.startswith('socket.connect') or event == 'socket.getaddrinfo':\n"
        "        raise SystemExit(f'{event} {arguments}')\n"
        "    if event == 'subprocess.Popen' and 'git' in str(arguments[0]):\n"
        "        raise SystemExit(f'{event} {arguments}')\n"
        "sys.addaudithook(watch)\n"
        "from rivven_generator.scaffold import Request, new_project\n"
        "new_project(Request(kind='source', name='demo', folder='demo'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
