"""The process of one worker, as the process that runs it sees it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from rivven_connect.cli.worker_link import Job

# Standard input is the link: connectors get an empty one. Nothing may be imported from elsewhere
# before the module search path is that of the process which has found the connectors.
_BOOT: Final = """\
import json, os, sys
link = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
text = b""
while b"\\n" not in text:
    piece = os.read(link, 65536)
    if not piece:
        sys.exit(1)
    text += piece
line, _, rest = text.partition(b"\\n")
start = json.loads(line)
sys.path[:] = start["path"]
from rivven_connect.cli.worker import main
main(start["job"], link, rest)
"""

_LONGEST_LINE: Final = 64 * 2**20
_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT}


@dataclasses.dataclass(eq=False)
class Worker:
    """One process, and what it has said of itself."""

    number: int
    sources: Sequence[str]
    sinks: Sequence[str]
    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_ready: bool = False
    drained: bool = False
    end: dict[str, Any] | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended; asked of the kernel, so that no loop has to run."""
        if self.process.returncode is not None:
            return False
        with contextlib.suppress(ChildProcessError):  # somebody has waited for it
            # It stays to be waited for by the loop.
            return (
                os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            )
        return False

    def order(self, command: bytes) -> None:
        """Send an order; a process that has gone needs none."""
        with contextlib.suppress(OSError):
            self.writer.write(command + b"\n")

    def kill(self) -> None:
        """End the process at once, if it has not ended."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def __str__(self) -> str:
        names = f"{', '.join(self.sources)} -> {', '.join(self.sinks)}"
        return f"worker {self.number} ({names})"


async def start_worker(number: int, job: Job) -> Worker:
    """Start a worker and tell it its job.

    Raises:
        OSError: there is no process.
    """
    # The flags that this interpreter was started with, as multiprocessing passes them on.
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # see above
    ours, theirs = socket.socketpair()
    try:
        with theirs, _signals_blocked():
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *flags, "-P", "-c", _BOOT),
                stdin=theirs.fileno(),
                pass_fds=[job.lock],
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LONGEST_LINE)
    except BaseException:
        ours.close()
        raise
    start = {"path": sys.path, "job": dataclasses.asdict(job)}
    writer.write(json.dumps(start).encode() + b"\n")
    return Worker(number, job.sources, job.sinks, process, reader, writer)


@contextlib.contextmanager
def _signals_blocked() -> Iterator[None]:
    """Start a process that gets no signal before it can handle it; it inherits the mask."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
