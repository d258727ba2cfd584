"""Makes the helper modules of this folder importable, and generates the whole corpus once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import corpus_tree


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[corpus_tree.Tree]:
    """Everything that the corpus generates, in one folder whose `src` can be imported."""
    made = corpus_tree.Tree(tmp_path_factory.mktemp("corpus"))
    with made.importable():
        yield made
