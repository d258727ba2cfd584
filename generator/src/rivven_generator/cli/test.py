"""`rivven test`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import click

from rivven_connect import ExitCode
from rivven_generator.freshness import is_fresh
from rivven_generator.lockfile import Lock, load_lock
from rivven_generator.project import opened_project
from rivven_generator.unwritten import unwritten_hooks
from rivven_generator.unwritten_report import KNOWN

_REPORT = "rivven_generator.unwritten_report"
_INTERRUPTED = 2
_USAGE = 4
_INSTALL = 'pip install "rivven-toolkit[dev]"'


class _WithPytestArguments(click.Command):
    """Keeps what stands behind `--` for pytest; click alone would take its first word for DIR."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split the arguments at `--`."""
        here = args.index("--") if "--" in args else len(args)
        ctx.meta[_REPORT] = tuple(args[here + 1 :])
        return super().parse_args(ctx, args[:here])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show that there may be more."""
        return [*super().collect_usage_pieces(ctx), "[-- PYTEST ARGS]"]


@click.command(cls=_WithPytestArguments)
@click.argument("folder", metavar="[DIR]", default=".")
@click.pass_context
def test(context: click.Context, folder: str) -> int:
    """Run the generated tests and your own in the project in DIR.

    Runs pytest in the interpreter that runs rivven, with the project's package on the path. Hooks
    that are not written yet are listed at the end; they never count as passed. Exit code 9 means
    that tests failed.
    """
    with opened_project(folder) as disk:
        lock = load_lock(disk)
        in_step = lock is not None and is_fresh(disk, lock)
        project = disk.shown("").rstrip("/")
        root = disk.root
    if not in_step:
        shown = "" if folder == "." else f" {folder}"
        click.echo(
            f"warning: the project is out of step with its manifest or this tool; "
            f"see `rivven generate{shown} --check`",
            err=True,
        )
    if importlib.util.find_spec("pytest") is None:
        raise click.ClickException(f"pytest is not installed here; {_INSTALL}")
    return _exit_code(_run(project, root, lock, context.meta[_REPORT]))


def _run(project: str, root: str, lock: Lock | None, pytest_args: tuple[str, ...]) -> int:
    embedded = lock is not None and lock.embedded
    source = _import_root(project) if embedded else os.path.join(project, "src")
    targets = [os.path.normpath(os.path.join(project, lock.tests_dir))] if lock and embedded else []
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "pytest", "-p", _REPORT, *targets, *pytest_args]
    # The project's own code and the caller's own arguments: nothing here comes from a manifest.
    done = subprocess.run(  # noqa: S603
        command,
        cwd=root if embedded else project,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            KNOWN: ",".join(_unwritten(project, lock)),
        },
        check=False,
    )
    return done.returncode


def _unwritten(project: str, lock: Lock | None) -> list[str]:
    bases = [path for path in lock.files if path.endswith("_generated/base.py")] if lock else []
    if len(bases) != 1:
        return []
    package = os.path.dirname(os.path.dirname(os.path.join(project, bases[0])))
    found = (unwritten_hooks(package, kind) for kind in ("source", "sink", "transform"))
    return next((names for names in found if names), [])


def _import_root(package: str) -> str:
    """Return the folder above the outermost package that holds the connector."""
    folder = package
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder = os.path.dirname(folder)
    return folder


def _exit_code(pytest_code: int) -> int:
    if pytest_code == 0:
        return ExitCode.OK
    if pytest_code == _INTERRUPTED:
        return 130
    return ExitCode.BAD_INPUT if pytest_code == _USAGE else ExitCode.TESTS_FAILED
