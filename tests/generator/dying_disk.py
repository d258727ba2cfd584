"""A disk that dies or fails at one of its operations, and the folders that such a run leaves.

`Dying` counts the operations that change the disk. At the chosen one it raises, and from then on
every other one as well, which is what a killed process can still do: nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from rivven_generator.disk import Disk
from rivven_generator.journal import recover


class Killed(BaseException):
    """What stands for SIGKILL."""


class Quick(Disk):
    """Leaves out what only a power cut would show."""

    def _do_sync(self, file: int) -> None:
        pass


class Dying(Quick):
    """Fails at operation number `at`, before or after doing it; counts from 1."""

    at: ClassVar[int] = 0
    after: ClassVar[bool] = False
    failure: ClassVar[Callable[[], BaseException]] = Killed
    once: ClassVar[bool] = False
    count: ClassVar[int] = 0

    def _operation(self, action: Callable[..., Any], *arguments: Any) -> Any:
        Dying.count += 1
        reached = Dying.count == Dying.at if Dying.once else Dying.count >= Dying.at > 0
        if reached and (not Dying.after or Dying.count > Dying.at):
            raise Dying.failure()
        result = action(*arguments)
        if reached:
            raise Dying.failure()
        return result

    def _do_create(self, *arguments: Any) -> Any:
        return self._operation(super()._do_create, *arguments)

    def _do_write(self, file: int, content: bytes) -> None:
        def torn() -> None:
            os.write(file, content[: len(content) // 2])
            os.write(file, content[len(content) // 2 :])

        if Dying.count + 1 == Dying.at and not Dying.after:
            os.write(file, content[: len(content) // 2])
        self._operation(torn)

    def _do_sync(self, *arguments: Any) -> None:
        self._operation(super()._do_sync, *arguments)

    def _do_replace(self, *arguments: Any) -> None:
        self._operation(super()._do_replace, *arguments)

    def _do_remove(self, *arguments: Any) -> None:
        self._operation(super()._do_remove, *arguments)

    def _do_make_folder(self, *arguments: Any) -> None:
        self._operation(super()._do_make_folder, *arguments)

    def _do_remove_folder(self, *arguments: Any) -> None:
        self._operation(super()._do_remove_folder, *arguments)


def arrange(
    at: int,
    *,
    after: bool = False,
    failure: Callable[[], BaseException] = Killed,
    once: bool = False,
) -> None:
    Dying.at, Dying.after, Dying.failure, Dying.once, Dying.count = at, after, failure, once, 0


def finish(folder: Path) -> None:
    """What any next run does first."""
    with Quick(str(folder)) as disk, disk.exclusive():
        recover(disk)


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file, and every folder as None."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
