"""Named steps of the connection check."""

from __future__ import annotations

from collections.abc import Iterator

from rivven_connect.documents import Problem
from rivven_generator.lint.subject import Whole
from rivven_generator.structure import suggestion


def unique(whole: Whole) -> Iterator[Problem]:
    """A check is declared once."""
    seen: dict[str, int] = {}
    for index, check in enumerate(whole.manifest.checks):
        first = seen.setdefault(check.name, index)
        if first != index:
            where = whole.top.place(("checks", first, "name"))
            yield whole.top.problem(
                "RVN409",
                f"`{check.name}` is declared at {where} as well",
                ("checks", index, "name"),
            )


def requirements(whole: Whole) -> Iterator[Problem]:
    """A check requires one that comes before it, so that no two wait for each other."""
    before: list[str] = []
    for index, check in enumerate(whole.manifest.checks):
        if check.requires is not None and check.requires not in before:
            yield whole.top.problem(
                "RVN410",
                f"no check before this one is called `{check.requires}`",
                ("checks", index, "requires"),
                hint=suggestion(check.requires, before),
            )
        before.append(check.name)
