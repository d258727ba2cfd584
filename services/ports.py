"""Ports of the loopback interface."""

from __future__ import annotations

import socket
import subprocess
import time

_DEADLINE_S = 60.0


def free_port() -> int:
    """Return a port where nobody listens now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when somebody listens.

    Raises:
        RuntimeError: the process ended, or a minute passed.
    """
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise RuntimeError(f"the service ended at its start, with {process.returncode}")
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port} after {_DEADLINE_S:g} s")
