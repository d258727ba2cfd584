"""The config of a connector in the making: properties whose names stay apart in Python."""

from __future__ import annotations

from typing import Any

from rivven_connect.documents import escape_text
from rivven_generator import naming
from rivven_generator.importers.notes import Notes, Path


class Properties:
    """Collects config properties, and where each came from."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._taken: dict[str, str] = {}
        self.declared: dict[str, dict[str, Any]] = {}
        self.required: list[str] = []
        self.origins: dict[int, Path] = {}

    def add(self, wanted: str, schema: dict[str, Any], at: Path, *, required: bool = False) -> str:
        """Declare a property, under another name if its own is taken; return the name."""
        name, number = wanted, 2
        while naming.field_name(name) in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        if name != wanted:
            shown = escape_text(wanted, limit=60)
            self._notes.add("RVN850", f"the property `{shown}` is called `{name}`", at)
        self._taken[naming.field_name(name)] = name
        self.declared[name] = schema
        self.origins[id(schema)] = at
        if required and "default" not in schema:
            self.required.append(name)
        return name

    def config(self) -> dict[str, Any]:
        """Return the config schema, what is required first."""
        found: dict[str, Any] = {"type": "object"}
        if self.required:
            found["required"] = list(self.required)
        first = [name for name in self.declared if name in self.required]
        names = dict.fromkeys([*first, *self.declared])
        if names:
            found["properties"] = {name: self.declared[name] for name in names}
        return found
