"""A click group whose commands are imported when they are used."""

from __future__ import annotations

import contextlib
import copy
import gc
import importlib
import sys
import types
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

_OWN_NAME = "rivven-connect"
"""What the commands' examples call; another program may mount them."""


class LazyCommand(NamedTuple):
    """Where a command lives (`module:attribute`) and what one line says about it.

    `first` is a module that is imported before, from here and not from deep inside other imports.
    CPython keeps frames on chunks of 16 KiB, and returns one as soon as no frame is on it: code that
    calls much near the end of a chunk gets and returns the next one with every call.
    """

    target: str
    short_help: str
    first: str = ""

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        with _uncollected(), _metadata_deferred():
            if self.first:
                importlib.import_module(self.first)
            found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, click.Command):
            raise TypeError(f"{self.target} is no click command")
        return found


class LazyGroup(click.Group):
    """Lists its commands from a table; help needs no import of any of them."""

    def __init__(
        self,
        name: str,
        table: Mapping[str, LazyCommand],
        *,
        distribution: str,
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self._table = dict(table)
        self.params.append(_version_option(distribution))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the table's order."""
        return [*self._table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, imported now; its help names the program that was called."""
        lazy = self._table.get(cmd_name)
        if lazy is None:
            return super().get_command(ctx, cmd_name)
        return _called_by(str(ctx.find_root().info_name), lazy.load())

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write name and short help of each command, from the table alone."""
        rows = [(name, lazy.short_help) for name, lazy in self._table.items()]
        rows += [
            (name, command.get_short_help_str())
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector away: what an import makes stays, and looking through it costs."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # else it looks through all of it now
            gc.enable()


@contextlib.contextmanager
def _metadata_deferred() -> Iterator[None]:
    """Let a module have `importlib.metadata.entry_points` at once, and what it needs when it is called.

    Pydantic looks for plugins with it, and is told not to (`edge.exit_from`). With it come email,
    zipfile and csv: a twentieth of what a short run costs. Everything else of it is the real thing.
    """
    name = "importlib.metadata"
    if name in sys.modules:
        yield
        return
    stand_in: Any = types.ModuleType(name)

    def real() -> Any:
        withdraw()
        return importlib.import_module(name)

    def withdraw() -> None:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]

    def attribute(wanted: str) -> Any:
        if wanted.startswith("__"):  # the import system looks whether it is a package
            raise AttributeError(wanted)
        return getattr(real(), wanted)

    stand_in.entry_points = lambda **wanted: real().entry_points(**wanted)
    stand_in.__getattr__ = attribute
    sys.modules[name] = stand_in
    # `import importlib.metadata` finds it there; once the real one is imported, that takes its place.
    importlib.metadata = stand_in
    try:
        yield
    finally:
        withdraw()


def _called_by(program: str, command: click.Command) -> click.Command:
    """Return a copy of the command whose examples, and those of its own commands, name the program."""
    found = copy.copy(command)
    if found.help:
        found.help = found.help.replace(f" {_OWN_NAME} ", f" {program} ")
    if isinstance(found, click.Group):
        found.commands = {name: _called_by(program, one) for name, one in found.commands.items()}
    return found


def _version_option(distribution: str) -> click.Option:
    def show(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from importlib.metadata import version  # noqa: PLC0415  # costs as much as all of --help

            click.echo(f"{ctx.find_root().info_name} {version(distribution)}")
            ctx.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the version and exit.",
    )
