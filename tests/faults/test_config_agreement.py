"""A1: generated config classes accept exactly what their JSON Schema accepts, and change nothing."""

from __future__ import annotations

import itertools

import agreement
import pytest
from corpus_tree import PATHS, loaded, shared_tree
from figures import Record
from instances import Instances
from sizes import size

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("corpus")]

CONFIGS = size(51_000)  # a fiftieth is left to named validators
SEED = 20_260_101


def test_class_and_validator_agree_on_the_configs_of_the_corpus(figures: Record) -> None:
    tally, each = agreement.Tally(), -(-CONFIGS // len(PATHS))
    for path in PATHS:
        comparison = agreement.Comparison(loaded(path), shared_tree().config_class(path))
        for config in itertools.islice(Instances(loaded(path), SEED).some(each), each):
            comparison.compare(config, tally)
    judged = tally.accepted + tally.refused
    figures(
        "A1",
        configs=judged,
        accepted=tally.accepted,
        refused=tally.refused,
        differing=tally.explained,
        unexplained=len(tally.differences),
        changed=len(tally.changed),
    )
    assert tally.differences == []
    assert tally.changed == []
    assert tally.explained <= judged / 1000
    assert min(tally.accepted, tally.refused) > judged / 4, "the configs are one-sided"
