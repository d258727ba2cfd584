"""`rivven new`: a whole connector at once, green before its author has changed a line."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping

import msgspec

from rivven_connect.documents import Problem
from rivven_generator import naming
from rivven_generator.disk import Disk
from rivven_generator.generate import input_digests, package_mismatch
from rivven_generator.journal import digest
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.lockfile import (
    LOCK_FILE,
    MANIFEST_FILE,
    Lock,
    LockedFile,
    Owner,
    tool_digest,
    tool_versions,
)
from rivven_generator.manifest import Kind
from rivven_generator.new_folder import create_package, create_project, not_empty
from rivven_generator.ownership import check_paths
from rivven_generator.plan import Layout, embedded_layout, plan_generated, standalone_layout
from rivven_generator.project import ancestors, lies_in, relative, repository_of
from rivven_generator.project_errors import project_error
from rivven_generator.project_files import COMPARED, render_project, render_starter
from rivven_generator.project_view import DESCRIPTIONS, manifest_view, project_view
from rivven_generator.pyproject import expected_lines
from rivven_generator.validator_stubs import declared_validators, validators_module
from rivven_generator.write import verify_texts

_PACKAGE = re.compile(naming.PACKAGE_NAME)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made; without `manifest`, a starter that works in memory.

    `folder` is the project's, or, with `tests`, the package folder of an embedded connector.
    """

    kind: Kind
    name: str
    folder: str
    manifest: str | None = None
    tests: str | None = None
    description: str = ""


class Scaffolded(msgspec.Struct, frozen=True):
    """What was made; `embedding` are the lines that its distribution's `pyproject.toml` needs."""

    folder: str
    files: list[str]
    embedding: list[str]
    warnings: list[Problem]


def new_project(request: Request, disk_type: type[Disk] = Disk) -> Scaffolded:
    """Create the connector's folder, or nothing.

    Raises:
        InputError: the manifest is wrong, the folder is taken, or the disk refused.
        ProjectBusy: another rivven is creating the same connector.
    """
    folder = os.path.realpath(request.folder)
    # Before any work: a taken folder is the usual mistake. It is looked at again when writing.
    if os.path.isdir(folder) and _holds_files(folder):
        raise not_empty(request.folder)
    if request.tests is None:
        loaded = _loaded(request, package="")
        layout = standalone_layout(loaded.manifest)
        files = project_texts(loaded, layout, starter=request.manifest is None)
        create_project(folder, files, disk_type)
        return Scaffolded(folder, sorted(files), [], list(loaded.warnings))
    loaded = _loaded(request, package=package_of(folder))
    root = _common_root(folder, request.tests)
    layout = embedded_layout(relative(os.path.realpath(request.tests), folder))
    files = project_texts(loaded, layout, starter=request.manifest is None)
    create_package(root, relative(folder, root), files, disk_type)
    return Scaffolded(folder, sorted(files), _embedding(loaded), list(loaded.warnings))


def project_texts(
    loaded: LoadedManifest, layout: Layout, *, starter: bool = False
) -> dict[str, str]:
    """Return every file of a new project, its lock included: path -> text; pure but for copier."""
    generated = plan_generated(loaded, layout)
    once = {MANIFEST_FILE: loaded.document.text} | _record_schemas(loaded)
    once |= render_project(project_view(loaded), layout, loaded.manifest.kind, starter=starter)
    stubs = declared_validators(loaded.manifest)
    if stubs:
        prefix = "" if layout.embedded else f"{layout.package_dir}/"
        once[f"{prefix}validators.py"] = validators_module(stubs)
    texts = {**once, **generated}
    check_paths(texts)
    verify_texts(texts)
    inputs = input_digests(loaded)
    lock = Lock(
        embedded=layout.embedded,
        tests_dir=layout.tests_dir,
        digest=tool_digest(),
        tools=tool_versions(),
        inputs=inputs,
        files={
            path: LockedFile(_owner(path, generated), digest(text.encode()))
            for path, text in texts.items()
            if path not in inputs
        },
    )
    return {**texts, LOCK_FILE: lock.dump()}


def package_of(folder: str) -> str:
    """Return the dotted package that a folder is by its position below `src` or a plain folder.

    Raises:
        InputError: a folder's name is no package name.
    """
    parts = [os.path.basename(folder)]
    above = os.path.dirname(folder)
    while os.path.isfile(os.path.join(above, "__init__.py")):
        parts.insert(0, os.path.basename(above))
        above = os.path.dirname(above)
    package = ".".join(parts)
    if not _PACKAGE.fullmatch(package):
        raise project_error(
            "RVN516",
            f"{package!r} is no package name",
            "use lower-case letters, digits and `_`",
            path=folder,
        )
    return package


def _holds_files(folder: str) -> bool:
    with Disk(folder) as disk:
        return bool(set(disk.entries("")) - {".rivven"})


def _loaded(request: Request, *, package: str) -> LoadedManifest:
    """Return the given manifest, or the starter's; with `package`, it says that it lives there."""
    if request.manifest is None:
        view = manifest_view(
            request.kind,
            request.name,
            package,
            request.description or DESCRIPTIONS[request.kind],
            embedded=request.tests is not None,
        )
        return _loaded_text(render_starter(request.kind, view, MANIFEST_FILE), {})
    loaded = load_manifest(request.manifest)
    manifest = loaded.manifest
    if (manifest.kind, manifest.name) != (request.kind, request.name):
        raise project_error(
            "RVN513",
            f"describes the {manifest.kind} {manifest.name!r}, not the {request.kind} {request.name!r}",
            f"run `rivven new {manifest.kind} {manifest.name}`",
            path=request.manifest,
        )
    if package and not loaded.document.value.get("package"):
        return _loaded_text(_with_package(loaded, package), _record_schemas(loaded))
    if package and not lies_in(manifest.package, os.path.realpath(request.folder)):
        raise package_mismatch(manifest.package, request.manifest)
    return loaded


def _loaded_text(text: str, schemas: Mapping[str, str]) -> LoadedManifest:
    """Load a manifest that is not on disk yet; nothing of its temporary place is kept."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in {**schemas, MANIFEST_FILE: text}.items():
            place = os.path.join(folder, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8", newline="") as file:
                file.write(content)
        return load_manifest(os.path.join(folder, MANIFEST_FILE))


def _with_package(loaded: LoadedManifest, package: str) -> str:
    """Return the manifest's text with `package`: a line above its name's, or first within braces."""
    lines = loaded.document.text.split("\n")
    line, column = loaded.document.position()
    if lines[line - 1][column - 1 : column] == "{":
        opening = lines[line - 1]
        lines[line - 1] = f'{opening[:column]}"package": "{package}", {opening[column:]}'
        return "\n".join(lines)
    line, _ = loaded.document.position(("name",), key=True)
    return "\n".join([*lines[: line - 1], f"package: {package}", *lines[line - 1 :]])


def _record_schemas(loaded: LoadedManifest) -> dict[str, str]:
    paths = [path for path in input_digests(loaded) if path != MANIFEST_FILE]
    by_path = {
        stream["schema"]: loaded.record_schemas[stream["name"]].text
        for stream in loaded.document.value.get("streams") or []
        if stream.get("schema") in paths
    }
    return {path: by_path[path] for path in paths}


def _common_root(folder: str, tests: str) -> str:
    """Return the repository that holds both the package and its tests."""
    root = repository_of(folder)
    if root not in ancestors(os.path.realpath(tests)):
        raise project_error(
            "RVN505",
            f"the tests folder lies outside of {root}",
            "keep the tests of an embedded connector in the repository of its package",
            path=tests,
        )
    return root


def _owner(path: str, generated: Mapping[str, str]) -> Owner:
    if path in generated:
        return "generated"
    return "compared" if path in COMPARED else "once"


def _embedding(loaded: LoadedManifest) -> list[str]:
    expected = expected_lines(loaded.manifest)
    lines = [
        f'[project.entry-points."{expected.group}"]',
        f'{expected.name} = "{expected.target}"',
    ]
    wanted = loaded.manifest.dependencies
    return [*lines, *(f'dependency: "{text}"' for text in wanted)]
