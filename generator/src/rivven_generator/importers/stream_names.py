"""Names of streams that a manifest accepts, no two of them alike in Python."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec.structs

from rivven_generator import naming

_LONGEST: Final = 100


class StreamNames:
    """Gives each stream of a connector a name of its own."""

    def __init__(self, connector: str, kind: str = "source") -> None:
        """Take the connector's name: its classes have names as well."""
        package = naming.default_package(connector, kind)
        self._classes = {*msgspec.structs.astuple(naming.class_names(package))}
        self._taken: set[str] = set()

    def take(self, wanted: Sequence[str]) -> str:
        """Return the first wanted name that is free, changed as little as possible."""
        plain = [name for name in map(legal_name, wanted) if name] or ["records"]
        for name in [*plain, f"{plain[0]}_records"]:
            if self._claim(name):
                return name
        number = 2
        while not self._claim(f"{plain[0]}_{number}"):
            number += 1
        return f"{plain[0]}_{number}"

    def _claim(self, name: str) -> bool:
        hook, record = naming.read_hook(name), naming.record_class(name)
        keys = {naming.collision_key(hook), naming.collision_key(record)}
        if naming.is_contract_hook(hook) or record in self._classes or keys & self._taken:
            return False
        self._taken |= keys
        return True


def legal_name(text: str) -> str:
    """Return `text` as a stream's name: ASCII, beginning with a letter; empty if nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain).strip("_.-")
    plain = re.sub(r"^[^A-Za-z]+", "", plain)
    return plain[:_LONGEST].rstrip("_.-")
