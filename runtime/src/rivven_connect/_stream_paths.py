"""Which file or folder a stream goes to, whether it can be made there, and how it is made to last."""

from __future__ import annotations

import hashlib
import os
import stat
import urllib.parse
from pathlib import Path

from rivven_connect._errors import ConnectorError

PLACEHOLDER = "{stream}"

_LONGEST_NAME = 200  # bytes; file systems allow 255, and the path may add an ending


def stream_path(template: str, stream: str) -> str:
    """Return the path of a stream: its name is one part of a path, whatever it holds."""
    return template.replace(PLACEHOLDER, file_name(stream))


def file_name(stream: str, *, longest: int = _LONGEST_NAME) -> str:
    """Return a stream's name as a file name; different names stay different.

    Everything but ASCII letters, digits and `_.-~` is percent-encoded, slashes and NUL included; so
    are dots at either end, so that no name means a folder or a hidden file. A name of more than
    `longest` characters, at least 40, is cut and ends with its hash.
    """
    name = urllib.parse.quote(stream.encode("utf-8", "surrogatepass"), safe="")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if name.endswith("."):
        name = f"{name[:-1]}%2E"
    if len(name) > longest:
        digest = hashlib.sha256(name.encode()).hexdigest()[:32]
        name = f"{name[: longest - 33]}~{digest}"
    return name or "%"


def require_writable(template: str) -> None:
    """Return if files can be made where the path says; nothing is created.

    Raises:
        ConnectorError: the reason why not.
    """
    path = Path(template)
    if PLACEHOLDER not in template and path.exists():
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConnectorError.configuration(f"{path} is not a regular file")
        if not os.access(path, os.W_OK):
            raise ConnectorError.permission(f"{path} may not be written by this user")
    require_creatable(path.parent)


def require_creatable(template: Path) -> None:
    """Return if files can be made in a folder, or the folder itself; nothing is created.

    Raises:
        ConnectorError: the reason why not.
    """
    folder = next(
        above
        for above in (template, *template.parents)
        if above.exists() and PLACEHOLDER not in str(above)
    )
    if not folder.is_dir():
        raise ConnectorError.configuration(f"{folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConnectorError.permission(f"nothing can be created in {folder.absolute()}")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are there after a power loss.

    Raises:
        ConnectorError: one of them is something else.
        OSError: it cannot be made.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise ConnectorError.configuration(f"{folder} is not a folder") from None
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
