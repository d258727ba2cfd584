"""Every code of an import, with its title and what it means for the import."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["lossless", "repaired", "dropped", "refused"]
"""`refused` is for errors, which end an import; a note has one of the others."""


@dataclasses.dataclass(frozen=True, slots=True)
class ImportCode:
    """One kind of note, or of error."""

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
    "RVN821": "format contradicts examples or pattern",
    "RVN822": "dotted name became a nested object",
    "RVN823": "value stands twice in a list",
    "RVN824": "branches of `oneOf` overlap",
    "RVN825": "parts that hold at once exclude each other",
    "RVN826": "pattern in the dialect of another language",
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
_STREAMS_LOSSLESS = {
    "RVN841": "keyword of another dialect is rewritten",
    "RVN858": "primary key or cursor is left to you",
    "RVN865": "field that could be the primary key or the cursor",
    "RVN866": "field with values of several types",
    "RVN867": "object whose keys are values",
    "RVN876": "operation that the streams do not need",
    "RVN877": "parameter that turns pages",
}
_STREAMS_REPAIRED = {
    "RVN842": "parts under `allOf` are merged",
    "RVN843": "keyword is misspelt",
    "RVN844": "type that JSON does not have",
    "RVN845": "keyword with a value of the wrong form",
    "RVN850": "name is made fit for a manifest",
    "RVN851": "metadata is made fit for a manifest",
    "RVN857": "primary key or cursor is taken from the names of fields",
    "RVN871": "stream name is made fit for a manifest",
    "RVN872": "record schema is made that of an object",
}
_STREAMS_DROPPED = {
    "RVN846": "keyword that record schemas do not have",
    "RVN847": "keyword whose value means nothing",
    "RVN848": "reference that cannot be followed",
    "RVN849": "part of a schema that is too large",
    "RVN852": "metadata that a manifest cannot carry",
    "RVN853": "operation that needs a path parameter",
    "RVN854": "operation that is not a stream",
    "RVN855": "security scheme that a config cannot say wholly",
    "RVN856": "parameter that is not in the config",
    "RVN859": "stream is left out",
    "RVN868": "part of the records that the schema leaves open",
    "RVN873": "primary key or cursor that cannot be written",
    "RVN874": "key of a catalog that a manifest does not have",
    "RVN875": "stream of a catalog is left out",
}
_REFUSED = {
    "RVN840": "file is not an OpenAPI document",
    "RVN860": "line is not JSON",
    "RVN861": "record is not an object",
    "RVN862": "record that cannot be a sample",
    "RVN863": "sample without records",
    "RVN864": "field that cannot be the key or the cursor",
    "RVN870": "file is not a catalog",
    "RVN890": "file is not of the format that was named",
    "RVN891": "schema is too large to be imported",
}


def _codes(outcome: Outcome, titles: Mapping[str, str]) -> dict[str, ImportCode]:
    return {code: ImportCode(title, outcome) for code, title in titles.items()}


IMPORT_CODES: Mapping[str, ImportCode] = MappingProxyType(
    {
        **_codes("lossless", _LOSSLESS),
        **_codes("repaired", _REPAIRED),
        **_codes("dropped", _DROPPED),
        **_codes("lossless", _STREAMS_LOSSLESS),
        **_codes("repaired", _STREAMS_REPAIRED),
        **_codes("dropped", _STREAMS_DROPPED),
        **_codes("refused", _REFUSED),
    }
)
"""Code -> title and outcome, RVN8xx; a code is never reused for another meaning."""
