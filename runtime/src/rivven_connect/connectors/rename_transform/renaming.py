"""Fields of a record under other names, and records with fewer fields."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from rivven_connect import ConnectorError, Json, JsonObject
from rivven_connect._field_paths import MISSING, change_field


def keep_fields(record: JsonObject, paths: Iterable[str]) -> JsonObject:
    """Return the record with only the fields at these paths, in their places."""
    found: JsonObject = _kept(record, [path.split(".") for path in paths])
    return found


def _kept(value: Any, paths: Sequence[Sequence[str]]) -> Any:
    """Return the parts of a value that some path leads to, `MISSING` if there is none.

    A path may spell several keys as one name with dots in it.
    """
    if isinstance(value, list):
        return [kept for item in value if (kept := _kept(item, paths)) is not MISSING]
    if not isinstance(value, dict):
        return MISSING
    found = {}
    for key, inner in value.items():
        length = key.count(".") + 1
        rests = [path[length:] for path in paths if ".".join(path[:length]) == key]
        kept = inner if [] in rests else _kept(inner, rests) if rests else MISSING
        if kept is not MISSING:
            found[key] = kept
    return found


def remove_fields(record: JsonObject, paths: Iterable[str]) -> JsonObject:
    """Return the record without the fields at these paths."""
    found: Any = record
    for path in paths:
        found = change_field(found, path, lambda _value: MISSING)
    return dict(found)


def rename_fields(record: JsonObject, names: Mapping[str, str], *, overwrite: bool) -> JsonObject:
    """Return the record with fields renamed, all at once and in their places.

    Args:
        record: stays as it is.
        names: old name to new name. A field that has the dots in its name goes before a nested
            one; the new name of a nested field is one beside it.
        overwrite: let a renamed field replace one that has the new name.

    Raises:
        ConnectorError: two values would get one name.
    """
    here: dict[str, str] = {}
    nested: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for old, new in names.items():
        parent, dot, key = old.rpartition(".")
        if dot and old not in record:
            nested[parent][key] = new
        else:
            here[old] = new
    found: Any = record
    # Deeper objects first, while the names on the way to them are still the old ones.
    for parent in sorted(nested, key=lambda path: -path.count(".")):
        inside = partial(_inside, names=nested[parent], overwrite=overwrite)
        found = change_field(found, parent, inside)
    return _renamed(found, here, overwrite=overwrite)


def _inside(value: Json, *, names: Mapping[str, str], overwrite: bool) -> Json:
    if isinstance(value, list):
        return [_inside(item, names=names, overwrite=overwrite) for item in value]
    return _renamed(value, names, overwrite=overwrite) if isinstance(value, dict) else value


def _renamed(record: JsonObject, names: Mapping[str, str], *, overwrite: bool) -> JsonObject:
    found = {names.get(field, field): value for field, value in record.items()}
    if len(found) == len(record):
        return found
    # By new name, the field that gets it: of several, the one that the config names last.
    owners = {new: old for old, new in names.items() if old in record}
    if not overwrite:
        lost = next(f for f in record if owners.get(names.get(f, f), f) != f)
        raise ConnectorError.data(
            f"two fields would be named {names.get(lost, lost)!r}; with `overwrite: true`, the "
            f"value of {lost!r} is dropped"
        )
    return {
        names.get(field, field): value
        for field, value in record.items()
        if owners.get(names.get(field, field), field) == field
    }
