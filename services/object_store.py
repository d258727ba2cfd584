"""A server that speaks S3, in memory."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

from services.ports import free_port, wait_until_open

ACCESS_KEY_ID = "test-access-key"
SECRET_ACCESS_KEY = "test-secret-access-key"
REGION = "us-east-1"


@dataclasses.dataclass(frozen=True)
class ObjectStore:
    """Where it is. Any credentials are taken, also the ones of this module."""

    endpoint: str

    def create_bucket(self, name: str) -> None:
        """Make a bucket."""
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        with urllib.request.urlopen(request, timeout=30):
            pass


@contextlib.contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Run a server for the length of a block."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_open(port, process)
        yield ObjectStore(f"http://127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()
