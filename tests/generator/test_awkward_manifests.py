"""Legal manifests that are easy to get wrong: each one once broke the generator or what it wrote."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from ruff import find_ruff_bin

from rivven_connect import InputError, StreamSet
from rivven_connect.config import ConfigModel
from rivven_generator import naming, reserved
from rivven_generator.load import load_manifest
from rivven_generator.plan import plan_generated, standalone_layout

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
PORT: Schema = {"type": "string", "validator": "port", "default": "8080"}
PART: Schema = {"type": "object", "properties": {"x": {"type": "integer"}}}


def planned(folder: Path, **keys: Any) -> dict[str, str]:
    """Return the generated files of the connector `odd`, by name."""
    value = {"manifest": "1", "kind": "source", "name": "odd", "config": {}, **keys}
    (folder / "connector.yaml").write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    loaded = load_manifest(folder)
    files = plan_generated(loaded, standalone_layout(loaded.manifest))
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return {path.rpartition("/")[2]: text for path, text in files.items()}


def module(folder: Path, name: str) -> Any:
    """Import one generated module by itself, warnings as errors."""
    path = folder / "src/odd/_generated" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"odd_{name}_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        spec.loader.exec_module(found)
    return found


def config_class(folder: Path, properties: Schema, **more: Any) -> Any:
    planned(folder, config={"type": "object", "properties": properties, **more})
    return module(folder, "config").OddConfig


def record_type(folder: Path, schema: Schema) -> Any:
    planned(folder, streams=[{"name": "orders", "schema": schema}])
    return module(folder, "records").OrdersRecord


def assert_ruff_has_nothing_to_say(folder: Path) -> None:
    for command in (["check", "--select", "A,B,C4,E,F,I,PIE,RET,RUF,SIM,UP,W"], ["format", "--check"]):  # fmt: skip
        done = subprocess.run(
            [find_ruff_bin(), *command, "--isolated", "--no-cache", "--line-length=100",
             "--target-version=py311", str(folder / "src")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "names",
    [set(dir(ConfigModel)) | set(dir(type(ConfigModel))), reserved.CONFIG_MODULE_NAMES],
    ids=["attributes of the base", "imports of the module"],
)
def test_a_property_may_have_any_name_that_the_module_needs(
    tmp_path: Path, names: set[str]
) -> None:
    by_field = {naming.field_name(name): name for name in sorted(names)}
    wire = list(by_field.values())
    found = config_class(
        tmp_path, {name: {**PORT, "secret": False} for name in wire}
    )  # fmt: skip
    assert found.parse({}).dump() == dict.fromkeys(wire, "8080")
    assert_ruff_has_nothing_to_say(tmp_path)


@pytest.mark.parametrize("name", sorted(reserved.CONFIG_MODULE_NAMES))
def test_a_nested_object_may_be_called_like_an_import_of_the_module(
    tmp_path: Path, name: str
) -> None:
    found = config_class(tmp_path, {name: PART, "list": {"type": "array", "items": TEXT}})
    assert found.parse({name: {"x": 1}}).dump() == {name: {"x": 1}}


@pytest.mark.parametrize("name", ["Base", "Leaf", "List", "Dict", "Optional", "RootModel", "Enum", "BaseModel"])  # fmt: skip
def test_a_nested_object_may_be_called_like_what_the_class_printer_uses(
    tmp_path: Path, name: str
) -> None:
    assert config_class(tmp_path, {name: PART}).parse({name: {"x": 1}})


def test_a_union_may_have_one_branch(tmp_path: Path) -> None:
    branch = {"type": "object", "required": ["type", "n"],
              "properties": {"type": {"const": "only"}, "n": {"type": "integer"}}}  # fmt: skip
    union = {"oneOf": [branch], "discriminator": {"propertyName": "type"}}
    found = config_class(tmp_path, {"u": union, "us": {"type": "array", "items": union}})
    good = {"type": "only", "n": 1}
    assert found.parse({"u": good, "us": [good]}).dump() == {"u": good, "us": [good]}
    for bad in ({"type": "other", "n": 1}, {"n": 1}, "text"):
        with pytest.raises(InputError):
            found.parse({"u": bad})


def test_an_open_object_of_a_definition_can_be_nullable(tmp_path: Path) -> None:
    inner = {"type": ["object", "null"], "properties": {"a": {"$ref": "#/$defs/D"}}}
    assert config_class(tmp_path, {"o": inner}, **{"$defs": {"D": TEXT}}).parse({"o": None})


def test_secrets_in_lists_come_from_variables_of_their_own(tmp_path: Path) -> None:
    secret = {"type": "string", "secret": True}
    config = {
        "type": "object",
        "properties": {
            "keys": {"type": "array", "items": secret},
            "a": {"type": "object", "properties": {"b": secret}},
            "a_b": secret,
        },
    }
    valid = {"x": {"keys": ["one"], "a": {"b": "two"}, "a_b": "three"}}
    files = planned(tmp_path, config=config, tests={"valid": valid})
    assigned = [line for line in files[".env.example"].splitlines() if line.endswith("=")]
    assert assigned == ["ODD_KEYS=", "ODD_A_B=", "ODD_A_B_2="]
    assert "- ${env:ODD_KEYS}" in files["config.example.yaml"]
    assert "a_b: ${env:ODD_A_B_2}" in files["config.example.yaml"]


def test_a_count_may_be_written_as_a_float(tmp_path: Path) -> None:
    many = {"type": "array", "items": TEXT, "minItems": 2.0, "maxItems": 3.0}
    found = config_class(tmp_path, {"many": many}, required=["many"])
    assert found.example().many == ["example", "example"]


@pytest.mark.parametrize("name", [name for name in dir(StreamSet) if not name.startswith("_")])
def test_a_stream_may_be_called_like_a_method_of_the_stream_set(tmp_path: Path, name: str) -> None:
    planned(tmp_path, streams=[{"name": name, "schema": {"type": "object"}}])
    tree = ast.parse((tmp_path / "src/odd/_generated/base.py").read_text())
    [streams] = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "OddStreams"]
    assert f"{name}_" in ast.unparse(streams)
    assert naming.stream_attribute(name) not in dir(StreamSet)


def test_a_stream_whose_record_type_is_the_connectors_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        planned(tmp_path, name="orders-record", streams=[{"name": "orders", "schema": {}}])
    assert [problem.code for problem in raised.value.problems] == ["RVN402"]


@pytest.mark.parametrize(
    "package", ["async_iterator", "sequence", "transformed", "json_object", "source_registry",
                "test_config", "test_contract", "acme.test", "mock_sink"],
)  # fmt: skip
def test_a_package_whose_class_hides_an_import_of_some_module_is_refused(package: str) -> None:
    assert naming.package_conflict(package) is not None


def test_record_keys_stay_as_they_are(tmp_path: Path) -> None:
    keys = ["__debug__", "__private", "ﬁeld", "field", "class", "a b", "Json", "list"]
    found = record_type(tmp_path, {"type": "object", "properties": dict.fromkeys(keys, TEXT)})
    assert list(found.__annotations__) == keys
    assert_ruff_has_nothing_to_say(tmp_path)


@pytest.mark.parametrize("keys", [["ﬁeld"], ["__private"], ["__x__"], ["é", "a b"]])
def test_record_types_are_what_ruff_wants(tmp_path: Path, keys: list[str]) -> None:
    schema = {"type": "object", "properties": dict.fromkeys(keys, TEXT)}
    assert list(record_type(tmp_path, schema).__annotations__) == keys
    assert_ruff_has_nothing_to_say(tmp_path)


def test_names_that_read_as_digits_are_what_ruff_wants(tmp_path: Path) -> None:
    properties = dict.fromkeys(("l", "O", "I"), TEXT)
    schema = {"type": "object", "required": ["l"], "properties": properties}
    planned(
        tmp_path, config=schema, streams=[{"name": "l", "primary_key": ["l"], "schema": schema}]
    )
    command = [find_ruff_bin(), "check", "--isolated", "--select", "E,UP", str(tmp_path)]
    subprocess.run([*command, "--line-length", "200"], check=True, capture_output=True)


def test_a_schema_may_be_true_or_false_anywhere(tmp_path: Path) -> None:
    properties: Schema = {
        "a": True,
        "b": {"anyOf": [True, TEXT]},
        "c": {"type": "array", "items": False},
        "d": {"$ref": "#/$defs/any"},
        "e": {"type": "object", "additionalProperties": {"oneOf": [False]}},
    }
    schema = {"type": "object", "properties": properties, "$defs": {"any": True}}
    assert list(get_type_hints(record_type(tmp_path, schema))) == list(properties)


def test_null_comes_last_in_a_union_of_unions(tmp_path: Path) -> None:
    nullable = {"type": ["string", "null"]}
    schema = {"type": "object", "required": ["a"],
              "properties": {"a": {"anyOf": [nullable, {"type": "integer"}, nullable]}}}  # fmt: skip
    assert record_type(tmp_path, schema).__annotations__["a"].__forward_arg__ == "str | int | None"
    assert_ruff_has_nothing_to_say(tmp_path)


def test_a_nested_record_never_takes_the_name_of_another_stream(tmp_path: Path) -> None:
    nested = {"type": "object", "properties": {"x_record": PART}}
    streams = [{"name": "orders", "schema": nested}, {"name": "orders_record_x", "schema": PART}]
    planned(tmp_path, streams=streams)
    records = module(tmp_path, "records")
    assert list(records.OrdersRecord.__annotations__) == ["x_record"]
    assert list(records.OrdersRecordXRecord.__annotations__) == ["x"]
    assert list(records.OrdersRecordXRecord2.__annotations__) == ["x"]


def test_a_nullable_definition_stays_nullable(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/$defs/n"}},
              "$defs": {"n": {"type": ["object", "null"], "properties": {"x": TEXT}}}}  # fmt: skip
    text = record_type(tmp_path, schema).__annotations__["a"].__forward_arg__
    assert text == "OrdersRecordN | None"


@pytest.mark.parametrize("form", ["array", "object"])
def test_record_schemas_that_multiply_or_nest_without_end_become_json(
    tmp_path: Path, form: str
) -> None:
    def level(number: int) -> Schema:
        below = {"$ref": f"#/$defs/d{number + 1}"}
        if form == "object":
            return {"type": "object", "properties": {"x": below}}
        return {"anyOf": [{"type": "array", "items": below}, {"type": "object", "additionalProperties": below}]}  # fmt: skip

    definitions = {f"d{number}": level(number) for number in range(400)} | {"d400": TEXT}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": definitions}
    assert "Json" in planned(tmp_path, streams=[{"name": "orders", "schema": schema}])["records.py"]


def test_numbers_in_exported_names_sort_as_numbers(tmp_path: Path) -> None:
    names = ["odd2", "odd10", "odd1"]
    planned(tmp_path, streams=[{"name": name, "schema": {"type": "object"}} for name in names])
    assert_ruff_has_nothing_to_say(tmp_path)


@pytest.mark.parametrize("keyword", ["items", "additionalProperties"])
@pytest.mark.parametrize("value", [[1], 5, "text", None])
def test_a_schema_that_is_none_is_refused(tmp_path: Path, keyword: str, value: object) -> None:
    kind = "array" if keyword == "items" else "object"
    with pytest.raises(InputError) as raised:
        config_class(tmp_path, {"a": {"type": kind, keyword: value}})
    assert {problem.code for problem in raised.value.problems} == {"RVN302"}


@pytest.mark.parametrize(
    ("keys", "fix"),
    [
        ({"config": {"type": "object", "properties": {"url": "string"}}}, "write `{type: string}`"),
        ({"config": {"type": "object", "url": {"type": "string"}}}, "below `properties`"),
        ({"checks": ["ping"]}, "write `name: ping`"),
        ({"streams": [{"name": "a", "schema": {}, "primary_key": "id"}]}, "write `[id]`"),
    ],
)
def test_a_beginners_mistake_gets_a_fix_to_copy(tmp_path: Path, keys: Schema, fix: str) -> None:
    with pytest.raises(InputError) as raised:
        planned(tmp_path, **keys)
    assert [problem.hint for problem in raised.value.problems if fix in problem.hint]


@pytest.mark.parametrize("refers", [False, True])
def test_the_tag_of_a_union_is_required_even_if_no_branch_says_so(
    tmp_path: Path, refers: bool
) -> None:
    branches = {name: {"type": "object", "properties": {"type": {"const": name}, name: TEXT}}
                for name in ("a", "b")}  # fmt: skip
    listed = [{"$ref": f"#/$defs/{name}"} for name in branches] if refers else [*branches.values()]
    union = {"oneOf": listed, "discriminator": {"propertyName": "type"}}
    definitions = {"$defs": branches} if refers else {}
    found = config_class(tmp_path, {"u": union}, **definitions)
    assert found.parse({"u": {"type": "b", "b": "x"}}).dump() == {"u": {"type": "b", "b": "x"}}
    for bad in ({"b": "x"}, {"type": "c"}, {"type": "a", "b": "x"}):
        with pytest.raises(InputError):
            found.parse({"u": bad})


def test_a_record_schema_may_be_a_reference(tmp_path: Path) -> None:
    order = {"type": "object", "properties": {"id": TEXT, "parent": {"$ref": "#/$defs/Order"}}}
    found = record_type(tmp_path, {"$ref": "#/$defs/Order", "$defs": {"Order": order}})
    assert list(get_type_hints(found)) == ["id", "parent"]
    assert get_type_hints(found)["parent"] is found


def test_a_record_of_which_nothing_is_said_is_any_object(tmp_path: Path) -> None:
    streams = [
        {"name": "open", "schema": {"type": "object", "description": '"""'}},
        {"name": "closed", "schema": {"type": "object", "additionalProperties": False}},
    ]
    text = planned(tmp_path, streams=streams)["records.py"]
    found: dict[str, Any] = {}
    exec(compile(text, "records.py", "exec"), found)
    assert found["OpenRecord"] == dict[str, Any]
    assert found["ClosedRecord"].__annotations__ == {}


def test_a_union_that_was_left_out_is_dumped_without_a_warning(tmp_path: Path) -> None:
    branches = [{"type": "object", "required": ["kind"], "properties": {"kind": {"const": name}}}
                for name in ("a", "b")]  # fmt: skip
    union = {"oneOf": branches, "discriminator": {"propertyName": "kind"}}
    found = config_class(tmp_path, {"u": union})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found.parse({}).model_dump() == {"u": None}
        assert found.parse({"u": {"kind": "a"}}).model_dump() == {"u": {"kind": "a"}}
