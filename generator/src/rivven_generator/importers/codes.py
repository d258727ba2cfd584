"""Every code of an import's notes, with its title and what it means for the import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["lossless", "repaired", "dropped"]


@dataclasses.dataclass(frozen=True, slots=True)
class ImportCode:
    """One kind of note."""

    title: str
    outcome: Outcome


_LOSSLESS = {
    "RVN800": "display hint has no place in a manifest",
    "RVN801": "keyword says nothing about the values here",
    "RVN802": "the same schema in other words",
    "RVN803": "group of settings became rules",
    "RVN804": "part of the file has no meaning outside its platform",
    "RVN805": "another word for the same thing",
}
_REPAIRED = {
    "RVN810": "misspelt keyword",
    "RVN811": "type was not written",
    "RVN812": "name of a type in another language",
    "RVN813": "value written as another type",
    "RVN814": "`required` named something that is not declared",
    "RVN815": "required property has a default",
    "RVN816": "tag of a union was not a required constant",
    "RVN817": "secret was marked in another way",
    "RVN818": "name is not one that a manifest may have",
    "RVN819": "object was closed",
    "RVN820": "text held characters that a manifest must not hold",
    "RVN821": "format contradicts the examples",
    "RVN822": "dotted name became a nested object",
    "RVN823": "value stands twice in a list",
    "RVN824": "branches of `oneOf` overlap",
    "RVN825": "parts that hold at once exclude each other",
}
_DROPPED = {
    "RVN830": "keyword has no counterpart in a manifest",
    "RVN831": "union has no tag",
    "RVN832": "several types at once",
    "RVN833": "default is rejected by its own schema",
    "RVN834": "value of a secret",
    "RVN835": "pattern is not portable, or too expensive",
    "RVN836": "constraints contradict each other",
    "RVN837": "property cannot be declared",
    "RVN838": "reference cannot be followed",
    "RVN839": "value is not what its keyword takes",
}


def _codes(outcome: Outcome, titles: Mapping[str, str]) -> dict[str, ImportCode]:
    return {code: ImportCode(title, outcome) for code, title in titles.items()}


IMPORT_CODES: Mapping[str, ImportCode] = MappingProxyType(
    {
        **_codes("lossless", _LOSSLESS),
        **_codes("repaired", _REPAIRED),
        **_codes("dropped", _DROPPED),
    }
)
"""Code -> title and outcome, RVN8xx; a code is never reused for another meaning."""
