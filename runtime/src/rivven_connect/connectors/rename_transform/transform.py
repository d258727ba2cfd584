"""The rename transform: other names for top-level fields, on both sides of an update."""

from __future__ import annotations

from collections.abc import Mapping

from rivven_connect import ConnectorError, EventType, JsonObject, SourceEvent, Transformed
from rivven_connect.connectors.rename_transform._generated import (
    RenameTransformBase,
    RenameTransformConfig,
)


class RenameTransform(RenameTransformBase):
    """Renames all fields of a record at once; those that are missing are left alone."""

    def transform(self, config: RenameTransformConfig, event: SourceEvent) -> Transformed:
        """Return the event with its fields renamed.

        Raises:
            ConnectorError: two values would get the same name; the record is a dead letter.
        """
        names = config.fields or {str(config.from_): str(config.to)}
        event.data = _renamed_data(event, names, overwrite=config.overwrite)
        return event


def _renamed_data(event: SourceEvent, names: Mapping[str, str], *, overwrite: bool) -> object:
    """Return the event's data; it is made anew, so a collision leaves the event as it was."""
    data = event.data
    if not isinstance(data, dict):
        return data
    if event.event_type is not EventType.UPDATE:
        return _renamed(data, names, overwrite=overwrite)
    return {
        side: _renamed(image, names, overwrite=overwrite) if isinstance(image, dict) else image
        for side, image in data.items()
    }


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
