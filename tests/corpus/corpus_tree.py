"""The corpus: manifests of our own, after the shapes found in the wild, and what they generate."""

from __future__ import annotations

import atexit
import dataclasses
import functools
import importlib
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from rivven_connect.config import ConfigModel
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.plan import Layout, plan_generated
from rivven_generator.project_view import project_view
from rivven_generator.render import render
from rivven_generator.validator_stubs import declared_validators, validators_module

HERE = Path(__file__).resolve().parent
REFUSED = HERE / "refused"
_MARK = re.compile(r"^# refused: (.+)$", re.MULTILINE)
_PLACE = re.compile(r"(RVN\d+) at (\d+):(\d+)")

PATHS = tuple(sorted(path for path in HERE.rglob("*.yaml") if path.parent != REFUSED))
"""Every manifest that is accepted."""
REFUSED_PATHS = tuple(sorted(REFUSED.glob("*.yaml")))
"""Every manifest that is refused; each says in a comment with which code, and where."""

Place = tuple[str, int, int]


def name_of(path: Path) -> str:
    """Return how a manifest is called in test reports: folder and file."""
    return f"{path.parent.name}/{path.stem}"


def expected_refusals(path: Path) -> set[Place]:
    """Return code, line and column of each problem that a refused manifest says it has."""
    [mark] = _MARK.findall(path.read_text(encoding="utf-8"))
    return {(code, int(line), int(column)) for code, line, column in _PLACE.findall(mark)}


@functools.cache
def loaded(path: Path) -> LoadedManifest:
    """Return an accepted manifest."""
    return load_manifest(path)


@dataclasses.dataclass(frozen=True)
class Tree:
    """Every generated package under `src`, every generated test under `tests`, made once."""

    folder: Path

    def __post_init__(self) -> None:
        for path in PATHS:
            for name, text in project_texts(loaded(path)).items():
                file = self.folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def config_class(self, path: Path) -> type[ConfigModel]:
        """Return the generated config class of a manifest."""
        manifest = loaded(path).manifest
        module: Any = importlib.import_module(f"{manifest.package}._generated.config")
        found: type[ConfigModel] = getattr(module, manifest.class_names.config)
        return found


@functools.cache
def shared_tree() -> Tree:
    """Return the tree of this process, whose packages can be imported."""
    folder = tempfile.TemporaryDirectory(prefix="corpus")
    atexit.register(folder.cleanup)
    made = Tree(Path(folder.name))
    sys.path.append(str(made.folder / "src"))
    return made


def project_texts(found: LoadedManifest) -> dict[str, str]:
    """Return the generated Python and JSON of a connector, and the author's modules with their stubs."""
    manifest = found.manifest
    package = manifest.package.replace(".", "/")
    layout = Layout(f"src/{package}", f"tests/{package}", embedded=False)
    files = {
        path: text
        for path, text in plan_generated(found, layout).items()
        if path.startswith(("src/", "tests/"))
    }
    view = project_view(found)
    files[f"src/{package}/__init__.py"] = render("project/package/__init__.py.jinja", **view)
    files[f"src/{package}/{manifest.kind}.py"] = render(
        "project/package/connector.py.jinja", **view
    )
    if stubs := declared_validators(manifest):
        files[f"src/{package}/validators.py"] = validators_module(stubs)
    return files
