"""The author's files of a new project, rendered by copier: template data in, {path: text} out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from importlib import resources
from typing import Any

from rivven_generator.manifest import Kind
from rivven_generator.plan import Layout

_PACKAGE = "package/"
_TESTS = "tests/"
_DOTTED = {"gitignore": ".gitignore", "github/workflows/ci.yml": ".github/workflows/ci.yml"}
COMPARED = ("pyproject.toml", "README.md", *_DOTTED.values())
"""Files that `new` writes and that `generate` may speak about."""


def render_starter(kind: Kind, view: Mapping[str, Any], name: str) -> str:
    """Return one file of the starter connector of a kind."""
    return _rendered(f"starter/{kind}", view, only=name)[name]


def render_project(
    view: Mapping[str, Any], layout: Layout, kind: Kind, *, starter: bool
) -> dict[str, str]:
    """Return every file that `new` writes once: path from the connector's folder -> text.

    An embedded connector gets no packaging of its own.
    """
    files = _rendered("project", view)
    if starter:
        working = _rendered(f"starter/{kind}", {**view, **_NO_MANIFEST})
        files[f"{_PACKAGE}connector.py"] = working["connector.py"]
        files[f"{_TESTS}test_connector.py"] = working["test_connector.py"]
    placed = {_place(path, layout, kind): text for path, text in files.items()}
    return {path: text for path, text in placed.items() if path}


_NO_MANIFEST = dict.fromkeys(("modeline", "package_line", "yaml_name", "description"), "")


def _place(path: str, layout: Layout, kind: Kind) -> str:
    """Return where a template's output goes; nowhere if the layout has no such file."""
    name = path.rpartition("/")[2].replace("connector", kind)
    if path.startswith(_PACKAGE):
        return name if layout.embedded else f"{layout.package_dir}/{name}"
    if path.startswith(_TESTS):
        return f"{layout.tests_dir}/{name}" if layout.embedded else f"tests/{name}"
    return "" if layout.embedded else _DOTTED.get(path, path)


def _rendered(template: str, view: Mapping[str, Any], *, only: str = "") -> dict[str, str]:
    """Return what copier makes of a template: no questions, tasks, network or version control."""
    from copier import Settings, run_copy  # noqa: PLC0415  # a quarter of a second, for `new` alone
    from plumbum import local  # noqa: PLC0415  # what copier starts processes with

    source = resources.files("rivven_templates").joinpath("data", *template.split("/"))
    with (
        resources.as_file(source) as folder,
        tempfile.TemporaryDirectory() as target,
        # copier asks git whether a template is a repository or a bundle; ours is neither, and what
        # it cannot find it does not ask.
        local.env(PATH=""),
    ):
        run_copy(
            str(folder),
            target,
            data=dict(view),
            settings=Settings(),  # nobody's own defaults
            exclude=["*", f"!{only}"] if only else (),
            defaults=True,
            overwrite=True,
            quiet=True,
            skip_tasks=True,
        )
        return _read_tree(target)


def _read_tree(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, encoding="utf-8", newline="") as file:
                found[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return found
