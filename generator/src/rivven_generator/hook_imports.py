"""The imports that an author's module needs for the stubs of its hooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rivven_generator.hooks import Hook
from rivven_generator.imports import import_block
from rivven_generator.manifest import Manifest

_ABC_NAMES = ("AsyncIterator", "Sequence")


def hook_imports(manifest: Manifest, hooks: Sequence[Hook], *, more: Iterable[str] = ()) -> str:
    """Return the import lines of `hooks`, and of `more` names of the generated package."""
    text = " ".join(hook.declaration for hook in hooks)
    generated = (
        manifest.class_names.config,
        *(stream.record_class for stream in manifest.streams),
    )
    runtime = {name for hook in hooks for name in hook.imports}
    return import_block(
        manifest.package,
        {
            "collections.abc": {name for name in _ABC_NAMES if f"{name}[" in text},
            "rivven_connect": {"HookMissing", *runtime} if hooks else (),
            f"{manifest.package}._generated": {
                *more,
                *(name for name in generated if name in text),
            },
        },
    )
