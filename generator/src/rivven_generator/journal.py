"""Several files changed as one: after a kill at any moment the next run finishes or undoes it.

Everything new, and everything that it replaces, is staged in `.rivven/journal` and synced; renaming
`journal.json` into place is the commit. Then each file is moved to its place. A rerun moves what is
still staged (forward), or, where that fails, moves the old files back. Both directions can be
repeated: a file that is no longer staged has already been moved.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import posixpath
from collections.abc import Sequence

from rivven_generator.disk import Disk
from rivven_generator.project_errors import InputError, project_error, unwritable

FOLDER = ".rivven/journal"
_FORWARD = f"{FOLDER}/journal.json"
_BACK = f"{FOLDER}/rollback.json"
_UNCOMMITTED = f"{FOLDER}/journal.tmp"


@dataclasses.dataclass(frozen=True)
class Change:
    """One file: its content before and after, None where there is no file."""

    path: str
    old: bytes | None
    new: bytes | None


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One change as the journal holds it; contents lie beside it as `<number>.old` and `.new`."""

    path: str
    old: str | None
    new: str | None
    number: int

    @property
    def staged_old(self) -> str:
        return f"{FOLDER}/{self.number}.old"

    @property
    def staged_new(self) -> str:
        return f"{FOLDER}/{self.number}.new"


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def is_interrupted(disk: Disk) -> bool:
    """Whether an earlier run was killed after it had begun."""
    return bool(disk.entries(FOLDER))


def apply_changes(disk: Disk, changes: Sequence[Change]) -> None:
    """Make all changes or none.

    Raises:
        InputError: an operation failed; the files are as they were.
    """
    if not changes:
        return
    entries = [
        _Entry(change.path, _name(change.old), _name(change.new), number)
        for number, change in enumerate(changes)
    ]
    try:
        _stage(disk, entries, changes)
    except (OSError, InputError) as error:
        _clear_quietly(disk)
        raise _explained(error, disk) from error
    try:
        _roll_forward(disk, entries)
    except (OSError, InputError) as error:
        raise _explained(error, disk, undone=_is_undone(disk, entries)) from error
    # All is in place; what cannot be tidied up now, the next run tidies up.
    _clear_quietly(disk)


def recover(disk: Disk) -> None:
    """Finish, or undo, what an interrupted run began; nothing happens where there is none."""
    try:
        back, forward = disk.read(_BACK), disk.read(_FORWARD)
        if back is not None:
            _roll_back(disk, _parse(back, disk))
        elif forward is not None:
            _recover_forward(disk, _parse(forward, disk))
        _clear(disk)
    except OSError as error:
        raise unwritable(error, disk.shown("")) from error


def _recover_forward(disk: Disk, entries: Sequence[_Entry]) -> None:
    try:
        _roll_forward(disk, entries)
    except (OSError, InputError):
        _turn_back(disk, entries)


def _is_undone(disk: Disk, entries: Sequence[_Entry]) -> bool:
    try:
        _turn_back(disk, entries)
    except (OSError, InputError):
        return False
    return True


def _stage(disk: Disk, entries: Sequence[_Entry], changes: Sequence[Change]) -> None:
    for folder in (posixpath.dirname(FOLDER), FOLDER):
        disk.make_folder(folder)
    for entry, change in zip(entries, changes, strict=True):
        if change.old is not None:
            disk.create(entry.staged_old, change.old)
        if change.new is not None:
            disk.create(entry.staged_new, change.new)
    disk.create(_UNCOMMITTED, _dump(entries))
    disk.replace(_UNCOMMITTED, _FORWARD)


def _roll_forward(disk: Disk, entries: Sequence[_Entry]) -> None:
    for entry in entries:
        if _is_foreign(disk, entry):
            continue
        if entry.new is None:
            disk.remove(entry.path)
        elif disk.read(entry.staged_new) is not None:
            for folder in _folders(entry.path):
                disk.make_folder(folder)
            disk.replace(entry.staged_new, entry.path)
    _remove_empty(disk, [entry.path for entry in entries if entry.new is None])


def _turn_back(disk: Disk, entries: Sequence[_Entry]) -> None:
    """Undo; the rename that says so needs no room on the disk."""
    disk.replace(_FORWARD, _BACK)
    _roll_back(disk, entries)
    _clear_quietly(disk)


def _roll_back(disk: Disk, entries: Sequence[_Entry]) -> None:
    for entry in reversed(entries):
        # What cannot be reached was never moved: a link planted on the way stops both directions.
        try:
            foreign = _is_foreign(disk, entry)
        except InputError:
            continue
        if foreign:
            continue
        if entry.old is None:
            disk.remove(entry.path)
        elif disk.read(entry.staged_old) is not None:
            for folder in _folders(entry.path):
                disk.make_folder(folder)
            disk.replace(entry.staged_old, entry.path)
    _remove_empty(disk, [entry.path for entry in entries if entry.old is None])


def _is_foreign(disk: Disk, entry: _Entry) -> bool:
    """Whether somebody else wrote the file after we were interrupted; it is then theirs."""
    found = disk.read(entry.path)
    return found is not None and digest(found) not in {entry.old, entry.new}


def _remove_empty(disk: Disk, paths: Sequence[str]) -> None:
    for path in sorted(paths, reverse=True):
        for folder in reversed(_folders(path)):
            try:
                disk.remove_folder(folder)
            except InputError:
                break


def _clear(disk: Disk) -> None:
    """Forget the journal; its name goes first, so that no half of it is ever believed."""
    names = disk.entries(FOLDER)
    first = [name for name in names if name.endswith(".json")]
    for name in [*first, *(name for name in names if name not in first)]:
        disk.remove(f"{FOLDER}/{name}")
    disk.remove_folder(FOLDER)
    disk.remove_folder(posixpath.dirname(FOLDER))


def _clear_quietly(disk: Disk) -> None:
    try:
        _clear(disk)
    except (OSError, InputError):
        return


def _explained(error: OSError | InputError, disk: Disk, *, undone: bool = True) -> InputError:
    if isinstance(error, OSError):
        return unwritable(error, disk.shown(""), undone=undone)
    return error


def _folders(path: str) -> list[str]:
    """Return the folders above a file, outermost first."""
    found: list[str] = []
    folder = posixpath.dirname(path)
    while folder and posixpath.basename(folder) != "..":
        found.insert(0, folder)
        folder = posixpath.dirname(folder)
    return found


def _name(content: bytes | None) -> str | None:
    return None if content is None else digest(content)


def _dump(entries: Sequence[_Entry]) -> bytes:
    rows = [dataclasses.asdict(entry) for entry in entries]
    return json.dumps({"journal": 1, "entries": rows}, indent=2).encode()


def _parse(content: bytes, disk: Disk) -> list[_Entry]:
    try:
        return [_entry(**row) for row in json.loads(content)["entries"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise project_error(
            "RVN508",
            "the journal of an interrupted run is damaged",
            f"delete the folder {FOLDER} and run `rivven generate` again",
            path=disk.shown(_FORWARD),
        ) from error


def _entry(*, path: object, old: object, new: object, number: object) -> _Entry:
    """Return one row of a journal; `TypeError` where it is none."""
    if not (isinstance(path, str) and isinstance(number, int)):
        raise TypeError("a path and a number are expected")
    return _Entry(path, _text(old), _text(new), number)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("a digest is a text")
