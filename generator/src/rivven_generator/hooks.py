"""The methods that an author fills: which there are, how each looks, which are missing."""

from __future__ import annotations

import msgspec

from rivven_generator.author_code import methods_of
from rivven_generator.layout import LINE_LENGTH
from rivven_generator.load import LoadedManifest
from rivven_generator.manifest import Manifest, Stream
from rivven_generator.records import type_of_field


class Hook(msgspec.Struct, frozen=True):
    """One method: its name, its parameters after `self`, what it returns, and what it is for.

    `imports` are the names of the runtime that its signature uses.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str
    doc: str
    is_async: bool = True
    imports: tuple[str, ...] = ()
    advice: str = ""

    @property
    def declaration(self) -> str:
        """The method without its body, indented for a class, as `ruff format` wraps it."""
        head = f"    {'async ' if self.is_async else ''}def {self.name}("
        parameters = ", ".join(("self", *self.parameters))
        tail = f") -> {self.returns}:"
        if len(head + parameters + tail) <= LINE_LENGTH:
            return head + parameters + tail
        if 8 + len(parameters) <= LINE_LENGTH:
            return f"{head}\n        {parameters}\n    {tail}"
        lines = "".join(f"        {parameter},\n" for parameter in ("self", *self.parameters))
        return f"{head}\n{lines}    {tail}"

    @property
    def stub(self) -> str:
        """The method as it is pasted into the author's class."""
        raised = f'        raise HookMissing("{self.name}")'
        advice = f"# {self.advice}"
        if not self.advice:
            body = raised
        elif len(raised) + 2 + len(advice) <= LINE_LENGTH:
            body = f"{raised}  {advice}"
        else:
            body = f"        {advice}\n{raised}"
        return f'{self.declaration}\n        """{self.doc}"""\n{body}\n'


def declared_hooks(loaded: LoadedManifest) -> list[Hook]:
    """Return every hook that the manifest asks for, in the manifest's order."""
    manifest = loaded.manifest
    checks = [
        Hook(
            check.hook,
            (f"config: {manifest.class_names.config}",),
            "None",
            f"Return if `{check.name}` holds; raise ConnectorError with the reason if not.",
        )
        for check in manifest.checks
    ]
    match manifest.kind:
        case "source":
            return checks + _source_hooks(manifest)
        case "sink":
            return checks + _sink_hooks(manifest)
        case _:
            return [
                Hook(
                    "transform",
                    (f"config: {manifest.class_names.config}", "event: SourceEvent"),
                    "Transformed",
                    "Return what becomes of one event: an event, several, or None to drop it.",
                    is_async=False,
                    imports=("SourceEvent", "Transformed"),
                )
            ]


def missing_hooks(loaded: LoadedManifest, author_source: str) -> list[Hook]:
    """Return the hooks that the author's class does not define; its code is parsed, never run.

    A source with its own `read` needs no `read_<stream>`.
    """
    defined = methods_of(author_source, loaded.manifest.class_names.connector) or {}
    reads = {stream.hook for stream in loaded.manifest.streams} if "read" in defined else set()
    return [h for h in declared_hooks(loaded) if h.name not in defined and h.name not in reads]


def cursor_type(stream: Stream) -> str:
    """Return the Python type of a stream's cursor."""
    return type_of_field(stream.schema_, stream.cursor) if stream.cursor else "Json"


def _source_hooks(manifest: Manifest) -> list[Hook]:
    config = f"config: {manifest.class_names.config}"
    hooks = [_read_hook(stream, config) for stream in manifest.streams]
    if not hooks:
        hooks = [
            Hook(
                "discover",
                (config,),
                "Catalog",
                "Return the streams that can be read now.",
                imports=("Catalog",),
            ),
            Hook(
                "read",
                (config, "catalog: ConfiguredCatalog", "state: State | None"),
                "AsyncIterator[Item]",
                "Yield the events of the chosen streams, from where `state` says.",
                is_async=False,
                imports=("ConfiguredCatalog", "Item", "State"),
            ),
        ]
    if manifest.partitioned:
        hooks += [
            Hook(
                "latest",
                (config, "stream: str"),
                "Json",
                "Return the end of what can be read of a stream now.",
                imports=("Json",),
            ),
            Hook(
                "plan",
                (config, "stream: str", "start: Json", "end: Json"),
                "Sequence[Json]",
                "Split the range from `start` to `end` into parts that are read apart.",
                imports=("Json",),
            ),
            Hook(
                "read_partition",
                (config, "stream: str", "partition: Json"),
                "Records[JsonObject]",
                "Yield the records of one part.",
                is_async=False,
                imports=("Json", "JsonObject", "Records"),
            ),
        ]
    return hooks


def _read_hook(stream: Stream, config: str) -> Hook:
    kind = cursor_type(stream)
    cursor = kind if kind == "Json" else f"{kind} | None"
    if stream.cursor is None:
        doc = f"Yield all records of `{stream.name}`; `cursor` is a page's token, if you gave one."
    elif stream.cursor_order == "ascending":
        doc = f"Yield records of `{stream.name}` changed at or after `cursor`, oldest first."
    else:
        doc = f"Yield records of `{stream.name}` changed at or after `cursor`, in any order."
    return Hook(
        stream.hook,
        (config, f"cursor: {cursor}"),
        f"Records[{stream.record_class}]",
        doc,
        is_async=False,
        imports=("Records", *(("Json",) if kind == "Json" else ())),
        advice="write `async def`, and yield records, lists or pages",
    )


def _sink_hooks(manifest: Manifest) -> list[Hook]:
    config = f"config: {manifest.class_names.config}"
    if "transactional" in manifest.delivery:
        return [
            Hook(
                "write_transaction",
                (config, "batch: Batch"),
                "WriteResult",
                "Write all events and the checkpoint in one transaction, or nothing.",
                imports=("Batch", "WriteResult"),
            ),
            Hook(
                "committed_checkpoint",
                (config, "pipeline: str", "sink: str"),
                "Checkpoint | None",
                "Return the checkpoint that the system holds, or None.",
                imports=("Checkpoint",),
            ),
        ]
    if manifest.batching:
        return [
            Hook(
                "write_batch",
                (config, "events: Sequence[SourceEvent]"),
                "WriteResult",
                "Write the events and say which were written.",
                imports=("SourceEvent", "WriteResult"),
            )
        ]
    return [
        Hook(
            "write",
            (config, "events: AsyncIterator[SourceEvent]"),
            "WriteResult",
            "Write the events, a finite number of them, and say which were written.",
            imports=("SourceEvent", "WriteResult"),
        )
    ]
