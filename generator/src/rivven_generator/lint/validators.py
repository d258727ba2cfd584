"""The functions that `validator` names."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator

from rivven_connect.documents import Problem, escape_text
from rivven_generator import naming
from rivven_generator.lint.subject import Subject
from rivven_generator.schema.tree import walk
from rivven_generator.schema.vocabulary import BUILT_IN_VALIDATORS, types_of


def are_functions(config: Subject) -> Iterator[Problem]:
    """A validator is a function name, or a built-in on a type that it knows."""
    for path, node in walk(config.root):
        name = node.get("validator")
        if name is None:
            continue
        if not re.fullmatch(naming.HOOK_NAME, name) or keyword.iskeyword(name):
            yield config.problem(
                "RVN320",
                f"{escape_text(name, limit=60)!r} cannot be the name of a function",
                (*path, "validator"),
                hint="use lower-case letters, digits and `_`; logic belongs into validators.py",
            )
        elif name in BUILT_IN_VALIDATORS and types_of(node).isdisjoint(BUILT_IN_VALIDATORS[name]):
            wanted = " or ".join(sorted(BUILT_IN_VALIDATORS[name]))
            yield config.problem(
                "RVN320", f"the built-in validator `{name}` is for {wanted}", (*path, "validator")
            )
