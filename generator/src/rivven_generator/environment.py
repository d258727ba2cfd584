"""The environment variables that the samples take secrets from."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rivven_generator.manifest import Manifest
from rivven_generator.options import Option


class SecretVariable(msgspec.Struct, frozen=True):
    """One secret of the config, and the environment variable that the samples take it from."""

    path: str
    """As the option table calls it."""
    variable: str
    description: str


def secret_variables(manifest: Manifest, rows: Sequence[Option]) -> list[SecretVariable]:
    """Return a variable for each secret option, no two alike."""
    prefix = manifest.name.upper().replace("-", "_")
    found: dict[str, SecretVariable] = {}
    for row in rows:
        if row.is_secret:
            words = "".join(c if c.isascii() and c.isalnum() else "_" for c in row.path)
            name = "_".join(part for part in f"{prefix}_{words}".upper().split("_") if part)
            free, number = name, 2
            while free in found:
                free, number = f"{name}_{number}", number + 1
            found[free] = SecretVariable(row.path, free, row.description)
    return list(found.values())
