"""Finds connectors and parses their configs; what is wrong is said at its place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rivven_connect._documents import split_pointer
from rivven_connect._errors import InputError
from rivven_connect._installed import LookupFailure
from rivven_connect._json import JsonObject
from rivven_connect._problems import Problem
from rivven_connect._registry import Factory, Registries
from rivven_connect._schema_walk import hint_of
from rivven_connect._spec import ConnectorSpec
from rivven_connect._values import resolve_values
from rivven_connect.pipeline.loading import LoadedPipeline


class FoundConnector(msgspec.Struct, frozen=True):
    """A connector, what it is, and its parsed config."""

    factory: Factory[Any]
    spec: ConnectorSpec
    config: Any


class PipelineValues:
    """Resolves connector names and configs of one file, and collects their problems."""

    def __init__(
        self,
        loaded: LoadedPipeline,
        registries: Registries,
        environ: Mapping[str, str] | None,
        *,
        allow_inline_secrets: bool,
    ) -> None:
        self._loaded = loaded
        self._registries = registries
        self._environ = environ
        self._allow_inline_secrets = allow_inline_secrets
        self.problems: list[Problem] = []

    def connector(
        self,
        kind: str,
        at: tuple[str | int, ...],
        name: str,
        raw: JsonObject,
        *,
        key: str = "connector",
    ) -> FoundConnector | None:
        """Return the connector that stands at `at`, or None after noting what is wrong with it."""
        try:
            factory = self._registries.of(kind).resolve(
                name, base=self._loaded.path.resolve().parent
            )
            spec = factory.spec()
        except LookupFailure as failure:
            self._note(failure.code, (*at, key), failure.message, failure.hint)
            return None
        config = self._config(factory, spec, (*at, "config"), raw)
        return None if config is None else FoundConnector(factory, spec, config)

    def _config(
        self, factory: Factory[Any], spec: ConnectorSpec, at: tuple[str | int, ...], raw: JsonObject
    ) -> Any:
        schema = factory.config_schema(spec)
        resolved = resolve_values(
            raw,
            schema,
            environ=self._environ,
            allow_inline_secrets=self._allow_inline_secrets,
        )
        for problem in resolved.problems:
            self._note(
                problem.code,
                (*at, *problem.path),
                problem.message,
                problem.hint,
                severity=problem.severity,
            )
        if resolved.errors():
            return None
        try:
            return factory.config_cls.parse(resolved.value)
        except InputError as error:
            for one in error.problems:
                below = split_pointer(one.pointer)
                unknown = one.rule == "additionalProperties"
                hint = hint_of(one, below, schema, resolved.value)
                self._note(one.code, (*at, *below), one.message, hint, key=unknown)
            return None

    def _note(
        self,
        code: str,
        at: tuple[str | int, ...],
        message: str,
        hint: str = "",
        *,
        severity: str = "error",
        key: bool = False,
    ) -> None:
        self.problems.append(
            self._loaded.document.problem(code, message, at, hint=hint, key=key, severity=severity)
        )
