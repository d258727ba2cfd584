"""The services as fixtures: one of each for a process of tests, something of its own for a test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from services.object_store import ObjectStore
from services.object_store import object_store as running_object_store
from services.postgres import PostgresServer
from services.postgres import postgres_server as running_postgres_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that tests share. Who restarts it starts a `postgres_server()` of its own."""
    with running_postgres_server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[str]:
    """The connection string of an empty database of this test alone."""
    with postgres_server.database(f"test_{next(_numbers)}") as dsn:
        yield dsn


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """The S3-speaking server that tests share."""
    with running_object_store() as store:
        yield store


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    """The name of an empty bucket of this test alone."""
    name = f"test-{next(_numbers)}"
    object_store.create_bucket(name)
    return name
