"""The simulator as tests see it: what a project tells it, and the server behind."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from rivven_connect._catalog import Catalog
from rivven_connect._connector import Connector
from rivven_connect._errors import InputError
from rivven_connect._json import JsonObject
from rivven_connect._source import Source
from rivven_connect.config import ConfigModel
from rivven_connect.testing.simulator._faults import FAULTS, VirtualClock, WaitRequests
from rivven_connect.testing.simulator._messages import (
    Answer,
    CannotSimulate,
    SimulatedReply,
    SimulatedRequest,
    as_reply,
)
from rivven_connect.testing.simulator._pointing import NoUrl, pointed_to, with_short_timeouts
from rivven_connect.testing.simulator._server import LoopbackServer
from rivven_connect.testing.simulator._sinks import Expected, RecordService
from rivven_connect.testing.simulator._sources import Shape, StreamService

Configure = Callable[[JsonObject, str], JsonObject]
ConfigT = TypeVar("ConfigT", bound=ConfigModel)
T = TypeVar("T", bound="Service")

_RECORDS: list[JsonObject] = [
    {"id": number, "name": f"simulated-record-{number}"} for number in range(1, 6)
]


class Service(Protocol):
    """What stands behind the server."""

    def answer(self, request: SimulatedRequest, base_url: str) -> SimulatedReply:
        """Return what the service says to a request."""
        ...


class _Taking:
    """Takes whatever is written."""

    def answer(self, request: SimulatedRequest, base_url: str) -> SimulatedReply:
        return SimulatedReply({})


_NO_STREAMS = (
    "the manifest declares no streams, so nothing can be served; add to tests/conftest.py: a fixture "
    "`simulator(simulator)` that sets simulator.catalog = Catalog([Stream(...)]) to what the source "
    "finds, answers its questions with simulator.answer, and returns simulator"
)


class Simulator:
    """An HTTP service in this process that a connector under test talks to.

    A project's `tests/conftest.py` tells it what the real service looks like:

    ```python
    @pytest.fixture
    def simulator(simulator: Simulator) -> Simulator:
        simulator.route("/v2/search/.*", "orders")
        simulator.shape(lambda page: {"items": page.records, "after": page.next_token})
        return simulator
    ```
    """

    def __init__(self) -> None:
        self.requests: list[SimulatedRequest] = []
        """Every request, in the order in which they came."""
        self.clock = VirtualClock()
        self.waits = WaitRequests(self.clock)
        self.catalog: Catalog | None = None
        """What a source finds, where that is not what its manifest declares."""
        self.sample: list[JsonObject] = list(_RECORDS)
        """What a sink is given to write; each has a text that no other one has."""
        self._server = LoopbackServer(self._reply)
        self._service: Service | None = None
        self._configure: Configure | None = None
        self._answers: list[tuple[str, Callable[[SimulatedRequest], Answer]]] = []
        self._routes: list[tuple[str, str]] = []
        self._shapes: dict[str, Shape] = {}
        self._records: dict[str, Sequence[JsonObject]] = {}

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:PORT`."""
        return self._server.url

    @property
    def silence_s(self) -> float:
        """How many seconds a request waits that is never answered; who waits longer has failed."""
        return self._server.silence_s

    @silence_s.setter
    def silence_s(self, seconds: float) -> None:
        self._server.silence_s = seconds

    def configure(self, change: Configure) -> None:
        """Take `change(values, url)` for the config, where the URL is not found by itself.

        `values` are those of the manifest's first example; `url` is the simulator's.
        """
        self._configure = change

    def route(self, path: str, stream: str) -> None:
        """Serve a stream where a path matches as a whole; the pattern is a regular expression."""
        self._routes.append((path, stream))

    def shape(self, make: Shape, stream: str = "") -> None:
        """Answer with what `make` returns for a page; by default, for the pages of all streams."""
        self._shapes[stream] = make

    def records(self, stream: str, records: Sequence[JsonObject]) -> None:
        """Serve these records instead of made-up ones, in this order."""
        self._records[stream] = list(records)

    def answer(self, path: str, reply: Callable[[SimulatedRequest], Answer]) -> None:
        """Answer requests whose path matches as a whole with what `reply` returns."""
        self._answers.append((path, reply))

    def stand_in(
        self, connector: type[Connector[ConfigT]], *, pages: int = 3, page_size: int = 10
    ) -> ConfigT:
        """Serve what a source reads, or take what a sink writes; return a config that points here.

        For the fixture `config`: all other contract tests then run without the real service too.

        Raises:
            CannotSimulate: it does not know which URL to replace, or which streams to serve.
        """
        if issubclass(connector, Source):
            self.serve(self.catalog_of(connector), pages=pages, page_size=page_size)
        else:
            self._attach(_Taking())
        found: ConfigT = self.config_of(connector, {"example": default_values(connector)})
        return found

    def catalog_of(self, source: type[Source[Any]]) -> Catalog:
        """Return `catalog`, or the streams that the source declares.

        Raises:
            CannotSimulate: there is neither.
        """
        if self.catalog is not None:
            return self.catalog
        streams = list(source.streams)
        if not streams:
            raise CannotSimulate(_NO_STREAMS)
        schemas = source.spec_type.catalog_schemas()
        return Catalog([one.stream(schemas.get(one.full_name(), {})) for one in streams])

    def serve(
        self,
        catalog: Catalog,
        *,
        pages: int = 3,
        page_size: int = 10,
        fault: str | None = None,
    ) -> StreamService:
        """Serve the streams from now on, and return the service."""
        if fault is not None and fault not in FAULTS:
            raise ValueError(f"no fault {fault!r}; there are: {', '.join(FAULTS)}")
        return self._attach(
            StreamService(
                catalog.streams,
                pages=pages,
                page_size=page_size,
                fault=fault,
                waits=self.waits,
                routes=self._routes,
                shapes=self._shapes,
                records=self._records,
            )
        )

    def take(
        self, *, status: int, retry_after_s: float | None = None, expected: Expected
    ) -> RecordService:
        """Take the `sample` from now on, and refuse what `expected` is about; return the service."""
        return self._attach(
            RecordService(
                self.sample,
                status=status,
                retry_after_s=retry_after_s,
                expected=expected,
                waits=self.waits,
            )
        )

    def config_of(
        self,
        connector: type[Connector[Any]],
        examples: Mapping[str, JsonObject],
        *,
        short_timeouts: bool = False,
    ) -> Any:
        """Return the first example as a config that points here.

        Raises:
            CannotSimulate: the config has no URL, or takes none of this machine.
        """
        values = dict(next(iter(examples.values()), {}))
        schema = connector.config_schema_json()
        if short_timeouts:
            values = with_short_timeouts(values, schema)
        try:
            wanted = (
                self._configure(values, self.url)
                if self._configure is not None
                else pointed_to(self.url, values, schema)
            )
            return connector.config_type.parse(wanted)
        except NoUrl:
            raise CannotSimulate(_how_to("no property of the config is a URL")) from None
        except InputError as error:
            # A problem names pointer and rule and never a value: an example may hold a secret.
            if self._configure is not None:
                raise AssertionError(
                    f"simulator.configure gives no valid config: {error}"
                ) from None
            raise CannotSimulate(
                _how_to(f"the config does not take the URL {self.url}: {error}")
            ) from None

    def require_sound(self) -> None:
        """Raise what a function of the project's raised while it answered, and late hang-ups.

        Raises:
            AssertionError: a client waited for an answer until the simulator gave up.
        """
        if self._server.errors:
            raise self._server.errors[0]
        if self._server.outwaited:
            raise AssertionError(
                f"the connector still waited for an answer after {self.silence_s:g} s; give its "
                "requests a timeout, and if it has a longer one, lower it in tests/conftest.py with "
                "simulator.configure, or raise simulator.silence_s"
            )

    def start(self) -> None:
        """Listen."""
        self._server.start()

    def stop(self) -> None:
        """Break every connection, and end every thread."""
        self._server.stop()

    def _attach(self, service: T) -> T:
        self._service = service
        return service

    def _reply(self, request: SimulatedRequest) -> SimulatedReply:
        self.requests.append(request)
        for path, reply in self._answers:
            if re.fullmatch(path, request.path):
                return as_reply(reply(request))
        if self._service is None:
            return SimulatedReply({"error": "nothing is served yet"}, 404)
        return self._service.answer(request, self.url)


def default_values(connector: type[Connector[Any]]) -> JsonObject:
    """Return the values of the connector's example config."""
    found: JsonObject = connector.config_type.example().dump(reveal=True)
    return found


@contextlib.contextmanager
def simulating() -> Iterator[Simulator]:
    """Run a simulator for the length of a block."""
    simulator = Simulator()
    simulator.start()
    try:
        yield simulator
    finally:
        simulator.stop()


def _how_to(reason: str) -> str:
    return (
        f"{reason}; add to tests/conftest.py: a fixture `simulator(simulator)` that calls "
        'simulator.configure(lambda values, url: {**values, "PROPERTY": url}) and returns simulator'
    )
