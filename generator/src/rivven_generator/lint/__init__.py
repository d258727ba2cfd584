"""Every rule that a manifest is held to, one module per family.

A rule is a function that yields problems. Families run in an order in which each can rely on what the
ones before it have established; a later family is skipped where its ground is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from rivven_connect.documents import Document, Problem
from rivven_generator.lint import (
    bounds,
    cases,
    checks,
    doubtful,
    keys,
    metadata,
    names,
    patterns,
    records,
    references,
    rules,
    secrets,
    shape,
    streams,
    texts,
    unions,
    validators,
    values,
)
from rivven_generator.lint.subject import Subject, Whole
from rivven_generator.manifest import Manifest

T = TypeVar("T")
Rule = Callable[[T], Iterator[Problem]]

MOST_PER_RULE: Final = 100

_SHAPE: tuple[Rule[Subject], ...] = (shape.root_is_object, shape.nodes)
_REFERENCES: tuple[Rule[Subject], ...] = (
    references.targets,
    references.recursion,
    references.size,
)
_MEANING: tuple[Rule[Subject], ...] = (
    unions.tagged,
    bounds.numbers,
    bounds.sizes,
    patterns.portable,
    patterns.anchored,
    validators.are_functions,
    secrets.only_strings,
    secrets.no_literals,
    secrets.nothing_looks_real,
    secrets.unmarked,
    names.collisions,
    names.visible,
    values.enums_are_sets,
    doubtful.mixed_enums,
    doubtful.dashed_names,
    doubtful.literal_references,
    values.required_is_declared,
)
_VALUES: tuple[Rule[Subject], ...] = (
    values.no_default_on_required,
    values.defaults,
    values.constants,
    values.examples,
)
_WHOLE: tuple[Rule[Whole], ...] = (
    metadata.package,
    metadata.licence,
    metadata.addresses,
    metadata.dependencies,
    metadata.lists,
    texts.visible,
    keys.incremental,
    keys.position,
    keys.batches,
    keys.backoff,
    streams.names,
    streams.record_types,
    streams.hooks,
    streams.fields,
    streams.modes,
    checks.unique,
    checks.requirements,
    cases.simulation,
)
_WITH_CONFIG: tuple[Rule[Whole], ...] = (
    keys.limits_from_config,
    rules.forms,
    rules.targets,
    rules.presence,
    rules.conditions,
)
_JUDGED: tuple[Rule[Whole], ...] = (
    rules.defaults,
    cases.valid,
    cases.invalid,
    cases.example,
)


def lint(
    document: Document,
    value: Any,
    manifest: Manifest | None,
    record_schemas: Mapping[int, Subject],
    *,
    most_per_rule: int = MOST_PER_RULE,
) -> list[Problem]:
    """Return every problem of the manifest `value`; `manifest` is None where its structure failed.

    Of one rule, only the first `most_per_rule` are returned: nobody reads more.
    """
    return _Run(most_per_rule).problems(document, value, manifest, record_schemas)


class _Run(msgspec.Struct, frozen=True):
    """One run of the rules, with at most so many problems of each."""

    most: int

    def problems(
        self,
        document: Document,
        value: Any,
        manifest: Manifest | None,
        record_schemas: Mapping[int, Subject],
    ) -> list[Problem]:
        found = self._first(keys.of_kind(Subject(document, (), value)))
        for record in record_schemas.values():
            found += self._all((records.valid, records.references, records.spelling), record)
        config = value.get("config")
        config_is_sound = False
        if isinstance(config, dict) and config:
            problems = self._config(Subject(document, ("config",), config))
            config_is_sound = not _has_errors(problems)
            found += problems
        elif config == {}:
            config_is_sound = True
        if manifest is not None:
            whole = Whole(manifest, Subject(document, (), value), record_schemas)
            found += self._whole(whole, config_is_sound=config_is_sound)
        return found

    def _config(self, config: Subject) -> list[Problem]:
        for ground in (_SHAPE, _REFERENCES):
            found = self._all(ground, config)
            if _has_errors(found):
                return found
        found = self._all(_MEANING, config)
        uncompilable = {"RVN315", "RVN317", "RVN318"}
        if not any(problem.code in uncompilable for problem in found):
            found += self._all(_VALUES, config)
        return found

    def _whole(self, whole: Whole, *, config_is_sound: bool) -> list[Problem]:
        found = self._all(_WHOLE, whole)
        if config_is_sound:
            about_config = self._all(_WITH_CONFIG, whole)
            found += about_config
            if not _has_errors(about_config):
                found += self._all(_JUDGED, whole)
        return found

    def _all(self, family: Iterable[Rule[T]], subject: T) -> list[Problem]:
        return [problem for rule in family for problem in self._first(rule(subject))]

    def _first(self, problems: Iterable[Problem]) -> list[Problem]:
        return list(islice(problems, self.most))


def _has_errors(problems: Iterable[Problem]) -> bool:
    return any(problem.severity == "error" for problem in problems)
