"""The whole corpus is generated or refused with a place, and what is generated is good Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from corpus_tree import (
    PATHS,
    REFUSED_PATHS,
    Tree,
    expected_refusals,
    loaded,
    name_of,
    shared_tree,
)

from rivven_connect import InputError
from rivven_generator import errors, manifest_sections
from rivven_generator.load import load_manifest
from rivven_generator.manifest import Check, Manifest, Rule, Stream
from rivven_generator.manifest_types import Category, Delivery, Fault, Kind, Part, SyncMode
from rivven_generator.schema import walk
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS, FORMATS, KEYWORDS, TYPES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("corpus"),  # one worker generates the tree, once
]

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "tests/golden/my-source/tree/pyproject.toml"
TOOLS = Path(sys.executable).parent
NODES = [(path, node) for path in PATHS for _, node in walk(loaded(path).manifest.config)]
ELSEWHERE = {"RVN408"}
"""Codes of what nobody wants to read: a thousand streams; tested with the lint rules."""


@pytest.fixture(scope="module")
def tree() -> Tree:
    return shared_tree()


def run(tree: Tree, *command: str) -> None:
    done = subprocess.run(
        [str(TOOLS / command[0]), *command[1:]],
        cwd=tree.folder,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_corpus_is_as_large_as_we_say() -> None:
    assert len(PATHS) + len(REFUSED_PATHS) >= 150
    assert len([path for path in PATHS if path.parent.name == "realistic"]) >= 40


def test_each_manifest_says_what_it_is_about_and_has_a_package_of_its_own() -> None:
    for path in (*PATHS, *REFUSED_PATHS):
        assert path.read_text(encoding="utf-8").startswith("# "), path
    packages = [loaded(path).manifest.package for path in PATHS]
    assert len({*packages}) == len(packages)


def test_every_keyword_type_format_and_validator_occurs() -> None:
    assert {word for _, node in NODES for word in node} == set(KEYWORDS)
    named = {name for _, node in NODES for name in _listed(node.get("type", []))}
    assert named == set(TYPES)
    assert {node["format"] for _, node in NODES if "format" in node} == set(FORMATS)
    validators = {node["validator"] for _, node in NODES if "validator" in node}
    assert set(BUILT_IN_VALIDATORS) < validators


def test_every_key_of_every_section_occurs() -> None:
    parts: list[type[Part]] = [Manifest, Check, Rule, Stream]
    sections = vars(manifest_sections).values()
    parts += [part for part in sections if isinstance(part, type) and issubclass(part, Part)]
    wanted = {field.alias or name for part in parts for name, field in part.model_fields.items()}
    seen = {key for path in PATHS for key in _keys(loaded(path).document.value)}
    assert wanted <= seen


@pytest.mark.parametrize("choices", [Category, Delivery, Fault, Kind, SyncMode], ids=str)
def test_every_choice_of_the_manifest_occurs(choices: Any) -> None:
    words = {word for path in PATHS for word in _words(loaded(path).document.value)}
    assert set(get_args(choices)) <= words


def test_every_code_of_the_manifest_occurs() -> None:
    refused = {place[0] for path in REFUSED_PATHS for place in expected_refusals(path)}
    warned = {problem.code for path in PATHS for problem in loaded(path).warnings}
    about_manifests = {code for code in errors.CODES if code >= "RVN200"}
    assert refused | warned == about_manifests - ELSEWHERE


@pytest.mark.parametrize("path", REFUSED_PATHS, ids=name_of)
def test_what_is_refused_says_why_and_where(path: Path) -> None:
    with pytest.raises(InputError) as raised:
        load_manifest(path)
    found = raised.value.problems
    assert {(problem.code, problem.line, problem.column) for problem in found} == (
        expected_refusals(path)
    )
    assert all(problem.message and problem.hint for problem in found)


def test_everything_that_is_generated_can_be_imported_and_takes_its_examples(tree: Tree) -> None:
    for path in PATHS:
        manifest = loaded(path).manifest
        package = tree.package(path)
        assert package.__all__ == [manifest.class_names.connector]
        for valid in manifest.tests.valid.values():
            tree.config_class(path).parse(valid)


def test_everything_that_is_generated_is_typed_linted_and_formatted(tree: Tree) -> None:
    shutil.copy(SETTINGS, tree.folder / "pyproject.toml")
    run(tree, "ruff", "check", "--no-cache", ".")
    run(tree, "ruff", "format", "--check", "--no-cache", ".")
    run(tree, "mypy", "--strict", "--cache-dir", os.devnull, ".")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _keys(value: Any) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = set(value) if isinstance(value, dict) else set()
    return own.union(*map(_keys, inner))


def _words(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_words, inner))
