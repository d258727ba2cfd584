"""From a draft to a manifest that every rule accepts, with an example config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rivven_connect.documents import Document, InputError, Problem, parse_document, split_pointer
from rivven_generator.importers.mending import drop_underivable, mend, node_at
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.lint.limits import FILE_LIMITS
from rivven_generator.load import MANIFEST_FILE, check_manifest
from rivven_generator.schema import minimal_config

_ROUNDS: Final = 40
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
    for _ in range(_ROUNDS):
        problems, example = _verdict(draft)
        if not problems:
            if example:
                draft["tests"] = {"valid": {"minimal": example}}
            return Imported(draft, notes.sorted())
        if not _mend_all(draft, problems, notes, origins):
            break
    raise InputError([_at_home(problem, draft, document, origins) for problem in problems])


def _verdict(draft: dict[str, Any]) -> tuple[Sequence[Problem], Any]:
    """Return what is wrong with the draft, and a config that it accepts."""
    try:
        text = manifest_yaml(draft)
        loaded = check_manifest(parse_document(text, path=MANIFEST_FILE, limits=FILE_LIMITS))
    except InputError as error:
        return error.problems, None
    broken = [problem for problem in loaded.warnings if problem.code == _EXAMPLES]
    return broken, None if loaded.manifest.tests.valid else minimal_config(loaded.manifest)


def _mend_all(
    draft: dict[str, Any], problems: Sequence[Problem], notes: Notes, origins: Mapping[int, Path]
) -> bool:
    """Mend from the end, so that the places of list items stay true; return whether any was."""
    mended = False
    for problem in sorted(problems, key=lambda p: split_pointer(p.pointer), reverse=True):
        if problem.code == "RVN423":
            mended |= _drop_underivable(draft, notes, origins)
            continue
        place = _origin(draft, problem, origins)
        code = mend(draft, problem)
        if code:
            mended = True
            message = f"{_without_places(problem.message)}{_DONE.get(code, '')}"
            notes.add(code, message, place)
    return mended


def _without_places(message: str) -> str:
    """Return the message without places in the draft, which nobody but us has."""
    return _PLACE.sub(" elsewhere", message)


def _drop_underivable(draft: dict[str, Any], notes: Notes, origins: Mapping[int, Path]) -> bool:
    """Without an example a connector has no tests, so what no example can be made of has to go."""
    found = drop_underivable(draft)
    if found is None:
        return False
    schema, word = found
    place = (*origins.get(id(schema), ()), word)
    notes.add("RVN835", f"no example could be made up for it; the {word} was left out", place)
    return True


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
