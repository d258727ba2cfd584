"""`rivven test`: the project's tests, and what is not written yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from rivven_connect.cli.edge import run_group
from rivven_generator.cli import GROUP
from rivven_generator.scaffold import Request, new_project
from rivven_generator.unwritten import unwritten_hooks

MANIFEST = """\
manifest: "1"
kind: source
name: demo
config: {type: object}
streams:
  - name: orders
    schema: {type: object}
  - name: customers
    schema: {type: object}
checks:
  - name: reachable
"""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def rivven(*arguments: str) -> int:
    return run_group(GROUP, arguments)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose hooks are all stubs."""
    given = tmp_path / "given.yaml"
    given.write_text(MANIFEST)
    folder = tmp_path / "demo"
    new_project(Request(kind="source", name="demo", folder=str(folder), manifest=str(given)))
    return folder


def test_unwritten_hooks_are_listed_and_are_no_failure(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert rivven("test", str(project), "--", "-q") == 0
    output = capfd.readouterr().out
    listed = [line for line in output.splitlines() if line.startswith("not written yet: ")]
    hooks = ("check_reachable", "read_orders", "read_customers")
    assert listed == [f"not written yet: {hook}" for hook in hooks]
    assert "xfailed" in output


def test_a_failing_test_is_exit_code_nine(project: Path) -> None:
    (project / "tests/test_source.py").write_text("def test_it() -> None:\n    assert False\n")
    assert rivven("test", str(project), "--", "-q", "tests/test_source.py") == 9


def test_what_follows_the_dashes_goes_to_pytest(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert rivven("test", "--", "-q", "-k", "spec_says") == 0
    assert "1 passed" in capfd.readouterr().out
    assert rivven("test", "--", "--no-such-option") == 2


def test_no_tests_at_all_is_no_success(project: Path) -> None:
    assert rivven("test", str(project), "--", "-q", "-k", "nothing_is_named_so") == 9


def test_a_folder_that_is_no_project_is_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rivven("test", str(tmp_path)) == 2
    assert "RVN500 has no connector.yaml" in capsys.readouterr().err


def test_without_pytest_the_install_line_is_shown(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    assert rivven("test", str(project)) == 2
    assert 'pip install "rivven-toolkit[dev]"' in capsys.readouterr().err


def hooks_after(project: Path, author: str) -> list[str]:
    (project / "src/demo/source.py").write_text(f"class Demo(DemoBase):\n{author}")
    return unwritten_hooks(str(project / "src/demo"), "source")


def test_a_hook_counts_as_written_when_it_does_more_than_raise(project: Path) -> None:
    written = "    def read_orders(self, config, cursor):\n        yield {}\n"
    assert hooks_after(project, written) == ["check_reachable", "read_customers"]
    stub = '    def read_orders(self, c, d):\n        """Doc."""\n        raise HookMissing("x")\n'
    assert "read_orders" in hooks_after(project, stub)


def test_a_method_under_another_name_is_written(project: Path) -> None:
    assert hooks_after(project, "    read = Source.read\n") == ["check_reachable"]


def test_a_source_with_its_own_read_needs_no_stream_hooks(project: Path) -> None:
    assert hooks_after(project, "    def read(self): ...\n") == ["check_reachable"]


def test_nothing_is_said_about_a_class_that_cannot_be_found(project: Path) -> None:
    assert hooks_after(project, "(") == []
    (project / "src/demo/source.py").write_text("from elsewhere import Demo\n")
    assert unwritten_hooks(str(project / "src/demo"), "source") == []
