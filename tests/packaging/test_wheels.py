"""What we ship works where the checkout is not, and holds what it should and no more."""

from __future__ import annotations

import email
import email.message
import json
import posixpath
import zipfile
from pathlib import Path

import pytest
import wheel_kit
from trove_classifiers import classifiers

pytestmark = [
    pytest.mark.xdist_group("wheels"),  # one worker builds and installs, once
]

HEAVY = {"copier", "jinja2", "datamodel-code-generator", "rivven-toolkit", "rivven-templates"}
NAMES = tuple(wheel_kit.DISTRIBUTIONS)


def files_of(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def metadata_of(wheel: Path) -> email.message.Message:
    (path,) = (name for name in files_of(wheel) if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return email.message_from_bytes(archive.read(path))


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_holds_its_package_and_nothing_else(name: str, wheels: dict[str, Path]) -> None:
    package = {"rivven_toolkit": "rivven_generator"}.get(name, name)
    files = files_of(wheels[name])
    assert f"{package}/py.typed" in files
    source = wheel_kit.DISTRIBUTIONS[name] / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in files if ".dist-info/" not in path} == expected
    if name != "rivven_templates":  # templates of tests are what it is for
        assert not {path for path in files if posixpath.basename(path).startswith("test_")}


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_says_what_it_is(name: str, wheels: dict[str, Path]) -> None:
    metadata = metadata_of(wheels[name])
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"]
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Classifier", [])) <= set(classifiers)
    assert not [line for line in metadata.get_all("Requires-Dist", []) if "@" in line]
    assert metadata.get_all("Project-URL", []) == []
    (path,) = (p for p in files_of(wheels[name]) if p.endswith(".dist-info/licenses/LICENSE"))
    with zipfile.ZipFile(wheels[name]) as archive:
        assert archive.read(path) == (wheel_kit.ROOT / "LICENSE").read_bytes()


def test_dotfile_templates_are_stored_without_the_dot(wheels: dict[str, Path]) -> None:
    files = files_of(wheels["rivven_templates"])
    assert "rivven_templates/data/project/gitignore" in files
    assert "rivven_templates/data/project/github/workflows/ci.yml" in files
    assert not [path for path in files if any(part[:1] == "." for part in path.split("/"))]


def test_built_ins_ship_with_what_describes_them(wheels: dict[str, Path]) -> None:
    files = files_of(wheels["rivven_connect"])
    points = wheel_kit.entry_points(wheel_kit.DISTRIBUTIONS["rivven_connect"])
    targets = [target for group in ("sources", "sinks", "transforms")
               for target in points[f"rivven.{group}"].values()]  # fmt: skip
    assert targets
    for target in targets:
        folder = target.partition(":")[0].replace(".", "/")
        assert {
            f"{folder}/{name}" for name in ("connector.yaml", "rivven.lock", "_generated/spec.json")
        } <= files


def test_an_author_can_work_from_the_wheels(toolkit: wheel_kit.Environment, tmp_path: Path) -> None:
    toolkit.run("rivven", "new", "source", "demo", "--no-input", cwd=tmp_path)
    project = tmp_path / "demo"
    assert (project / ".gitignore").is_file()
    assert "in step" in toolkit.run("rivven", "generate", "--check", cwd=project)
    assert "in step" in toolkit.run("rivven", "generate", "--check", "--full", cwd=project)
    assert " passed" in toolkit.run("rivven", "test", cwd=project)
    manifest = project / "connector.yaml"
    manifest.write_text(manifest.read_text().replace("maximum: 1000\n", "maximum: 999\n"))
    toolkit.run("rivven", "generate", "--check", cwd=project, exit_code=7)
    assert "wrote src/demo/_generated/config.py" in toolkit.run("rivven", "generate", cwd=project)
    assert "in step" in toolkit.run("rivven", "generate", "--check", cwd=project)
    assert " passed" in toolkit.run("rivven", "test", cwd=project)


def test_the_runtime_alone_runs_a_generated_connector(
    toolkit: wheel_kit.Environment, runtime: wheel_kit.Environment, tmp_path: Path
) -> None:
    toolkit.run("rivven", "new", "source", "demo", "--no-input", cwd=tmp_path)
    assert not HEAVY & runtime.distributions()
    spec = json.loads(runtime.run("rivven-connect", "spec", "./demo", cwd=tmp_path))
    assert (spec["connector_type"], spec["kind"]) == ("demo", "source")
    assert "passed" in runtime.run("rivven-connect", "check", "./demo", cwd=tmp_path)
    lines = runtime.run("rivven-connect", "read", "./demo", cwd=tmp_path).splitlines()
    records = [event["data"] for event in map(json.loads, lines) if event["event_type"] == "record"]
    assert [record["id"] for record in records] == list(range(25))
    listed = json.loads(runtime.run("rivven-connect", "connectors", "--json", cwd=tmp_path))
    points = wheel_kit.entry_points(wheel_kit.DISTRIBUTIONS["rivven_connect"])
    declared = {
        (group.removeprefix("rivven.").removesuffix("s"), name)
        for group, names in points.items()
        if group.startswith("rivven.")
        for name in names
    }
    assert {(one["kind"], one["name"]) for one in listed if not one["problem"]} == declared
