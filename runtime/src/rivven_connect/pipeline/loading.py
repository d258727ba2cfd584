"""From a pipeline file's text to its model, or to problems with line and column."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel, ValidationError

from rivven_connect._documents import Document, load_document
from rivven_connect._errors import InputError
from rivven_connect._problems import Problem
from rivven_connect.pipeline.file import Block, PipelineFile

Loc = tuple[str | int, ...]

_NAMES = "a name has letters, digits, `_`, `.` and `-`, and starts with none of the last two"


class LoadedPipeline(msgspec.Struct, frozen=True):
    """A pipeline file that obeys the grammar, and the document that knows its places."""

    path: Path
    file: PipelineFile
    document: Document

    def problem(
        self,
        code: str,
        at: Loc,
        message: str,
        *,
        hint: str = "",
        key: bool = False,
        severity: str = "error",
    ) -> Problem:
        """Return a problem at a place of this file."""
        return self.document.problem(code, message, at, hint=hint, key=key, severity=severity)


def load_pipeline(path: Path | str) -> LoadedPipeline:
    """Return the pipeline file at `path`.

    Raises:
        InputError: the file cannot be read, or breaks the grammar. All problems are in it, in the
            order of the file.
    """
    return loaded_pipeline(load_document(path))


def loaded_pipeline(document: Document) -> LoadedPipeline:
    """Return the pipeline file that a document holds.

    Raises:
        InputError: as for `load_pipeline`.
    """
    try:
        file = PipelineFile.model_validate(document.value)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = [_problem(document, detail) for detail in details]
        raise InputError(sorted(problems, key=lambda one: (one.line, one.column))) from None
    return LoadedPipeline(Path(document.path), file, document)


def _problem(document: Document, detail: Any) -> Problem:
    loc: Loc = tuple(part for part in detail["loc"] if part != "[key]")
    kind = detail["type"]
    if "[key]" in detail["loc"]:
        return document.problem("RVN712", _NAMES, loc, key=True)
    if kind == "extra_forbidden":
        return document.problem(
            "RVN710", f"the key {loc[-1]!r} is not known here", loc, hint=_near(loc), key=True
        )
    if kind == "missing":
        hint = _example(loc) or f"add {loc[-1]}"
        return document.problem("RVN711", f"the key {loc[-1]!r} is missing", loc[:-1], hint=hint)
    if kind == "version_number" or loc == ("version",):
        return document.problem(
            "RVN713",
            "this is no version that this program knows",
            ("version",),
            hint=_example(("version",)),
        )
    if kind in {"too_short", "string_too_short"} and loc in {("sources",), ("sinks",)}:
        return document.problem("RVN714", f"there are no {loc[0]}", loc, key=True)
    return document.problem("RVN712", _sentence(str(detail["msg"])), loc, hint=_example(loc))


def _example(loc: Loc) -> str:
    """Return how to write a key that everybody needs."""
    if loc == ("version",):
        return 'write version: "1.0"'
    if loc[:1] == ("sinks",) and loc[2:] == ("topics",):
        return "write topics: [NAME], the topics of sources; by default their names"
    return ""


def _sentence(message: str) -> str:
    """Say in the file's terms what pydantic says in Python's."""
    words = {
        "Input should be a valid dictionary": "expected a mapping",
        "Input should be a valid list": "expected a list",
        "Input should be a valid string": "expected text",
        "Input should be a valid integer": "expected a whole number",
        "Input should be a valid number": "expected a number",
        "Input should be a valid boolean": "expected true or false",
        "List should have": "expected",
        "Input should be": "expected",
    }
    if message.startswith("Input should be a valid dictionary or instance of"):
        return "expected a mapping"  # what follows names a class of ours
    for theirs, ours in words.items():
        if message.startswith(theirs):
            return ours + message.removeprefix(theirs).partition(" after validation")[0]
    return message[:1].lower() + message[1:]


def _near(loc: Loc) -> str:
    import difflib  # noqa: PLC0415  # only after a typing error

    known = _keys_at(loc[:-1])
    near = difflib.get_close_matches(str(loc[-1]), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    if len(loc) == 3 and loc[0] in {"sources", "sinks"}:
        hint += "; what the connector itself knows stands below `config`"
    return hint


def _keys_at(loc: Loc) -> Sequence[str]:
    """Return the keys that the grammar knows at a place."""
    found: Any = PipelineFile
    for step in loc:
        model = _model_in(found)
        if model is not None and isinstance(step, str):
            field = next(
                (one for name, one in model.model_fields.items() if (one.alias or name) == step),
                None,
            )
            found = field.annotation if field else None
        else:
            found = _item_of(found)
    model = _model_in(found)
    return [one.alias or name for name, one in model.model_fields.items()] if model else []


def _unwrapped(annotation: Any) -> list[Any]:
    """Return the members of a union, each without `Annotated`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _unwrapped(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return [one for part in typing.get_args(annotation) for one in _unwrapped(part)]
    return [annotation]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for one in _unwrapped(annotation):
        if isinstance(one, type) and issubclass(one, Block):
            return one
    return None


def _item_of(annotation: Any) -> Any:
    """Return what a list or mapping holds."""
    for one in _unwrapped(annotation):
        if typing.get_origin(one) in {dict, list}:
            return typing.get_args(one)[-1]
    return None
