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
        module = imported(self.folder, f"{manifest.package}._generated.config")
        found: type[ConfigModel] = getattr(module, manifest.class_names.config)
        return found

    def package(self, path: Path) -> Any:
        """Return the generated package of a manifest."""
        return imported(self.folder, loaded(path).manifest.package)


@functools.cache
def imported(folder: Path, name: str) -> Any:
    """Return a module of a tree; another package of that name in this process stays as it is."""
    top = name.partition(".")[0]
    before = _modules_of(top)
    for module in before:
        del sys.modules[module]
    sys.path.insert(0, str(folder / "src"))
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder / "src"))
        for module in _modules_of(top):
            del sys.modules[module]
        sys.modules.update(before)


def _modules_of(top: str) -> dict[str, Any]:
    return {n: m for n, m in sys.modules.items() if n.partition(".")[0] == top}


@functools.cache
def shared_tree() -> Tree:
    """Return the tree of this process."""
    folder = tempfile.TemporaryDirectory(prefix="corpus")
    atexit.register(folder.cleanup)
    return Tree(Path(folder.name))


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
