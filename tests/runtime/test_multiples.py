"""`multipleOf` judges a number as it is written, whatever its size."""

from __future__ import annotations

from typing import Annotated

import pytest

from rivven_connect import InputError
from rivven_connect.config import Integer, MultipleOf, Number, SourceConfig


class Config(SourceConfig):
    threes: Annotated[Integer, MultipleOf(3)] = 0
    tenths: Annotated[Number, MultipleOf(0.1)] = 0
    least: Annotated[Number, MultipleOf(5e-324)] = 0


@pytest.mark.parametrize(
    "config",
    [
        {"threes": 3 * 10**5_000},
        {"threes": -9.0},
        {"tenths": 0.3},
        {"tenths": 10**900},
        {"least": 1e308},
    ],
    ids=lambda config: str(list(config)),
)
def test_multiples_are_accepted(config: dict[str, float]) -> None:
    Config.parse(config)


@pytest.mark.parametrize(
    "config",
    [{"threes": 10**900}, {"threes": 10**5_000}, {"tenths": 0.30000000000000004}, {"tenths": 1e-9}],
    ids=lambda config: str(list(config)),
)
def test_other_numbers_are_refused(config: dict[str, float]) -> None:
    with pytest.raises(InputError) as refused:
        Config.parse(config)
    assert [problem.rule for problem in refused.value.problems] == ["multipleOf"]
