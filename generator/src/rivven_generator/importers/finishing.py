"""From a draft to a manifest that every rule accepts, with an example config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec.structs

from rivven_connect.documents import Document, InputError, Problem, parse_document, split_pointer
from rivven_generator.importers.mending import drop_underivable, mend, node_at
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.importers.patterns import settle_patterns
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.lint.limits import FILE_LIMITS
from rivven_generator.load import MANIFEST_FILE, check_manifest
from rivven_generator.schema import minimal_config

_ROUNDS: Final = 40
_MOST: Final = 100
"""Problems of a refusal."""
_LESS: Final = "import a part of the file: fewer settings, or shorter lists of values"
_EXAMPLES: Final = "RVN326"
_PLACE: Final = re.compile(r" (?:at )?\(?line [0-9]+, column [0-9]+\)?")
_DONE: Final = {
    "RVN815": "; it need not be given now",
    "RVN821": "; the format was left out",
    "RVN833": "; the default was left out",
    "RVN834": "; it was left out",
    "RVN835": "; the pattern was left out",
    "RVN836": "; left out",
    "RVN837": "; the property was left out",
    "RVN838": "; any value is accepted there",
}
"""Code of a note -> what was done."""


def finished(
    draft: dict[str, Any], document: Document, notes: Notes, origins: Mapping[int, Path]
) -> Imported:
    """Return the manifest without what our rules refuse, each removal noted where it came from.

    Raises:
        InputError: something is refused that cannot be left out.
    """
    _refuse_much(draft, document)
    settle_patterns(draft["config"], notes, origins)
    for _ in range(_ROUNDS):
        problems, example = _verdict(draft)
        if not problems:
            if example:
                draft["tests"] = {"valid": {"minimal": example}}
            problems = _unreadable(draft)
            if problems:
                break
            return Imported(draft, notes.sorted())
        if not _mend_all(draft, problems, notes, origins):
            break
    found = [_at_home(problem, draft, document, origins) for problem in problems]
    raise InputError(sorted(found, key=lambda problem: (problem.line, problem.column))[:_MOST])


def _refuse_much(draft: dict[str, Any], document: Document) -> None:
    """Refuse what holds more than a manifest may before any rule looks at it."""
    values, waiting = 0, [draft]
    while waiting and values <= FILE_LIMITS.max_values:
        found: Any = waiting.pop()
        values += 1
        waiting += (
            found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
        )
    if waiting:
        message = f"the manifest would hold more than {FILE_LIMITS.max_values} values"
        raise InputError([document.problem("RVN102", message, (), hint=_LESS)])


def _unreadable(draft: dict[str, Any]) -> Sequence[Problem]:
    """Return why the draft cannot be read again once it is written; mostly, nothing."""
    try:
        parse_document(manifest_yaml(draft), path=MANIFEST_FILE, limits=FILE_LIMITS)
    except InputError as error:
        return error.problems
    return ()


def _verdict(draft: dict[str, Any]) -> tuple[Sequence[Problem], Any]:
    """Return all that is wrong with the draft, and a config that it accepts.

    The rules look at the draft itself: where in a text it would stand means nothing to anybody yet.
    """
    unwritten = parse_document("{}", path=MANIFEST_FILE)
    document = msgspec.structs.replace(unwritten, value=draft)
    try:
        loaded = check_manifest(document, most_per_rule=FILE_LIMITS.max_values)
    except InputError as error:
        return error.problems, None
    broken = [problem for problem in loaded.warnings if problem.code == _EXAMPLES]
    return broken, None if loaded.manifest.tests.valid else minimal_config(loaded.manifest)


def _mend_all(
    draft: dict[str, Any], problems: Sequence[Problem], notes: Notes, origins: Mapping[int, Path]
) -> bool:
    """Mend from the end, so that the places of list items stay true; return whether any was."""
    mended: set[str] = set()
    underivable = False
    for problem in sorted(problems, key=_from_the_end, reverse=True):
        if problem.code == "RVN423":
            underivable |= _drop_underivable(draft, notes, origins)
            continue
        if problem.pointer in mended:  # what stood there is gone; another may stand there now
            continue
        place = _origin(draft, problem, origins)
        code = mend(draft, problem)
        if code:
            mended.add(problem.pointer)
            message = f"{_without_places(problem.message)}{_DONE.get(code, '')}"
            notes.add(code, message, place)
    return underivable or bool(mended)


def _from_the_end(problem: Problem) -> list[tuple[int, str]]:
    """Order places by their steps, with the items of a list as numbers."""
    steps = split_pointer(problem.pointer)
    return [(int(step) if step.isdecimal() and len(step) < 9 else 0, step) for step in steps]


def _without_places(message: str) -> str:
    """Return the message without places in the draft, which nobody but us has."""
    return _PLACE.sub(" elsewhere", message)


def _drop_underivable(draft: dict[str, Any], notes: Notes, origins: Mapping[int, Path]) -> bool:
    """Without an example a connector has no tests, so what no example can be made of has to go."""
    found = drop_underivable(draft)
    for schema, word in found:
        place = (*origins.get(id(schema), ()), word)
        notes.add("RVN835", f"no example could be made up for it; the {word} was left out", place)
    return bool(found)


def _origin(draft: dict[str, Any], problem: Problem, origins: Mapping[int, Path]) -> Path:
    """Return the place in the imported file that the problem's place was made from."""
    steps = split_pointer(problem.pointer)
    for end in range(len(steps), -1, -1):
        found = origins.get(id(node_at(draft, steps[:end])))
        if found is not None:
            rest = tuple(steps[end : end + 1])
            return (*found, *rest)
    return ()


def _at_home(
    problem: Problem, draft: dict[str, Any], document: Document, origins: Mapping[int, Path]
) -> Problem:
    """Return the problem at its place in the imported file."""
    return document.problem(
        problem.code,
        _without_places(problem.message),
        _origin(draft, problem, origins),
        hint=problem.hint,
    )
