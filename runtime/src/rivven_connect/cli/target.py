"""The connector and config that a command line names."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from rivven_connect._documents import Document, load_document, parse_document, split_pointer
from rivven_connect._errors import InputError
from rivven_connect._installed import Located, LookupFailure, locate
from rivven_connect._json import JsonObject
from rivven_connect._problems import Problem
from rivven_connect._registry import Factory, Registries
from rivven_connect._schema_walk import hint_of
from rivven_connect._values import resolve_values
from rivven_connect.cli.logs import watch_connector
from rivven_connect.pipeline.failures import stop_error


class Target(msgspec.Struct, frozen=True):
    """A connector of one kind, ready to be made, and where its config comes from."""

    located: Located
    factory: Factory[Any]

    @property
    def kind(self) -> str:
        """`source`, `sink` or `transform`."""
        return self.located.kind

    def config(self, path: Path | None, *, allow_inline_secrets: bool) -> Any:
        """Return the parsed config; without a file, the config of an empty object.

        Raises:
            InputError: it does not fit; each problem has its place in the file.
        """
        document = load_document(path) if path else parse_document("{}", path="--config FILE")
        schema = self.factory.config_schema()
        resolved = resolve_values(document.value, schema, allow_inline_secrets=allow_inline_secrets)
        found = [
            document.problem(one.code, one.message, one.path, hint=one.hint, severity=one.severity)
            for one in resolved.problems
        ]
        if resolved.errors():
            raise InputError(found)
        for warning in found:
            click.echo(warning.render(), err=True)
        try:
            return self.factory.config_cls.parse(resolved.value)
        except InputError as error:
            raise InputError([_placed(document, one, schema) for one in error.problems]) from None


def _placed(document: Document, problem: Problem, schema: JsonObject) -> Problem:
    path = split_pointer(problem.pointer)
    unknown = problem.rule == "additionalProperties"
    hint = hint_of(problem, path, schema, document.value)
    return document.problem(problem.code, problem.message, path, hint=hint, key=unknown)


def find_target(text: str, *, kind: str | None = None) -> Target:
    """Return the connector that `text` names, its class imported.

    Raises:
        InputError: there is none, it is ambiguous, or it cannot be imported.
    """
    watch_connector()
    with located_errors(text):
        located = locate(text, kind=kind)
        registry = Registries.installed().of(located.kind)
        name = text if located.root else located.name
        return Target(located, registry.resolve(name))


@contextlib.contextmanager
def located_errors(text: str) -> Iterator[None]:
    """Turn a failed lookup of the argument `text` into `InputError`."""
    try:
        yield
    except LookupFailure as failure:
        problem = Problem(code=failure.code, message=failure.message, hint=failure.hint, path=text)
        raise InputError([problem]) from failure


@contextlib.contextmanager
def connector_errors(where: str) -> Iterator[None]:
    """Turn whatever a connector raises into an error of ours (exit 3), not a bug of ours."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        raise stop_error(where, error) from error
