"""Projects of this folder, scaffolded, and what their generated tests say of a planted bug."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rivven_connect.testing.simulator import Simulator, simulating
from rivven_generator.scaffold import Request, new_project

HERE = Path(__file__).resolve().parent


@dataclasses.dataclass(frozen=True)
class Project:
    """A scaffolded project with the handwritten part of this folder in it."""

    folder: Path
    package: str
    module: str

    @property
    def handwritten(self) -> Path:
        """The handwritten part."""
        return self.folder / "src" / self.package / f"{self.module}.py"

    def text(self) -> str:
        """Return the handwritten part's text."""
        return self.handwritten.read_text(encoding="utf-8")

    def contract(self, text: str) -> Any:
        """Return the generated contract test, of the connector that `text` is."""
        good = self.text()
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]
        sys.path.insert(0, str(self.folder / "src"))
        cached, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            self.handwritten.write_text(text, encoding="utf-8")
            importlib.invalidate_caches()
            return _loaded(self.folder / "tests/generated/test_contract.py").TestContract()
        finally:
            self.handwritten.write_text(good, encoding="utf-8")
            sys.dont_write_bytecode = cached
            sys.path.remove(str(self.folder / "src"))

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `rivven test` in the project."""
        rivven = Path(sys.executable).with_name("rivven")
        return subprocess.run(
            [str(rivven), "test", ".", "--", *arguments],
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )


def scaffold(kind: Any, name: str, parent: Path) -> Project:
    """Return the project that `rivven new` makes of a manifest, with its hooks written."""
    own, folder, package = HERE / name, parent / name, name.replace("-", "_")
    manifest = str(own / "connector.yaml")
    new_project(Request(kind=kind, name=name, folder=str(folder), manifest=manifest))
    shutil.copy(own / f"{kind}.py", folder / "src" / package)
    shutil.copy(own / "conftest.py", folder / "tests")
    return Project(folder, package, kind)


def simulated_outcomes(
    contract: Any, prepare: Callable[[Simulator], object] = lambda _simulator: None
) -> dict[str, str]:
    """Run the simulated tests of a contract as pytest would; say what came of each."""
    found: dict[str, str] = {}
    for label, run in _cases(contract):
        with simulating() as simulator:
            prepare(simulator)
            try:
                run(simulator=simulator)
            except pytest.skip.Exception as reason:
                found[label] = f"skipped: {reason}"
            except pytest.xfail.Exception as reason:
                found[label] = f"xfailed: {reason}"
            except Exception as error:  # noqa: BLE001  # a red test, whatever it raised
                found[label] = f"failed: {type(error).__name__}: {error}"
            else:
                found[label] = "passed"
    return found


def failures(outcomes: Mapping[str, str]) -> dict[str, str]:
    """Return what is red."""
    return {name: text for name, text in outcomes.items() if text.startswith("failed")}


def _cases(contract: Any) -> Iterator[tuple[str, Callable[..., None]]]:
    for name in sorted(dir(contract)):
        method = getattr(contract, name)
        if not name.startswith("test_") or method is None:
            continue
        wanted = set(inspect.signature(method).parameters)
        if "simulator" not in wanted:
            continue
        extra = (wanted - {"simulator"}).pop() if len(wanted) > 1 else None
        if extra is None:
            yield "no fault", method
            continue
        for label, value in _parameters(contract, method):
            yield (
                label,
                lambda run=method, extra=extra, value=value, **rest: run(**{extra: value}, **rest),
            )


def _parameters(contract: Any, method: Any) -> list[tuple[str, Any]]:
    """Return what the contract's own `pytest_generate_tests` asks for."""
    found: list[tuple[str, Any]] = []

    class Metafunc:
        function = method

        def parametrize(self, _name: str, values: Any, ids: Any = None) -> None:
            found.extend(zip(ids or values, values, strict=True))

    contract.pytest_generate_tests(Metafunc())
    return found


def _loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("generated_contract", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
