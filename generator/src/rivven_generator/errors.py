"""Every error code of a manifest, with its title; `docs/errors/` explains each one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rivven_connect.documents import DOCUMENT_CODES

_MANIFEST = {
    "RVN200": "unknown format version of the manifest",
    "RVN201": "unknown key",
    "RVN202": "required key is missing",
    "RVN203": "value of the wrong type",
    "RVN204": "value is not one of those allowed",
    "RVN205": "value has the wrong form",
    "RVN206": "key does not apply to this kind of connector",
    "RVN207": "package name hides another module",
    "RVN208": "licence is not an SPDX expression",
    "RVN209": "address is not an http or https URL",
    "RVN210": "dependency is not a name with a version specifier",
    "RVN211": "`incremental: false` beside a stream with a cursor",
    "RVN212": "`position: stable` beside a stream without a primary key",
    "RVN213": "batch limit is taken from a field that is no whole number",
    "RVN214": "the same entry twice in a list",
    "RVN215": "limits contradict each other",
    "RVN216": "text holds invisible characters",
    "RVN217": "keys contradict each other",
    "RVN218": "too long, or too many",
}

_CONFIG = {
    "RVN300": "`config` does not describe an object",
    "RVN301": "unknown schema keyword",
    "RVN302": "schema keyword with a value of the wrong form",
    "RVN303": "unknown type",
    "RVN304": "keyword does not apply to this type",
    "RVN305": "default is rejected by its own schema",
    "RVN306": "default on a required property",
    "RVN307": "`required` names a property that is not declared",
    "RVN308": "bounds contradict each other",
    "RVN309": "`enum` is empty or repeats a value",
    "RVN310": "`enum` or `const` value is rejected by its own schema",
    "RVN311": "`$ref` leads elsewhere than to `#/$defs/NAME`",
    "RVN312": "`$ref` names a definition that does not exist",
    "RVN313": "config schema refers to itself",
    "RVN314": "keyword cannot stand beside `$ref`",
    "RVN315": "union is not tagged",
    "RVN316": "two branches of a union have the same tag",
    "RVN317": "pattern is not a portable regular expression",
    "RVN318": "pattern is too expensive",
    "RVN319": "unknown format",
    "RVN320": "validator name cannot be used",
    "RVN321": "`secret` on something that is not a string",
    "RVN322": "secret has a default, example, enum or const",
    "RVN323": "literal looks like a real secret",
    "RVN324": "two properties get the same Python name",
    "RVN325": "property name holds invisible characters",
    "RVN326": "example is rejected by its own schema",
    "RVN327": "config schema is too large",
    "RVN330": "name looks secret and is not marked",
    "RVN331": "pattern is not anchored",
    "RVN332": "`enum` holds values of several types",
    "RVN333": "property name begins with a dash",
    "RVN334": "default holds a reference that nothing replaces",
}

_WHOLE = {
    "RVN401": "stream name is not a legal identifier",
    "RVN402": "two streams get the same Python name",
    "RVN403": "stream's hook is a method of the contract",
    "RVN404": "record schema file cannot be used",
    "RVN405": "record schema is not JSON Schema of an object",
    "RVN406": "stream names a field that its schema does not declare",
    "RVN407": "sync mode or cursor order without a cursor",
    "RVN408": "too many streams",
    "RVN409": "check is declared twice",
    "RVN410": "check requires one that does not come before it",
    "RVN411": "rule is not exactly one rule",
    "RVN412": "rule names a property that is not declared",
    "RVN413": "rule asks for the presence of a field that has a default",
    "RVN414": "rule is `at` a place that is not an object",
    "RVN415": "rule's condition can never hold",
    "RVN416": "record schema seems to hold a misspelt word",
    "RVN420": "valid example config is rejected",
    "RVN421": "invalid example config is accepted",
    "RVN422": "invalid example config fails elsewhere or by another rule",
    "RVN423": "no valid example config, and none can be derived",
    "RVN424": "`simulate` does not fit this kind of connector",
}

CODES: Mapping[str, str] = MappingProxyType({**DOCUMENT_CODES, **_MANIFEST, **_CONFIG, **_WHOLE})
"""Code -> title, RVN1xx to RVN4xx; a code is never reused for another meaning."""

WARNINGS = frozenset(
    {"RVN216", "RVN326", "RVN330", "RVN331", "RVN332", "RVN333", "RVN334", "RVN416"}
)
"""Codes that are reported and do not fail."""
