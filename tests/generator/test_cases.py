"""The cases of generated config tests: complete, true of the generated class, and sharp."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from call_count import calls, grows_like_its_input
from case_kit import class_text, contract_of, failures, load_class
from config_mutants import mutants

from rivven_connect.config import ConfigModel
from rivven_connect.documents import InputError
from rivven_generator.cases import CasesView, Repeat, config_cases, derive_cases
from rivven_generator.load import LoadedManifest, load_manifest
from rivven_generator.schema import compile_config_schema, pattern_samples, validator_of
from rivven_generator.schema.pattern_samples import samples

HERE = Path(__file__).parent
MANIFESTS = {path.stem: path for path in sorted((HERE / "case_manifests").glob("*.yaml"))}

UNCOVERED = {
    "awkward": {("/own_object", "validator"), ("/own_secret", "validator")},
    "odd": {("/redundant", "exclusiveMinimum")},
}
"""Constraints that no case can show: no `tests.invalid` names them, or another one implies them."""

SAME_BEHAVIOUR = (
    r"(Token|App|Nothing|StepsItem\w+|BranchesValue\w)\.\w+: optional",  # a tag is asked for anyhow
    r".*: Secret as Text",  # SecretText makes a Secret of it
    r"\w+\.(exact|one_only|mixed_choice|v): (any value|without ('auto'|True|None|1|2|3))",  # OneOf judges
    r"\w+\.exact: without OneOf\(7\)",  # and a literal 7 does
    r"\w+\.step: (ge|le) [+-]1",  # the next multiple of 4 is the same one
    r"\w+\.redundant: .*",
    r"\w+\.impossible_short: m\w+_length [+-]1",  # its format has one length
    r"\w+\.nothing: Text as Json",  # a list that has no items
    r"AwkwardConfig\.own: min_length \+1|OwnObject\.count: ge \+1",  # only the author may judge
    r"AwkwardConfig\.own_(object|secret): without .*",  # no `tests.invalid` for them
)
"""Mutants that accept the same configs, or that only an author's own cases could tell."""

AWKWARD_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 4, 5, 9, 10, 20, 21, 24, 2.5, 0.1, 0.3, 0.30000000000000004,
    1.1, 9.9, 10.0, 1.0, -0.0, 1e16, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, 1e25, 1e300,
    1e-7, 3.0000000000000004, 4.000000000000001, 7.0, 0.9999999999999999, 0.49999999999999994, 1e22,
    65535, 65536, -0.5, -1.0, "", "a", "ab", "abcd", "A", "0", "5", "1.0", "true", "null", "x" * 12,
    "x" * 13, "x" * 41, "x" * 99, "x" * 4096, "x" * 4097, "\u00e9", "e\u0301", "\U0001f600" * 3,
    "\U0001f600" * 4, "\x00", "a\n", "GB-123", "GB-12", "x GB-123", "safe", "fixed", "auto",
    "\u0663", "\u00b2", "a\u2028", "a\r", "8080", "08080", "http://x", "2021-01-25", [], ["a"],
    ["ab"], ["ab", "ab"], ["ab", "cd", "ef", "gh"], [1], [1, 1], [1, 1.0], [1, True], [0, False],
    [[0]], [[]], [[-1]], [None], [{"id": 1}, {"id": 1.0}], [{"id": 1}, {"id": True}],
    [{"id": 1, "note": "a"}, {"note": "a", "id": 1}], [5, 5.0], [True] * 100, [True] * 101, {},
    {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"x": "abcd"}, {"x": "abcde"}, {"a": None}, {"a": 1, "z": 1},
    {"a": 1, "z": True, "y": False, "x": True, "w": True}, {"known": "x"}, {"known_": 1}, {"": "a"},
    {"__class__": 1}, {"model_config": True, "a": 1}, {"type": "token"}, {"type": "none"},
    {"known": 1, "_p": 2}, {"known": 2, "__pydantic_extra__": {}}, {"known": 1, "model_extra": 3},
]  # fmt: skip


@pytest.fixture(params=MANIFESTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def loaded(name: str) -> LoadedManifest:
    return load_manifest(MANIFESTS[name])


def test_every_case_holds_for_the_generated_class(loaded: LoadedManifest, tmp_path: Path) -> None:
    config_class = load_class(loaded, class_text(loaded), tmp_path)
    assert list(failures(contract_of(config_cases(loaded), config_class))) == []


def test_every_constraint_has_a_case(name: str, loaded: LoadedManifest) -> None:
    cases = config_cases(loaded)
    assert set(cases.uncovered) == UNCOVERED.get(name, set())
    assert cases.left_out == 0
    assert len(cases.accepts) + len(cases.rejects) <= 400


@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # a mutant's alias may stand where it does nothing
def test_a_changed_constraint_makes_a_case_fail(loaded: LoadedManifest, tmp_path: Path) -> None:
    cases = config_cases(loaded)
    seen, survivors = 0, []
    for mutation, text in mutants(class_text(loaded)):
        if any(re.fullmatch(pattern, mutation) for pattern in SAME_BEHAVIOUR):
            continue
        seen += 1
        try:
            config_class = load_class(loaded, text, tmp_path)
            config_class._schema_file = None
            failed = next(failures(contract_of(cases, config_class)), None)
        except Exception as error:  # noqa: BLE001 - many a mutant cannot even be loaded
            failed = repr(error)
        if failed is None:
            survivors.append(mutation)
    assert survivors == []
    assert seen > 50


def test_class_and_schema_agree_on_awkward_values(loaded: LoadedManifest, tmp_path: Path) -> None:
    config_class = load_class(loaded, class_text(loaded), tmp_path)
    schema = validator_of(compile_config_schema(loaded.manifest))
    base = next(iter(config_cases(loaded).bases.values()))
    differences = []
    for field, declared in loaded.manifest.config["properties"].items():
        for value in AWKWARD_VALUES:
            verdict = _accepts(config_class, {**base, field: value})
            if verdict != schema.is_valid({**base, field: value}) and "validator" not in declared:
                differences.append((field, value, verdict))
    assert differences == []


def _accepts(config_class: type[ConfigModel], values: Any) -> bool:
    try:
        config_class.parse(values)
    except InputError:
        return False
    return True


def test_bases_cover_every_branch_and_every_optional_property() -> None:
    bases = config_cases(load_manifest(MANIFESTS["unions"])).bases
    assert list(bases) == [
        "with_token", "full", "auth: app", "auth: none", "steps: move", "via: app",
    ]  # fmt: skip
    assert set(bases["full"]) == {
        "auth", "steps", "by_name", "endpoint", "proxies", "passwords", "tokens",
    }  # fmt: skip
    assert all(bases["full"].values())


def test_invalid_configs_of_the_manifest_are_cases_in_the_class_words() -> None:
    cases = config_cases(load_manifest(MANIFESTS["unions"]))
    given = [(case.at, case.rule) for case in cases.rejects if case.pointer == "" and case.at]
    assert given == [("/auth", "oneOf"), ("/auth", "oneOf"), ("/steps/0/to", "pattern")]


def test_every_secret_has_a_canary() -> None:
    found = {
        case.pointer
        for name in MANIFESTS
        for case in config_cases(load_manifest(MANIFESTS[name])).secrets
    }
    assert found == {
        "/auth/token", "/by_name/key1/password", "/passwords/0", "/tokens/key1", "/auth/private_key",
        "/password", "/m~0n/~01", "/own_secret", "/tiny_secret", "/pin", "/secrets/1",
    }  # fmt: skip


def test_a_long_text_is_written_short() -> None:
    cases = derive_cases(
        {"type": "object", "properties": {"a": {"type": "string", "maxLength": 5000}}},
        [],
        {"a": {}},
    )
    assert Repeat("x", 5001) in [case.value for case in cases.rejects]


def test_cases_do_not_depend_on_the_hash_seed() -> None:
    script = (
        "import sys; from rivven_generator.load import load_manifest as load\n"
        "from rivven_generator.cases import config_cases\n"
        "for path in sys.argv[1:]: print(config_cases(load(path)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script, *map(str, MANIFESTS.values())],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


MANY_KINDS: list[Any] = [
    {"type": "string", "minLength": 1, "maxLength": 50, "pattern": "^[a-z]+$"},
    {"type": "integer", "minimum": 1, "maximum": 100},
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
    {"enum": ["a", "b", "c"]},
]


def many_fields(count: int, *, required: bool) -> CasesView:
    properties = {f"field{number}": MANY_KINDS[number % 4] for number in range(count)}
    values = ["a", 1, ["a"], "a"]
    config = {f"field{number}": values[number % 4] for number in range(count)} if required else {}
    schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": list(properties)} if required else {}),
    }
    return derive_cases(schema, [], {"all": config})


@pytest.mark.parametrize("required", [True, False])
def test_twice_as_many_fields_are_twice_the_work(required: bool) -> None:
    counts = [
        calls(functools.partial(many_fields, count, required=required)) for count in (50, 100, 200)
    ]
    assert grows_like_its_input(counts), counts


@pytest.mark.parametrize("required", [True, False])
def test_a_thousand_fields_give_cases_of_every_kind(required: bool) -> None:
    cases = many_fields(1000, required=required)
    assert len(cases.accepts) + len(cases.rejects) <= 400
    assert cases.left_out > 0
    tested = {case.rule for case in cases.rejects}
    assert {"minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "enum"} <= tested


@pytest.mark.parametrize(
    "pattern",
    [
        "^a$", "^[^/]+/[^/]+$", "^(GB|DE)-[0-9]{3,5}$", r"^\d{4}-\d\d$", "^[a-z][a-z0-9-]*[a-z0-9]$",
        "^(?:https?|s3)://.+$", r"^\w+@\w+\.\w{2,}$", "^[A-Z]{2}(_[A-Z]{2})?$", r"^[\w.-]+$", "^.{3}$",
        "^(a|b)+c{2}$", r"^\S+$", r"^\[x\]$", "^[-+]?[0-9]+$", "^(?P<n>x)y$", "^[^a-zA-Z0-9]$", "^$",
        r"^arn:aws:[a-z0-9]+:[a-z0-9-]*:\d{12}:.+$", "[0-9]+", r"^([0-9]{1,3}\.){3}[0-9]{1,3}$",
    ],
)  # fmt: skip
def test_samples_match_their_pattern(pattern: str) -> None:
    found = samples(pattern)
    assert found
    assert all(re.search(pattern, text) for text in found)


@pytest.mark.parametrize("pattern", ["(", "[", r"\p{L}", "(?=a)", "[[:alpha:]]", "a{", "(" * 5000])
def test_a_pattern_beyond_the_sampler_gives_no_samples(pattern: str) -> None:
    assert samples(pattern) in ([], [""])


def test_samples_have_the_wanted_length() -> None:
    assert [len(text) for text in samples("^[a-z]+-[0-9]*$", 40)] == [40]
    assert json.dumps(samples("^a{2,4}$", 9)) == '["aaaa"]'


def test_a_field_is_compiled_and_its_pattern_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = {"type": "string", "minLength": 1, "maxLength": 200}
    properties = {f"f{n}": {**field, "pattern": f"^[a-z]{{1,{n + 9}}}$"} for n in range(50)}
    manifest = {"manifest": "1", "kind": "source", "name": "demo"}
    path = tmp_path / "connector.yaml"
    path.write_text(
        json.dumps({**manifest, "config": {"type": "object", "properties": properties}})
    )
    loaded = load_manifest(path)
    done: dict[str, int] = {"compiled": 0, "read": 0}

    def counted(word: str, function: Any) -> Any:
        def count(given: Any) -> Any:
            done[word] += 1
            return function(given)

        return count

    monkeypatch.setattr(
        "rivven_generator.cases.samples.validator_of", counted("compiled", validator_of)
    )
    parser = pattern_samples._Parser  # how often it runs is what is asked
    monkeypatch.setattr(pattern_samples, "_Parser", counted("read", parser))
    config_cases(loaded)
    assert done == {"compiled": 50, "read": 50}
