"""Conduit: the parameters of a connector, from its `connector.yaml` or its `spec` in JSON.

Source: Conduit connector SDK, connector specification (`specification.source.parameters`).
"""

from __future__ import annotations

from typing import Any, Final

from rivven_connect.documents import Document, InputError, escape_text
from rivven_generator.importers.dotted import Setting, nested
from rivven_generator.importers.finishing import finished
from rivven_generator.importers.metadata import connector_name, head, path_stem
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.importers.scalars import settle_scalar
from rivven_generator.importers.values import as_bound, as_typed
from rivven_generator.manifest import Kind
from rivven_generator.structure import suggestion

_DURATION: Final = r"^[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|ms|s|m|h))+$"
_TYPES: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "file": {"type": "string"},
    "duration": {"type": "string", "pattern": _DURATION},
}
"""Type of a parameter -> its schema; a duration is Go's, such as `1h30m`."""
_BY_NUMBER: Final = ("", "string", "int", "float", "bool", "file", "duration")
_CHECKS: Final = ("", "required", "greater-than", "less-than", "inclusion", "exclusion", "regex")
_HALVES: Final[tuple[tuple[Kind, tuple[str, ...]], ...]] = (
    ("source", ("source", "sourceParams", "sourceParameters")),
    ("sink", ("destination", "destinationParams", "destinationParameters")),
)


def import_conduit(
    document: Document,
    *,
    kind: Kind | None = None,
    name: str | None = None,
    closed: bool = False,
) -> Imported:
    """Return the manifest of a Conduit connector; of one that is both, the source unless asked.

    Its config is closed in any case: Conduit refuses unknown parameters, too.

    Raises:
        InputError: the file declares no parameters for that kind.
    """
    notes = Notes(document)
    spec, at = _specification(document)
    parameters, found_kind = _parameters(document, spec, at, kind, notes)
    origins: dict[int, Path] = {}
    settings = [_setting(n, raw, where, notes, document) for n, raw, where in parameters]
    config = nested(settings, notes, origins, is_open=False)
    draft = head(
        found_kind,
        name or connector_name([spec.get("name"), path_stem(document.path)], (*at, "name"), notes),
        about={
            "version": spec.get("version"),
            "description": spec.get("summary") or spec.get("description"),
            "author": spec.get("author"),
        },
        notes=notes,
        at=at,
    )
    draft["config"] = config
    return finished(draft, document, notes, origins)


def _specification(document: Document) -> tuple[dict[str, Any], Path]:
    inner = document.value.get("specification")
    return (inner, ("specification",)) if isinstance(inner, dict) else (document.value, ())


def _parameters(
    document: Document, spec: dict[str, Any], at: Path, kind: Kind | None, notes: Notes
) -> tuple[list[tuple[str, dict[str, Any], Path]], Kind]:
    found: dict[Kind, tuple[list[tuple[str, dict[str, Any], Path]], Path]] = {}
    for half, words in _HALVES:
        for word in words:
            inner = spec.get(word)
            steps: Path = (word,)
            if isinstance(inner, dict) and "parameters" in inner:
                inner, steps = inner["parameters"], (word, "parameters")
            listed = _listed(inner, (*at, *steps), notes)
            if listed:
                found[half] = listed, (*at, *steps)
    if not found:
        bare = _listed(spec, at, notes)  # what `paramgen` writes: parameters by name, alone
        if bare:
            return bare, kind or "source"
    wanted: Kind = kind or ("source" if "source" in found else "sink")
    if wanted not in found:
        hint = "" if not found else f"use --kind {next(iter(found))}"
        raise InputError(
            [document.problem("RVN890", f"there are no parameters of a {wanted}", at, hint=hint)]
        )
    if len(found) > 1 and kind is None:
        notes.add("RVN804", "the destination's half is imported with --kind sink", found["sink"][1])
    return found[wanted][0], wanted


def _listed(raw: Any, at: Path, notes: Notes) -> list[tuple[str, dict[str, Any], Path]]:
    """Return name, declaration and place of each parameter, written as a list or by name."""
    found: list[tuple[str, dict[str, Any], Path]] = []
    if isinstance(raw, list):
        for index, one in enumerate(raw):
            if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"]:
                found.append((one["name"], one, (*at, index)))
            else:
                notes.add("RVN839", "a parameter without a name was left out", (*at, index))
    elif isinstance(raw, dict):
        words = {"default", "description", "type", "validations", "required"}
        for name, one in raw.items():
            if isinstance(one, dict) and one and one.keys() <= words:
                found.append((name, one, (*at, name)))
    return found


def _setting(name: str, raw: dict[str, Any], at: Path, notes: Notes, document: Document) -> Setting:
    kind = raw.get("type") or "string"
    if isinstance(kind, int) and 0 < kind < len(_BY_NUMBER):
        kind = _BY_NUMBER[kind]
    named = str(kind).strip().casefold().removeprefix("parametertype")
    if named not in _TYPES:
        shown, near = escape_text(named, limit=40), suggestion(named, _TYPES)
        message = f"the unknown type `{shown}` was read as `string`" + (f"; {near}" if near else "")
        notes.add("RVN832", message, (*at, "type"))
        named = "string"
    node = dict(_TYPES[named])
    if raw.get("description"):
        node["description"] = raw["description"]
    required = raw.get("required") is True
    validations = raw.get("validations")
    for index, check in enumerate(validations if isinstance(validations, list) else ()):
        place = (*at, "validations", index)
        required |= _validation(node, check, named, place, notes)
    if raw.get("default") not in (None, ""):
        node["default"] = as_typed(raw["default"], node, "")
        if required:
            notes.add("RVN815", "a default makes the parameter optional", (*at, "default"))
    if named == "duration":
        notes.add("RVN812", "the type `duration` became a pattern", (*at, "type"))
    settle_scalar(node, at, notes, document)
    return Setting(name, node, at, required and "default" not in node)


def _validation(node: dict[str, Any], check: Any, kind: str, at: Path, notes: Notes) -> bool:
    """Apply one validation; return whether it is the one that requires the parameter."""
    named = check.get("type") if isinstance(check, dict) else check
    if isinstance(named, int) and 0 < named < len(_CHECKS):
        named = _CHECKS[named]
    value = check.get("value") if isinstance(check, dict) else None
    is_number = kind in ("int", "float")
    match named:
        case "required":
            return True
        case "greater-than" | "less-than" if is_number and as_bound(value) is not None:
            word = "exclusiveMinimum" if named == "greater-than" else "exclusiveMaximum"
            node[word] = as_bound(value)
        case "inclusion" if isinstance(value, str) and value:
            parts = [part.strip() for part in value.split(",")]
            node["enum"] = [as_typed(part, node, "") for part in parts]
            node.pop("pattern", None)
        case "regex" if isinstance(value, str) and kind in ("string", "file"):
            node["pattern"] = value
        case _:
            shown = escape_text(str(named), limit=40)
            near = "" if named in _CHECKS else suggestion(str(named), _CHECKS)
            message = f"the validation `{shown}` has no counterpart here"
            notes.add("RVN830", message + (f"; {near}" if near else ""), at)
    return False
