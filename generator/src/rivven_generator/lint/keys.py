"""Top-level keys: for this kind, and not against one another."""

from __future__ import annotations

from collections.abc import Iterator

from rivven_connect.documents import Problem, escape_text
from rivven_generator.lint.subject import Subject, Whole
from rivven_generator.manifest import KEYS_OF_KIND
from rivven_generator.schema.tree import resolve
from rivven_generator.schema.vocabulary import types_of
from rivven_generator.structure import suggestion

_BATCH_KEYS = ("batch_size", "batch_max_bytes", "batch_max_wait_ms")


def of_kind(top: Subject) -> Iterator[Problem]:
    """Each key exists for this kind of connector."""
    kind = top.root.get("kind")
    if kind not in ("source", "sink", "transform"):
        return
    for key in top.root:
        kinds = KEYS_OF_KIND.get(key)
        if kinds is not None and kind not in kinds:
            only = " and ".join(sorted(kinds))
            yield top.problem(
                "RVN206", f"`{key}` is for a {only} and this is a {kind}", (key,), key=True,
                hint="remove the key",
            )  # fmt: skip


def incremental(whole: Whole) -> Iterator[Problem]:
    """A stream with a cursor is incremental."""
    for index, stream in enumerate(whole.manifest.streams):
        if whole.manifest.incremental is False and stream.cursor:
            where = whole.top.place(("streams", index, "cursor"))
            yield whole.top.problem(
                "RVN211",
                f"`incremental: false`, and a stream has a cursor ({where})",
                ("incremental",),
                hint="remove one of the two",
            )
            return


def position(whole: Whole) -> Iterator[Problem]:
    """Positions of hook streams are stable only with a primary key."""
    if whole.top.root.get("position") != "stable":
        return
    for index, stream in enumerate(whole.manifest.streams):
        if not stream.primary_key:
            where = whole.top.place(("streams", index))
            yield whole.top.problem(
                "RVN212",
                f"`position: stable`, and a stream has no primary key ({where})",
                ("position",),
                hint="declare `primary_key`, or write `position: unstable`",
            )
            return


def batches(whole: Whole) -> Iterator[Problem]:
    """Batch limits are given once, and to a sink that takes batches."""
    manifest, top = whole.manifest, whole.top
    takes_batches = manifest.batching or "transactional" in manifest.delivery
    for key in _BATCH_KEYS:
        source = f"{key}_from"
        for word in (key, source):
            if word in top.root and manifest.kind == "sink" and not takes_batches:
                yield top.problem(
                    "RVN217", f"`{word}` without batches", (word,), key=True,
                    hint="add `batching: true`",
                )  # fmt: skip
        if key in top.root and source in top.root:
            yield top.problem(
                "RVN217", f"`{key}` and `{source}` both say how much", (source,), key=True,
                hint="put the number into the property's `default`",
            )  # fmt: skip


def limits_from_config(whole: Whole) -> Iterator[Problem]:
    """A batch limit is taken from a whole number of the config."""
    config = whole.manifest.config
    for key in _BATCH_KEYS:
        name = getattr(whole.manifest, f"{key}_from")
        declared = config.get("properties", {})
        if name is None:
            continue
        schema = resolve(config, declared.get(name, {}))
        at = (f"{key}_from",)
        shown = escape_text(name, limit=60)
        if name not in declared:
            yield whole.top.problem(
                "RVN213",
                f"the config has no property `{shown}`",
                at,
                hint=suggestion(name, declared),
            )
        elif types_of(schema) != {"integer"} or schema.get("type") != "integer":
            yield whole.top.problem("RVN213", f"`{shown}` is not of `type: integer`", at)
        elif "default" not in schema and name not in config.get("required", ()):
            yield whole.top.problem(
                "RVN213", f"`{shown}` may be absent", at, hint="give it a default or require it"
            )
        elif schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1) < 1:
            yield whole.top.problem(
                "RVN213", f"`{shown}` may be less than 1", at, hint="add `minimum: 1`"
            )


def backoff(whole: Whole) -> Iterator[Problem]:
    """The first pause is not longer than the longest."""
    retry = whole.manifest.runtime.retry
    low, high = retry.initial_backoff_ms, retry.max_backoff_ms
    if low is not None and high is not None and low > high:
        yield whole.top.problem(
            "RVN215",
            "`initial_backoff_ms` is above `max_backoff_ms`",
            ("runtime", "retry", "initial_backoff_ms"),
        )
