"""What the templates of `base.py`, `__init__.py` and the contract test print."""

from __future__ import annotations

import ast

import msgspec

from rivven_generator import layout
from rivven_generator.hooks import Hook, declared_hooks
from rivven_generator.imports import import_block, natural
from rivven_generator.layout import literal
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest, Stream
from rivven_generator.naming import field_name

_ABC_NAMES = ("AsyncIterator", "Sequence")


class BaseView(msgspec.Struct, frozen=True):
    """The base class, the spec class and the stream set."""

    imports: str
    contract: str
    spec_base: str
    spec_lines: tuple[str, ...]
    streams: tuple[str, ...]
    lines: tuple[str, ...]
    hooks: tuple[Hook, ...]


def base_view(loaded: LoadedManifest) -> BaseView:
    """Return what `base.py` declares."""
    manifest = loaded.manifest
    hooks = tuple(declared_hooks(loaded))
    contract = contract_of(manifest)
    batch = _batch_lines(manifest)
    spec_base = "GeneratedBatchSpec" if batch else "GeneratedSpec"
    runtime = {contract, spec_base, "HookMissing", *(n for h in hooks for n in h.imports)}
    if batch:
        runtime.add("BatchConfig")
    if manifest.streams:
        runtime |= {"StreamSet", "StreamSpec", "SyncMode"}
    if manifest.checks:
        runtime.add("CheckHook")
    signatures = " ".join(hook.declaration for hook in hooks)
    return BaseView(
        imports=import_block(
            manifest.package,
            {
                "collections.abc": {name for name in _ABC_NAMES if f"{name}[" in signatures},
                "pathlib": {"Path"},
                "typing": {"ClassVar"}
                if manifest.streams or "batch_from" in "".join(batch)
                else (),
                "rivven_connect": runtime,
                ".config": {manifest.class_names.config},
                ".records": {stream.record_class for stream in manifest.streams},
            },
        ),
        contract=contract,
        spec_base=spec_base,
        spec_lines=tuple(batch),
        streams=tuple(map(_stream_text, manifest.streams)),
        lines=tuple(_base_lines(manifest)),
        hooks=hooks,
    )


def contract_of(manifest: Manifest) -> str:
    """Return the runtime class that the connector implements."""
    if manifest.kind != "sink":
        return manifest.kind.title()
    if "transactional" in manifest.delivery:
        return "TransactionalSink"
    return "BatchSink" if manifest.batching else "Sink"


def exports(manifest: Manifest) -> list[str]:
    """Return what `_generated/__init__.py` offers, sorted."""
    names = manifest.class_names
    own = [names.base, names.config, names.spec, "connector_spec", "register"]
    if manifest.streams:
        own += [names.streams, *(stream.record_class for stream in manifest.streams)]
    return sorted(own)


def init_imports(manifest: Manifest) -> str:
    """Return the imports of `_generated/__init__.py`."""
    names = manifest.class_names
    return import_block(
        manifest.package,
        {
            "rivven_connect": {"ConnectorSpec", f"{manifest.kind.title()}Registry"},
            ".base": {names.base, names.spec, *([names.streams] if manifest.streams else [])},
            ".config": {names.config},
            ".records": {stream.record_class for stream in manifest.streams},
        },
    )


def late_import(manifest: Manifest) -> str:
    """Return the import of the author's class, inside a function of `_generated/__init__.py`."""
    line = f"from .. import {manifest.class_names.connector}"
    if len(line) + 4 <= layout.LINE_LENGTH:
        return line
    return f"from .. import (\n        {manifest.class_names.connector},\n    )"


def register_call(manifest: Manifest) -> str:
    """Return the call that registers the author's class."""
    names = manifest.class_names
    call = f"registry.register({literal(manifest.name)}, {names.connector}, {names.config})"
    return layout.expression(ast.parse(call, mode="eval").body, 4, before=4)


def all_text(manifest: Manifest) -> str:
    """Return the `__all__` assignment."""
    return layout.assignment("__all__", literal(_sorted_all(exports(manifest))), indent=0)


def _sorted_all(names: list[str]) -> list[str]:
    """Sort as ruff sorts `__all__`: classes, then the rest; numbers in names count as numbers."""
    return sorted(names, key=lambda name: (not name[0].isupper(), natural(name)))


def _batch_lines(manifest: Manifest) -> list[str]:
    takes_batches = manifest.batching or "transactional" in manifest.delivery
    if manifest.kind != "sink" or not takes_batches:
        return []
    limits = {
        "max_records": manifest.batch_size,
        "max_bytes": manifest.batch_max_bytes,
        "max_wait_ms": manifest.batch_max_wait_ms,
    }
    call = ", ".join(f"{name}={literal(value)}" for name, value in limits.items())
    lines = [layout.assignment("batch", f"BatchConfig({call})")]
    fields = {
        "max_records": manifest.batch_size_from,
        "max_bytes": manifest.batch_max_bytes_from,
        "max_wait_ms": manifest.batch_max_wait_ms_from,
    }
    named = {limit: field for limit, field in fields.items() if field}
    if named:
        lines.append(layout.field("batch_from", "ClassVar", literal(_as_attributes(named))))
    return lines


def _as_attributes(named: dict[str, str]) -> dict[str, str]:
    return {limit: field_name(name) for limit, name in named.items()}


def _stream_text(stream: Stream) -> str:
    arguments = {"name": literal(stream.name), "hook": literal(stream.hook)}
    if stream.namespace:
        arguments["namespace"] = literal(stream.namespace)
    if stream.primary_key:
        arguments["primary_key"] = literal(tuple(tuple(path) for path in stream.primary_key))
    if stream.cursor:
        arguments["cursor"] = literal(stream.cursor)
        arguments["cursor_order"] = literal(stream.cursor_order)
    modes = sorted(stream.sync_modes, key=lambda mode: mode != "incremental")
    listed = ", ".join(f"SyncMode.{mode.upper()}" for mode in modes)
    arguments["sync_modes"] = f"({listed}{',' * (len(modes) == 1)})"
    call = ", ".join(f"{name}={text}" for name, text in arguments.items())
    return layout.assignment(stream.python_name, f"StreamSpec[{stream.record_class}]({call})")


def _base_lines(manifest: Manifest) -> list[str]:
    names = manifest.class_names
    lines = [f"config_type = {names.config}", f"spec_type = {names.spec}"]
    if manifest.streams:
        lines.append(layout.field("streams", f"ClassVar[{names.streams}]", f"{names.streams}()"))
    if manifest.checks:
        calls = []
        for check in manifest.checks:
            arguments = [literal(check.name), literal(check.hook)]
            if check.requires:
                arguments.append(f"requires={literal(check.requires)}")
            if check.timeout_ms:
                arguments.append(f"timeout_ms={check.timeout_ms}")
            calls.append(f"CheckHook({', '.join(arguments)})")
        comma = "," if len(calls) == 1 else ""
        lines.append(layout.assignment("checks", f"({', '.join(calls)}{comma})"))
    return lines
