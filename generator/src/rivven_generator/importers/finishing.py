"""From a draft to a manifest that every rule accepts, with an example config."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rivven_connect.documents import Document, InputError, Problem, parse_document, split_pointer
from rivven_generator.importers.mending import mend, node_at
from rivven_generator.importers.notes import Imported, Notes, Path
from rivven_generator.importers.yaml_text import manifest_yaml
from rivven_generator.lint.limits import FILE_LIMITS
from rivven_generator.load import MANIFEST_FILE, check_manifest
from rivven_generator.schema import minimal_config

_ROUNDS: Final = 40
_EXAMPLES: Final = "RVN326"
_PLACE: Final = re.compile(r" (?:at )?\(?line [0-9]+, column [0-9]+\)?")


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
        place = _origin(draft, problem, origins)
        code = mend(draft, problem)
        if code:
            mended = True
            notes.add(code, _without_places(problem.message), place)
    return mended


def _without_places(message: str) -> str:
    """Return the message without places in the draft, which nobody but us has."""
    return _PLACE.sub(" elsewhere", message)


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
