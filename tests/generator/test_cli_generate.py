"""`rivven generate` as a person types it, on real projects."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rivven_connect import ExitCode, InputError
from rivven_connect.cli.edge import run_group
from rivven_generator import generate as generating
from rivven_generator.cli import GROUP
from rivven_generator.disk import Disk
from rivven_generator.generate import check_project, generate_project
from rivven_generator.scaffold import Request, new_project

ORDERS = {
    "manifest": "1",
    "kind": "source",
    "name": "orders",
    "version": "1.0.0",
    "dependencies": ["attrs>=23.1"],
    "config": {
        "type": "object",
        "required": ["region"],
        "properties": {
            "region": {"type": "string", "validator": "known_region"},
            "page_size": {"type": "integer", "minimum": 1, "maximum": 100, "default": 10},
        },
    },
    "streams": [
        {"name": "orders", "primary_key": ["id"], "schema": "schemas/order.json"},
        {"name": "customers", "schema": {"type": "object", "properties": {}}},
    ],
    "checks": [{"name": "reachable"}],
    "tests": {"valid": {"one": {"region": "eu"}}},
}
ORDER = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project; each test gets a copy."""
    folder = tmp_path_factory.mktemp("pristine")
    (folder / "schemas").mkdir()
    (folder / "schemas/order.json").write_text(json.dumps(ORDER))
    (folder / "connector.yaml").write_text(yaml.safe_dump(ORDERS, sort_keys=False))
    manifest = str(folder / "connector.yaml")
    new_project(
        Request(kind="source", name="orders", folder=str(folder / "orders"), manifest=manifest)
    )
    return folder / "orders"


@pytest.fixture
def project(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "orders"
    shutil.copytree(pristine, folder)
    monkeypatch.chdir(folder)
    return folder


def rivven(*arguments: str) -> int:
    return run_group(GROUP, arguments)


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def manifest_of(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / "connector.yaml").read_text())
    return found


def save(project: Path, manifest: dict[str, Any]) -> None:
    # JSON is YAML, without the aliases that a YAML writer makes of shared values.
    (project / "connector.yaml").write_text(json.dumps(manifest, ensure_ascii=False, indent=2))


def grow(project: Path) -> None:
    """Add a stream, a check, a validator and a dependency."""
    manifest = manifest_of(project)
    manifest["streams"].append({"name": "refunds", "schema": {"type": "object"}})
    manifest["checks"].append({"name": "quota"})
    manifest["config"]["properties"]["label"] = {"type": "string", "validator": "short"}
    manifest["dependencies"] = ["attrs>=24", "idna>=3"]
    save(project, manifest)


def test_a_new_project_is_in_step(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(project)
    for arguments in (("--check",), ("--check", "--full"), ("--diff",), ()):
        assert rivven("generate", *arguments) == 0
    assert capsys.readouterr().out.splitlines() == [
        "in step", "in step", "nothing to change", "nothing to change",
    ]  # fmt: skip
    assert tree(project) == before


def test_an_unchanged_project_is_checked_without_loading_the_generator(project: Path) -> None:
    script = (
        "import sys\n"
        "from rivven_generator.cli import GROUP\n"
        "GROUP.main(['generate', '--check'], standalone_mode=False)\n"
        "heavy = {'pydantic', 'yaml', 'jinja2', 'copier', 'tomlkit', 'datamodel_code_generator',\n"
        "         'msgspec', 'rich', 'importlib.metadata', 'rivven_generator.manifest'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert done.stdout == "in step\n[]\n"


def test_a_changed_manifest_is_drift_until_it_is_generated(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = manifest_of(project)
    manifest["config"]["properties"]["page_size"]["maximum"] = 50
    save(project, manifest)
    before = tree(project)
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert "src/orders/_generated/config.py: RVN503 is out of date" in capsys.readouterr().err
    assert rivven("generate", "--diff") == 0
    assert "\n+++ generated: src/orders/_generated/config.py" in capsys.readouterr().out
    assert tree(project) == before
    assert rivven("generate") == 0
    assert "wrote src/orders/_generated/config.py" in capsys.readouterr().out
    assert rivven("generate", "--check") == 0


def test_a_changed_record_schema_is_drift_too(project: Path) -> None:
    schema = {**ORDER, "properties": {"id": {"type": "integer"}, "total": {"type": "number"}}}
    (project / "schemas/order.json").write_text(json.dumps(schema))
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert rivven("generate") == 0
    assert b"total" in tree(project)["src/orders/_generated/records.py"]


def test_line_endings_and_a_bom_in_the_manifest_change_nothing(project: Path) -> None:
    before = tree(project)
    content = before["connector.yaml"]
    (project / "connector.yaml").write_bytes(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n"))
    assert rivven("generate", "--check") == 0
    assert rivven("generate") == 0
    assert {**tree(project), "connector.yaml": content} == before


def test_a_manifest_that_grows_names_the_methods_to_write(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grow(project)
    before = tree(project)
    assert rivven("generate") == 0
    output = capsys.readouterr().out
    assert "not written yet: check_quota (add it to src/orders/source.py, class Orders)" in output
    assert "    def read_refunds(self, config: OrdersConfig" in output
    assert "from orders._generated import OrdersConfig, RefundsRecord" in output
    assert "not written yet: short (add it to src/orders/validators.py)" in output
    for path in ("src/orders/source.py", "src/orders/validators.py", "pyproject.toml"):
        assert tree(project)[path] == before[path]


def test_lines_of_pyproject_that_differ_are_named_and_edited_on_request(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(f"# mine\n{text}\n[tool.mine]\nkept = true  # so\n")
    grow(project)
    assert rivven("generate") == 0
    output = capsys.readouterr().out
    assert '[project] dependencies: change to "attrs>=24"' in output
    assert '[project] dependencies: add "idna>=3"' in output
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert "RVN512" in capsys.readouterr().err
    assert rivven("generate", "--sync-project") == 0
    synced = (project / "pyproject.toml").read_text()
    assert synced.startswith("# mine\n")
    assert synced.endswith("[tool.mine]\nkept = true  # so\n")
    expected = ["rivven-connect>=0.1,<0.2", "attrs>=24", "idna>=3"]
    assert tomllib.loads(synced)["project"]["dependencies"] == expected
    assert rivven("generate", "--check") == 0
    assert rivven("generate", "--check", "--full") == 0


def test_an_entry_point_that_is_gone_is_named_and_put_back(project: Path) -> None:
    path = project / "pyproject.toml"
    whole = path.read_text()
    path.write_text(whole.replace('orders = "orders:Orders"', 'other = "other:Other"'))
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert rivven("generate", "--sync-project") == 0
    points = tomllib.loads(path.read_text())["project"]["entry-points"]["rivven.sources"]
    assert points == {"other": "other:Other", "orders": "orders:Orders"}


def test_what_the_author_adds_to_pyproject_is_no_drift(project: Path) -> None:
    path = project / "pyproject.toml"
    path.write_text(path.read_text().replace('"attrs>=23.1",', '"attrs>=23.1", "yarl",'))
    assert rivven("generate", "--check") == 0


@pytest.mark.parametrize("text", ["[project", "x = 1\n", 'project = "x"\n'])
def test_a_broken_pyproject_is_bad_input(
    project: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "pyproject.toml").write_text(text)
    before = tree(project)
    assert rivven("generate", "--sync-project") == ExitCode.BAD_INPUT
    assert "RVN515" in capsys.readouterr().err
    assert tree(project) == before


def test_a_hand_edit_is_shown_refused_and_kept_by_force(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = project / "src/orders/_generated/base.py"
    base.write_text(base.read_text() + "# mine\n")
    before = tree(project)
    assert rivven("generate") == ExitCode.DRIFT
    shown = capsys.readouterr()
    assert "\n+# mine\n" in shown.out
    assert "RVN501 was edited by hand" in shown.err
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert tree(project) == before
    assert rivven("generate", "--force") == 0
    backup = ".rivven/backup/src/orders/_generated/base.py.rivven-backup"
    assert tree(project)[backup].endswith(b"# mine\n")
    assert rivven("generate", "--check") == 0


def test_a_program_reads_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rivven("generate", "--check", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"in_step": True}
    grow(project)
    assert rivven("generate", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in result["not_written_yet"]] == [
        "check_quota", "read_refunds", "short",
    ]  # fmt: skip
    assert "src/orders/_generated/base.py" in result["written"]
    assert rivven("generate", "--check", "--json") == ExitCode.DRIFT
    error = json.loads(capsys.readouterr().err)["error"]
    assert {problem["code"] for problem in error["problems"]} == {"RVN512"}


def test_the_first_validator_brings_its_module_and_a_deleted_one_stays_deleted(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    new_project(Request(kind="sink", name="demo", folder=str(folder)))
    manifest = manifest_of(folder)
    manifest["config"]["properties"]["table"]["validator"] = "quoted"
    save(folder, manifest)
    module = folder / "src/demo/validators.py"
    assert generate_project(str(folder)).files.written[-1] != str(module)
    assert "def quoted(value: str) -> None:" in module.read_text()
    module.unlink()
    generate_project(str(folder))
    assert not module.exists()


def test_a_project_of_a_later_rivven_is_left_alone(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = json.loads((project / "rivven.lock").read_text())
    lock["tools"]["rivven-toolkit"] = "99.0"
    lock["digest"] = ""
    (project / "rivven.lock").write_text(json.dumps(lock))
    before = tree(project)
    for arguments in ((), ("--check",), ("--force",), ("--diff",)):
        assert rivven("generate", *arguments) == ExitCode.DRIFT
        assert "RVN509" in capsys.readouterr().err
    assert tree(project) == before


def test_another_tool_with_the_same_output_is_no_drift(project: Path) -> None:
    lock = json.loads((project / "rivven.lock").read_text())
    lock["tools"]["rivven-toolkit"] = "0.0.1"
    lock["digest"] = "another"
    (project / "rivven.lock").write_text(json.dumps(lock))
    assert rivven("generate", "--check") == 0
    assert rivven("generate") == 0
    assert json.loads((project / "rivven.lock").read_text())["digest"] != "another"


def test_a_lost_lock_is_made_again_for_files_that_are_right(project: Path) -> None:
    (project / "rivven.lock").unlink()
    assert rivven("generate") == 0
    assert rivven("generate", "--check") == 0


def test_an_interrupted_run_is_reported_by_check_and_finished_by_generate(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Killed(BaseException):
        pass

    class Dying(Disk):
        left = 4

        def _do_replace(self, *arguments: Any) -> None:
            Dying.left -= 1
            if Dying.left < 0:
                raise Killed
            super()._do_replace(*arguments)

    grow(project)
    monkeypatch.setattr(generating, "find_missing", lambda *_: [])
    with pytest.raises(Killed):
        generate_project(".", disk_type=Dying)
    assert rivven("generate", "--check") == ExitCode.DRIFT
    assert "RVN510" in capsys.readouterr().err
    assert rivven("generate", "--sync-project") == 0
    assert rivven("generate", "--check") == 0
    assert not (project / ".rivven/journal").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--full",), ("--check", "--force"), ("--diff", "--force"), ("--check", "--sync-project"),
     ("missing",), ("connector.yaml",), ("src",)],
)  # fmt: skip
def test_what_makes_no_sense_is_bad_input(project: Path, arguments: tuple[str, ...]) -> None:
    before = tree(project)
    assert rivven("generate", *arguments) == ExitCode.BAD_INPUT
    assert tree(project) == before


def test_a_manifest_that_is_no_file_neither_hangs_nor_breaks(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import os

    (project / "connector.yaml").unlink()
    os.mkfifo(project / "connector.yaml")
    before = (project / "rivven.lock").read_bytes()
    for arguments in ((), ("--check",)):
        assert rivven("generate", *arguments) == ExitCode.BAD_INPUT
        assert "RVN101" in capsys.readouterr().err
    assert (project / "rivven.lock").read_bytes() == before


FIELDS = st.sampled_from(["alpha", "beta", "class", "a-b", "from", "schema", "\u00e9t\u00e9"])
SCHEMAS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "minLength": 1, "maxLength": 9, "description": 'a """quoted""" text'},
        {"type": "integer", "minimum": 0},
        {"type": "boolean", "default": True},
        {"type": "array", "items": {"type": "number"}},
        {"type": "object", "properties": {"deep": {"type": "string", "secret": True}}},
        {"type": "string", "validator": "checked"},
    ]
)
STREAMS = st.sampled_from(["orders", "customers", "refunds", "line_items", "Events"])
CHECKS = st.sampled_from(["reachable", "quota", "access"])
LETTERS = st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=["Cc", "Cf"])
TEXTS = st.text(LETTERS, max_size=20)
EDITS = st.fixed_dictionaries(
    {
        "fields": st.dictionaries(FIELDS, SCHEMAS, max_size=3),
        "streams": st.lists(STREAMS, unique=True, max_size=3),
        "checks": st.lists(CHECKS, unique=True, max_size=2),
        "version": st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1"]),
        "description": TEXTS,
        "dependencies": st.sampled_from([[], ["attrs>=23.1"], ["attrs>=24", "idna"]]),
    }
)


@pytest.fixture(scope="module")
def edited(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One project that all the random edits go through, one after the other."""
    folder = tmp_path_factory.mktemp("edited") / "orders"
    shutil.copytree(pristine, folder)
    return folder


@settings(
    max_examples=200,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(edit=EDITS)
def test_no_edit_of_the_manifest_touches_what_the_author_wrote(
    edited: Path, edit: dict[str, Any]
) -> None:
    manifest = json.loads(json.dumps(ORDERS))
    manifest["config"]["properties"] |= edit["fields"]
    manifest["version"] = edit["version"]
    manifest["dependencies"] = edit["dependencies"]
    if edit["description"].strip():
        manifest["description"] = edit["description"]
    manifest["streams"] = [{"name": name, "schema": {"type": "object"}} for name in edit["streams"]]
    manifest["checks"] = [{"name": name} for name in edit["checks"]]
    save(edited, manifest)
    before = tree(edited)
    lock = json.loads(before["rivven.lock"])["files"]
    mine = [path for path, file in lock.items() if file["owner"] != "generated"]
    try:
        generate_project(str(edited))
    except InputError as error:
        assert error.exit_code == ExitCode.BAD_INPUT  # noqa: PT017  # refused, and nothing written
        assert tree(edited) == before
        return
    after = tree(edited)
    assert {path: after[path] for path in mine} == {path: before[path] for path in mine}
    generated = json.loads(after["rivven.lock"])["files"]
    assert set(after) == {*generated, "rivven.lock", "connector.yaml", "schemas/order.json"}
    try:
        check_project(str(edited))
    except InputError as error:
        assert {problem.code for problem in error.problems} <= {"RVN512"}  # noqa: PT017


def test_a_renamed_package_says_what_to_move(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = project / "connector.yaml"
    text = manifest.read_text()
    name = next(line for line in text.splitlines() if line.startswith("name: "))
    manifest.write_text(text.replace(name, "name: renamed-thing"))
    capsys.readouterr()
    assert rivven("generate", str(project)) == ExitCode.OK
    said = capsys.readouterr().out
    assert "the package has another name now" in said
    assert "src/renamed_thing/source.py" in said
