"""Where every note of an import is lossless, the manifest accepts what the file accepts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
from schema_maker import SchemaMaker

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.json_schema import import_json_schema
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.load import check_manifest
from rivven_generator.schema import compile_config_schema

SCHEMAS = 250
VALUES_EACH = 40


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def test_a_lossless_import_accepts_the_same_configs() -> None:
    verdicts = {True: 0, False: 0}
    lossless = refused = 0
    for seed in range(SCHEMAS):
        maker = SchemaMaker(seed)
        document = parse_document(json.dumps(maker.root), path="spec.json", foreign=True)
        try:
            found = import_json_schema(document, name="made")
        except InputError:
            refused += 1
            continue
        if {note.outcome for note in found.notes} - {"lossless"}:
            continue
        lossless += 1
        manifest = check_manifest(parse_document(manifest_yaml(found.manifest))).manifest
        theirs, ours = validator(maker.root), validator(compile_config_schema(manifest))
        for _ in range(VALUES_EACH):
            value = maker.value()
            if isinstance(value, dict):
                expected = theirs.is_valid(value)
                assert ours.is_valid(value) == expected, (seed, value, maker.root)
                verdicts[expected] += 1
    assert lossless > SCHEMAS // 2, "most of these schemas can be said exactly"
    assert refused < SCHEMAS // 50
    assert min(verdicts.values()) > 500, "the values are one-sided"
