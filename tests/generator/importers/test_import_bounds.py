"""What a foreign file costs is bounded: located answers, no traceback, no blow-up.

None of these is timed: work is counted in calls, or had no end before there were bounds.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection
from typing import Any

import pytest
from call_count import calls, grows_like_its_input

from rivven_connect.documents import InputError, parse_document
from rivven_generator.importers.conduit import import_conduit
from rivven_generator.importers.formats import FOREIGN_LIMITS
from rivven_generator.importers.json_schema import import_json_schema
from rivven_generator.importers.notes import Imported, Notes
from rivven_generator.importers.patterns import written_out
from rivven_generator.importers.references import References
from rivven_generator.importers.singer import import_singer
from rivven_generator.load import check_manifest


def imported(schema: Any, importer: Any = import_json_schema) -> Imported:
    text = json.dumps(schema)
    document = parse_document(text, path="spec.json", foreign=True, limits=FOREIGN_LIMITS)
    found: Imported = importer(document)
    return found


def with_definitions(definitions: dict[str, Any]) -> dict[str, Any]:
    properties = {"a": {"$ref": "#/$defs/A0"}}
    return {"type": "object", "properties": properties, "$defs": definitions}


def link(number: int) -> dict[str, str]:
    return {"$ref": f"#/$defs/A{number + 1}"}


CHAINS: dict[str, Callable[[int], dict[str, Any]]] = {
    "allOf, doubled": lambda n: {"allOf": [link(n), link(n)]},
    "allOf": lambda n: {"allOf": [link(n)]},
    "references": link,
    "items": lambda n: {"type": "array", "items": link(n)},
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_long_chain_of_references_is_refused_at_its_place(chain: str) -> None:
    definitions = {f"A{n}": CHAINS[chain](n) for n in range(600)}
    with pytest.raises(InputError) as refused:
        imported(with_definitions({**definitions, "A600": {"type": "string"}}))
    [problem] = refused.value.problems
    assert problem.code == "RVN891"
    assert problem.line > 0


def test_copies_that_double_are_refused() -> None:
    definitions = {f"A{n}": CHAINS["allOf, doubled"](n) for n in range(40)}
    with pytest.raises(InputError) as refused:
        imported(with_definitions({**definitions, "A40": {"type": "string"}}))
    assert {problem.code for problem in refused.value.problems} == {"RVN891"}


def test_guesses_at_required_names_that_nobody_declared_have_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared = 0

    def counted(_word: str, among: Collection[str], **_more: Any) -> list[str]:
        nonlocal compared
        compared += len(among)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    properties = {f"p_{n}": {"type": "string"} for n in range(1_000)}
    names = [f"q_{n}" for n in range(1_000)]
    found = imported({"type": "object", "properties": properties, "required": names})
    assert "required" not in found.manifest["config"]
    assert 0 < compared <= 200_000


def test_definitions_that_are_called_alike_take_linear_work() -> None:
    document = parse_document("{}", path="spec.json", foreign=True)

    def work(number: int) -> int:
        references = References(document, (), Notes(document))
        return calls(lambda: names.append([references.name_of((n, "x")) for n in range(number)]))

    names: list[list[str]] = []
    assert grows_like_its_input([work(number) for number in (100, 200, 400)])
    assert names[0] == ["x", *(f"x-{n}" for n in range(2, 101))]


def test_many_groups_of_settings_are_dropped_with_a_note() -> None:
    groups = [[f"a{n}", f"b{n}"] for n in range(12)] + [[f"c{n}"] for n in range(1_000)]
    settings = [{"name": name} for group in groups for name in group]
    plugin = {"name": "tap-x", "settings": settings, "settings_group_validation": groups}
    assert "RVN830" in {note.code for note in imported(plugin, import_singer).notes}


def test_a_setting_that_is_nested_too_deep_is_left_out_with_a_note() -> None:
    settings = [{"name": "a" + ".a" * 3_000}, {"name": "b"}]
    found = imported({"name": "tap-x", "settings": settings}, import_singer)
    assert set(found.manifest["config"]["properties"]) == {"b"}
    assert "RVN837" in {note.code for note in found.notes}


@pytest.mark.parametrize("text", ["9" * 400, "[" * 50_000, "1e999"])
def test_text_that_no_number_holds_is_no_default_of_a_number(text: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "default": text}}}
    parameter = {"name": "a", "type": "int", "default": text}
    source = {"specification": {"name": "x", "source": {"parameters": [parameter]}}}
    for found in (imported(schema), imported(source, import_conduit)):
        assert found.manifest["config"]["properties"]["a"] == {"type": "integer"}
        assert "RVN833" in {note.code for note in found.notes}


def test_a_reference_to_an_item_that_is_not_there_leads_nowhere() -> None:
    properties = {"a": {"$ref": "#/properties/b/oneOf/0000000009"}, "b": {"oneOf": [{}]}}
    found = imported({"type": "object", "properties": properties})
    assert "RVN838" in {note.code for note in found.notes}


def test_a_default_of_kind_json_is_kept() -> None:
    plugin = {"name": "tap-x", "settings": [{"name": "a", "kind": "json", "value": {"b": 1}}]}
    found = imported(plugin, import_singer)
    assert found.manifest["config"]["properties"]["a"] == {"default": {"b": 1}}


def fields(number: int, schema: Callable[[int], Any], **more: Any) -> dict[str, Any]:
    properties = {f"f{n}": schema(n) for n in range(number)}
    return {"type": "object", "properties": properties, **more}


def test_what_is_wrong_with_many_fields_is_mended_in_a_few_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = 0

    def counted(*given: Any, **more: Any) -> Any:
        nonlocal rounds
        rounds += 1
        return check_manifest(*given, **more)

    monkeypatch.setattr("rivven_generator.importers.finishing.check_manifest", counted)
    broken = {
        "type": "string",
        "format": "date",
        "pattern": "^(?!a)b$",
        "minLength": 9,
        "maxLength": 3,
        "enum": ["a", "b"],
        "default": "k",
        "examples": ["x", "y"],
    }
    found = imported(fields(450, lambda _: broken))
    assert len(found.manifest["config"]["properties"]) == 450
    assert rounds <= 8


@pytest.mark.parametrize("pattern", ["^[a-z]{{0,900}}{}$", "^(\\W{{0,30}}){{0,60}}{}$"])
def test_patterns_that_cost_too_much_together_are_left_out_with_notes(pattern: str) -> None:
    schema = fields(
        300, lambda n: {"type": "string", "format": "date", "pattern": pattern.format(n)}
    )
    found = imported(schema)
    properties = found.manifest["config"]["properties"].values()
    kept = [declared["pattern"] for declared in properties if "pattern" in declared]
    assert kept
    assert sum(map(written_out, kept)) <= 100_000
    left_out = [note for note in found.notes if note.code == "RVN835"]
    assert len(left_out) == 300 - len(kept)


@pytest.mark.parametrize(
    ("pattern", "characters"),
    [
        ("^abc$", 5),
        ("^a{10}$", 12),
        ("^(ab){3,5}c$", 13),
        ("^((a{10}){10}){10}$", 1_002),
        ("^[a-z)(]{4}$", 6),
        (r"^\({2}$", 4),
        (r"\p{L}", 103),
        ("((", 0),
        ("[" * 2_000, 1),
    ],
)
def test_the_repeats_of_a_pattern_are_written_out(pattern: str, characters: int) -> None:
    assert written_out(pattern) == characters


def test_many_patterns_of_which_no_example_can_be_made_are_left_out() -> None:
    schema = fields(
        60, lambda n: {"type": "string", "pattern": f"^[[a-z]&&[^a]]{{{n + 1}}}$"}, required=["f0"]
    )
    found = imported({**schema, "required": list(schema["properties"])})
    assert len([note for note in found.notes if note.code == "RVN835"]) == 60
    assert len(found.manifest["tests"]["valid"]["minimal"]) == 60


def test_a_pattern_that_no_example_needs_stays() -> None:
    odd = "^[[a-z]&&[^a]]$"
    schema = fields(2, lambda _: {"type": "string", "pattern": odd}, required=["f0"])
    properties = imported(schema).manifest["config"]["properties"]
    assert properties == {"f0": {"type": "string"}, "f1": {"type": "string", "pattern": odd}}


def test_a_manifest_that_would_hold_too_much_is_refused_in_the_file_itself() -> None:
    listed = [f"v{n}" for n in range(4_000)]
    with pytest.raises(InputError) as refused:
        imported(fields(14, lambda _: {"type": "string", "enum": listed}))
    [problem] = refused.value.problems
    assert (problem.code, problem.path, problem.line) == ("RVN102", "spec.json", 1)
