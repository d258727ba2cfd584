"""Text that people read."""

from __future__ import annotations

from collections.abc import Iterator

from rivven_connect.documents import Problem
from rivven_generator.invisible import INVISIBLE
from rivven_generator.lint.subject import Path, Whole
from rivven_generator.schema.tree import walk


def visible(whole: Whole) -> Iterator[Problem]:
    """Texts that reach the documentation hold no bidirectional or zero-width characters."""
    for path, text in _texts(whole):
        if isinstance(text, str) and INVISIBLE.search(text):
            yield whole.top.problem(
                "RVN216",
                "this text holds bidirectional or zero-width characters; documentation drops them",
                path,
            )


def _texts(whole: Whole) -> Iterator[tuple[Path, object]]:
    for key in ("title", "description", "author"):
        yield (key,), whole.top.root.get(key)
    for path, node in walk(whole.manifest.config, ("config",)):
        for key in ("title", "description"):
            yield (*path, key), node.get(key)
