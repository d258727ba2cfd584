"""Which files there are, in the order of their names, and whether they still are what they were."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from rivven_connect import ConnectorError, JsonObject

_MAGIC = b"PAR1"
_MOST_FOOTER_BYTES = 256 * 1024 * 1024
_RESET = "to read it anew, reset its state with `rivven state reset PIPELINE.yaml --source NAME`"


class Found(msgspec.Struct, frozen=True):
    """One file; `name` is its path below the folder or pattern, with `/` between the parts."""

    name: str
    path: str


class Place(msgspec.Struct, frozen=True):
    """Where the reading of a file stands: before the row group `row_group`, or behind the last one.

    `sync` is the full refresh that it belongs to, 0 for a stream that is read incrementally.
    """

    size: int
    mtime_ns: int
    footer: str
    row_group: int = 0
    complete: bool = False
    sync: int = 0

    def to_state(self) -> JsonObject:
        """Return it as plain JSON."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


def list_files(path: str) -> list[Found]:
    """Return the files that a path names, in the order of their names.

    Raises:
        ConnectorError: there is nothing at the path, it may not be read, or a name is no text.
    """
    if os.path.isdir(path):
        found = [Found(os.path.relpath(one, path), one) for one in _below(path)]
    elif os.path.lexists(path) or not glob.has_magic(path):
        _require_regular(path)
        found = [Found(os.path.basename(path), path)]
    else:
        above = _fixed_part(path)
        names = glob.glob(path, recursive=True)
        regular = [one for one in names if os.path.isfile(one) and not _is_hidden(one, above)]
        found = [Found(os.path.relpath(one, above), one) for one in regular]
    for one in found:
        _require_text(one.name)
    return sorted(found, key=lambda one: one.name)


def place_of(found: Found) -> Place:
    """Return the place before the first row group of a file, as it is now.

    Raises:
        ConnectorError: it cannot be read, or is no whole Parquet file.
    """
    try:
        with Path(found.path).open("rb") as file:
            known = os.fstat(file.fileno())
            file.seek(max(0, known.st_size - 8))
            length = int.from_bytes(file.read(4), "little")
            is_whole = file.read(4) == _MAGIC and length + 12 <= known.st_size
            if not is_whole or length > _MOST_FOOTER_BYTES:
                raise ConnectorError.configuration(
                    f"{found.path} is no whole Parquet file; while it is being written, let its name "
                    "begin with `.` or `_`"
                )
            file.seek(known.st_size - 8 - length)
            digest = hashlib.sha256(file.read(length)).hexdigest()
    except FileNotFoundError as error:
        raise ConnectorError.not_found(f"{found.path} does not exist any more") from error
    except PermissionError as error:
        raise ConnectorError.permission(f"{found.path} may not be read by this user") from error
    except OSError as error:
        raise ConnectorError.io(f"{found.path} cannot be read: {error.strerror}") from error
    return Place(known.st_size, known.st_mtime_ns, digest[:32])


def resumed(found: Found, saved: JsonObject) -> Place:
    """Return the saved place in a file, if the file is what it was.

    Raises:
        ConnectorError: it has changed since; says what to do.
    """
    try:
        place = msgspec.convert(saved, Place, strict=True)
    except msgspec.ValidationError as error:
        raise ConnectorError.state(f"the state of {found.name} is none; {_RESET}") from error
    try:
        known = os.stat(found.path)
    except OSError as error:
        raise ConnectorError.io(f"{found.path} cannot be read: {error.strerror}") from error
    if (known.st_size, known.st_mtime_ns) == (place.size, place.mtime_ns):
        return place
    now = place_of(found)
    if (now.size, now.footer) != (place.size, place.footer):
        raise ConnectorError.state(
            f"{found.path} is not the file that was read: it was replaced or rewritten; {_RESET}"
        )
    return msgspec.structs.replace(place, mtime_ns=now.mtime_ns)


def _below(folder: str) -> Iterator[str]:
    for above, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith((".", "_"))]
        for name in names:
            path = os.path.join(above, name)
            if name.endswith(".parquet") and not _is_hidden(name, "") and os.path.isfile(path):
                yield path


def _raise(error: OSError) -> None:
    raise ConnectorError.permission(f"{error.filename} cannot be listed: {error.strerror}")


def _fixed_part(pattern: str) -> str:
    """Return the folder above the first part of a pattern that has a wildcard."""
    parts = Path(pattern).parts
    wild = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return str(Path(*parts[:wild])) if wild else "."


def _is_hidden(path: str, above: str) -> bool:
    return any(
        part.startswith((".", "_")) for part in Path(os.path.relpath(path, above or ".")).parts
    )


def _require_text(name: str) -> None:
    """Return if a name can stand in a state, which is UTF-8; names of files are any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        raise ConnectorError.configuration(
            f"the name of {shown} is not UTF-8; rename the file, or begin its name with `.` or `_`"
        ) from None


def _require_regular(path: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        raise ConnectorError.not_found(f"{path} does not exist") from error
    except OSError as error:
        raise ConnectorError.io(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise ConnectorError.configuration(f"{path} is neither a regular file nor a folder")
