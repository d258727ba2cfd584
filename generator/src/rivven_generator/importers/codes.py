"""Every code of an import's notes, with its title and what it means for the import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal


@dataclasses.dataclass(frozen=True, slots=True)
class ImportCode:
    """One kind of note."""

    title: str
    outcome: Literal["lossless", "repaired", "dropped"]


def _codes(
    outcome: Literal["lossless", "repaired", "dropped"], titles: Mapping[str, str]
) -> dict[str, ImportCode]:
    return {code: ImportCode(title, outcome) for code, title in titles.items()}


IMPORT_CODES: Mapping[str, ImportCode] = MappingProxyType(
    {
        **_codes("lossless", {}),
        **_codes("repaired", {}),
        **_codes("dropped", {}),
    }
)
"""Code -> title and outcome, RVN8xx; a code is never reused for another meaning."""
