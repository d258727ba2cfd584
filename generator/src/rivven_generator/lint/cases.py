"""Example configs, judged by the schema that the manifest compiles to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rivven_connect.documents import Problem, escape_text, split_pointer
from rivven_generator.lint.subject import Whole
from rivven_generator.manifest_sections import SinkSimulation
from rivven_generator.schema import (
    ConfigVerdict,
    Failure,
    blocking_property,
    compile_config_schema,
    minimal_config,
)

_SHOWN = 3
_REFUSING = 300
"""The lowest status that says that a request was not carried out."""


def valid(whole: Whole) -> Iterator[Problem]:
    """A valid config is accepted."""
    verdict = _verdict(whole)
    for name, config in whole.manifest.tests.valid.items():
        for failure in verdict.failures(config)[:_SHOWN]:
            at = _inside(("tests", "valid", name), failure.places[0])
            yield whole.top.problem(
                "RVN420", f"this valid config is refused: it breaks `{failure.rules[0]}`", at
            )


def _inside(base: tuple[str | int, ...], pointer: str) -> tuple[str | int, ...]:
    return (*base, *split_pointer(pointer))


def invalid(whole: Whole) -> Iterator[Problem]:
    """An invalid config is refused where, and by the rule, that its case says."""
    verdict = _verdict(whole)
    for name, case in whole.manifest.tests.invalid.items():
        if case.rule == "validator":
            continue  # only the author's code knows
        failures = verdict.failures(case.config)
        at = ("tests", "invalid", name)
        if not failures:
            yield whole.top.problem("RVN421", "this invalid config is accepted", (*at, "config"))
        elif not any(failure.is_described_by(case.at, case.rule) for failure in failures):
            yield whole.top.problem(
                "RVN422",
                "this config is refused, but elsewhere or by another rule",
                at,
                key=True,
                hint=f"it fails {_described(failures[0])}",
            )


def _described(failure: Failure) -> str:
    place = escape_text(failure.places[0], limit=80)
    return f'at "{place}" by {failure.rules[0]}'


def example(whole: Whole) -> Iterator[Problem]:
    """There is a valid config to show: written, or derived."""
    if whole.manifest.tests.valid or minimal_config(whole.manifest) is not None:
        return
    path = blocking_property(whole.manifest)
    named = (
        f"`{escape_text(path[-1], limit=60)}` is required, and no value" if path else "no config"
    )
    yield whole.top.problem(
        "RVN423",
        f"{named} can be derived from the schema",
        ("config", *path),
        key=True,
        hint="write a valid config under `tests.valid`",
    )


def simulation(whole: Whole) -> Iterator[Problem]:
    """`simulate` and `cases` have the form that belongs to the kind."""
    kind, tests = whole.manifest.kind, whole.manifest.tests
    if tests.cases and kind != "transform":
        yield whole.top.problem(
            "RVN424", f"`cases` are for transforms, not a {kind}", ("tests", "cases")
        )
    if tests.simulate is None:
        return
    fits = {
        "source": not isinstance(tests.simulate, list),
        "sink": isinstance(tests.simulate, list),
    }
    if not fits.get(kind, False):
        wanted = {
            "source": "a source takes a mapping of pages and faults",
            "sink": "a sink takes a list of replies",
        }
        yield whole.top.problem(
            "RVN424", wanted.get(kind, "a transform has nothing to simulate"), ("tests", "simulate")
        )
    elif isinstance(tests.simulate, list):
        yield from _accepting_replies(whole, tests.simulate)


def _accepting_replies(whole: Whole, replies: Sequence[SinkSimulation]) -> Iterator[Problem]:
    """A reply that refuses nothing has no consequence to test."""
    for index, reply in enumerate(replies):
        if reply.when.status < _REFUSING:
            yield whole.top.problem(
                "RVN424",
                f"a service that answers {reply.when.status} refuses no record",
                ("tests", "simulate", index, "when", "status"),
                hint="give a status from 300 on; that records are accepted otherwise goes without saying",
            )


def _verdict(whole: Whole) -> ConfigVerdict:
    return ConfigVerdict(compile_config_schema(whole.manifest), whole.manifest.rules)
