"""File operations below one folder that never follow a symbolic link.

Every path is walked component by component from the root's descriptor with O_NOFOLLOW, at the moment
of the operation, so a link that is planted between a check and a write is refused as well. The
methods that start with `_do_` are the only ones that change the disk: tests make them fail one by
one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from rivven_generator.project_errors import (
    InputError,
    Problem,
    ProjectBusy,
    project_error,
    unwritable,
)

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKED = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)


class Disk:
    """The files below `root`; paths are POSIX, relative to `base`, a folder at or below the root.

    The root itself may have been reached through a link; nothing below it may be one.
    """

    def __init__(self, root: str, base: str = "") -> None:
        self.root = os.path.realpath(root)
        self._base = base
        try:
            self._fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise project_error("RVN500", f"cannot be opened: {reason}", path=root) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def shown(self, path: str) -> str:
        """Return `path` as messages show it."""
        return os.path.join(self.root, *self._parts(path))

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the base folder against other generators; the kernel releases it if we are killed.

        Raises:
            ProjectBusy: another process holds it.
        """
        import fcntl  # noqa: PLC0415  # POSIX only; `--check` needs no lock

        with self._folder(self._parts("")) as folder:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The folder may have been moved away while we waited for the kernel.
                with self._folder(self._parts("")) as now:
                    moved = not os.path.samestat(os.fstat(folder), os.fstat(now))
            except (BlockingIOError, FileNotFoundError) as error:
                raise self._busy() from error
            except OSError as error:
                raise unwritable(error, self.shown("")) from error
            if moved:
                raise self._busy()
            yield

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file, None where there is nothing."""
        *folders, name = self._parts(path)
        try:
            with self._folder(folders) as folder:
                # O_NONBLOCK: opening a FIFO must not wait for its writer.
                flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                found = os.open(name, flags, dir_fd=folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(error, path) from error
        with os.fdopen(found, "rb") as file:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise project_error("RVN507", "is not a regular file", path=self.shown(path))
            return file.read()

    def entries(self, path: str) -> list[str]:
        """Return the sorted names in a folder; none where there is no folder."""
        try:
            with self._folder(self._parts(path)) as folder:
                return sorted(os.listdir(folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._refused(error, path) from error

    def create(self, path: str, content: bytes) -> None:
        """Write a new file and make it durable; one that exists is an error."""
        *folders, name = self._parts(path)
        with self._folder(folders) as folder:
            file = self._do_create(folder, name)
            try:
                self._do_write(file, content)
                self._do_sync(file)
            finally:
                os.close(file)

    def replace(self, source: str, target: str) -> None:
        """Move a file onto another in one step."""
        *from_folders, from_name = self._parts(source)
        *to_folders, to_name = self._parts(target)
        with self._folder(from_folders) as old, self._folder(to_folders) as new:
            self._refuse_link(new, to_name, target)
            self._do_replace(old, from_name, new, to_name)
            self._do_sync(new)

    def remove(self, path: str) -> None:
        """Delete a file; nothing happens where there is none."""
        *folders, name = self._parts(path)
        with contextlib.suppress(FileNotFoundError), self._folder(folders) as folder:
            self._refuse_link(folder, name, path)
            self._do_remove(folder, name)

    def make_folder(self, path: str) -> None:
        """Create a folder below an existing one; nothing happens where it exists."""
        *folders, name = self._parts(path)
        with self._folder(folders) as folder, contextlib.suppress(FileExistsError):
            self._do_make_folder(folder, name)
        with self._folder([*folders, name]):
            pass

    def remove_folder(self, path: str) -> None:
        """Delete a folder if it is there and empty."""
        *folders, name = self._parts(path)
        with contextlib.suppress(FileNotFoundError), self._folder(folders) as folder:
            with self._folder([*folders, name]) as found:
                is_empty = not os.listdir(found)
            if is_empty:
                self._do_remove_folder(folder, name)

    def _parts(self, path: str) -> list[str]:
        """Return the components below the root.

        Raises:
            InputError: the path leaves the root.
        """
        joined = os.path.normpath(os.path.join(self._base, path))
        parts = [part for part in joined.split("/") if part != "."]
        if os.path.isabs(joined) or ".." in parts or "\0" in path:
            raise project_error("RVN505", f"{path!r} leads out of the project", path=self.root)
        return parts

    @contextlib.contextmanager
    def _folder(self, parts: list[str]) -> Iterator[int]:
        current = os.dup(self._fd)
        try:
            for part in parts:
                try:
                    below = os.open(part, _FOLDER, dir_fd=current)
                except OSError as error:
                    if error.errno in _LINKED:
                        raise self._no_folder(current, part, parts) from error
                    raise
                os.close(current)
                current = below
            yield current
        finally:
            os.close(current)

    def _busy(self) -> ProjectBusy:
        problem = Problem(
            code="RVN506",
            message="another rivven is writing this project",
            hint="wait until it is done, then run the command again",
            path=self.shown(""),
        )
        return ProjectBusy([problem])

    def _no_folder(self, parent: int, name: str, parts: list[str]) -> InputError:
        place = os.path.join(self.root, *parts[: parts.index(name) + 1])
        if stat.S_ISLNK(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            return _link(place)
        return project_error("RVN507", "is in the way: a folder belongs here", path=place)

    def _refuse_link(self, folder: int, name: str, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                raise _link(self.shown(path))

    def _refused(self, error: OSError, path: str) -> InputError:
        if error.errno in {errno.ELOOP, errno.EMLINK}:
            return _link(self.shown(path))
        reason = error.strerror or type(error).__name__
        return project_error("RVN507", f"cannot be read: {reason}", path=self.shown(path))

    def _do_create(self, folder: int, name: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=folder)

    def _do_write(self, file: int, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]

    def _do_sync(self, file: int) -> None:
        os.fsync(file)

    def _do_replace(self, old: int, source: str, new: int, target: str) -> None:
        os.replace(source, target, src_dir_fd=old, dst_dir_fd=new)

    def _do_remove(self, folder: int, name: str) -> None:
        os.unlink(name, dir_fd=folder)

    def _do_make_folder(self, folder: int, name: str) -> None:
        os.mkdir(name, dir_fd=folder)

    def _do_remove_folder(self, folder: int, name: str) -> None:
        os.rmdir(name, dir_fd=folder)


def _link(place: str) -> InputError:
    return project_error(
        "RVN504",
        "is a symbolic link; rivven writes through none",
        "replace the link by the file or folder itself",
        path=place,
    )
