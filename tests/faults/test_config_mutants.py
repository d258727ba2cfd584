"""A2: a generated config class that is changed at any constraint fails its generated tests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from case_kit import class_text, contract_of, failures, load_class
from config_mutants import mutants
from corpus_tree import PATHS, loaded
from figures import Record
from instances import Instances
from sizes import FULL

from rivven_connect import InputError
from rivven_connect._rules import json_key
from rivven_connect.config import ConfigModel
from rivven_generator.cases import config_cases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("corpus")]

SUBJECTS = [path for path in PATHS if "validators." not in class_text(loaded(path))]
"""Manifests that need no author to tell right from wrong."""
STEP = 1 if FULL else 24


class Subject:
    """One manifest's config class, and what its generated tests make of changed ones."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._found = loaded(path)
        self._folder = folder
        self._cases = config_cases(self._found)
        self.text = class_text(self._found)

    def is_noticed(self, text: str) -> bool:
        """Whether the generated tests fail with the changed class."""
        try:
            changed = self._class(text)
            changed._schema_file = None  # the schema alone must not save the class
            return next(failures(contract_of(self._cases, changed)), None) is not None
        except Exception:  # noqa: BLE001  # many a change makes a class that cannot even be loaded
            return True

    def is_equivalent(self, text: str) -> bool:
        """Whether the changed class treats every config as the right one does."""
        changed = self._class(text)
        return [outcome(changed, config) for config in self._configs] == self._outcomes

    def _class(self, text: str) -> type[ConfigModel]:
        return load_class(self._found, text, self._folder)

    @cached_property
    def _configs(self) -> Sequence[Any]:
        return list(Instances(self._found, 1).some(400))

    @cached_property
    def _outcomes(self) -> list[object]:
        right = self._class(self.text)
        return [outcome(right, config) for config in self._configs]


def outcome(config_class: type[ConfigModel], config: Any) -> object:
    """Return what a class makes of a config."""
    try:
        return json_key(config_class.parse(config).dump(reveal=True))
    except InputError:
        return None


@pytest.mark.filterwarnings(
    "ignore::UserWarning"
)  # a changed alias may stand where it does nothing
def test_every_change_of_a_constraint_is_noticed(figures: Record, tmp_path: Path) -> None:
    planted = noticed = equivalent = 0
    missed: list[str] = []
    for path in SUBJECTS:
        subject = Subject(path, tmp_path)
        for label, text in list(mutants(subject.text))[len(path.stem) % STEP :: STEP]:
            planted += 1
            if subject.is_noticed(text):
                noticed += 1
            elif subject.is_equivalent(text):
                equivalent += 1
            else:
                missed.append(f"{path.stem}: {label}")
    figures(
        "A2",
        manifests=len(SUBJECTS),
        planted=planted,
        noticed=noticed,
        without_effect=equivalent,
        missed=len(missed),
    )
    assert len(SUBJECTS) >= 50
    assert missed == []
    assert equivalent < planted / 10
