"""What an author has still to write after the manifest has grown; read from their files, never run."""

from __future__ import annotations

import posixpath

import msgspec

from rivven_generator.disk import Disk
from rivven_generator.hook_imports import hook_imports
from rivven_generator.hooks import missing_hooks
from rivven_generator.load import LoadedManifest
from rivven_generator.lockfile import Lock
from rivven_generator.plan import Layout
from rivven_generator.validator_stubs import declared_validators, missing_validators


class Missing(msgspec.Struct, frozen=True):
    """One method or function that the manifest declares and `file` does not define.

    `imports` are the lines that the stubs of all missing hooks need.
    """

    name: str
    file: str
    place: str
    stub: str
    imports: str = ""


def author_file(layout: Layout, name: str) -> str:
    """Return the path of one of the author's modules."""
    return posixpath.normpath(posixpath.join(layout.package_dir, f"{name}.py"))


def find_missing(disk: Disk, loaded: LoadedManifest, layout: Layout) -> list[Missing]:
    """Return what the author's files lack.

    A project without the usual file keeps its class elsewhere; nothing is said about that one.
    """
    manifest = loaded.manifest
    found: list[Missing] = []
    path = author_file(layout, manifest.kind)
    source = disk.read(path)
    if source is not None:
        place = f"class {manifest.class_names.connector}"
        hooks = missing_hooks(loaded, source.decode("utf-8", "replace"))
        imports = hook_imports(manifest, hooks) if hooks else ""
        found += [Missing(hook.name, path, place, hook.stub, imports) for hook in hooks]
    path = author_file(layout, "validators")
    if declared_validators(manifest):
        text = (disk.read(path) or b"").decode("utf-8", "replace")
        stubs = missing_validators(manifest, text)
        found += [Missing(stub.name, path, "", stub.render()) for stub in stubs]
    return found


def find_left_behind(disk: Disk, lock: Lock, layout: Layout) -> list[tuple[str, str]]:
    """Return the author's files of a package that is called otherwise now, and where they belong."""
    if layout.embedded:
        return []
    old = {
        path: posixpath.join(layout.package_dir, posixpath.basename(path))
        for path in lock.owned("once")
        if path.startswith("src/") and posixpath.dirname(path) != layout.package_dir
    }
    return [(path, new) for path, new in sorted(old.items()) if disk.read(path) is not None]


def render_left_behind(moves: list[tuple[str, str]]) -> str:
    """Return what to move after a package was renamed."""
    lines = [f"  git mv {old} {new}" for old, new in moves]
    return "\n".join(
        [
            "the package has another name now; your files are still in the old one. Move them, and",
            "write the new package and class names in them, in tests/ and in pyproject.toml:",
            *lines,
        ]
    )


def render_missing(missing: list[Missing]) -> str:
    """Return which method goes where, each with its stub to paste."""
    parts = []
    for one in missing:
        place = f"{one.file}, {one.place}" if one.place else one.file
        parts.append(f"not written yet: {one.name} (add it to {place})\n\n{one.stub}")
    imports = next((one.imports for one in missing if one.imports), "")
    if imports:
        parts.append(f"the methods need:\n\n{imports}\n")
    return "\n".join(parts)
