"""The table of each stream: which one it is, and which column a field has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from rivven_connect._catalog import ConfiguredCatalog
from rivven_connect._errors import ConnectorError
from rivven_connect._tables.names import Naming
from rivven_connect._tables.plans import StreamPlan
from rivven_connect._tables.records import Unfit

MOST_COLUMNS = 1_000
"""Columns of a table: databases have a limit of their own above it, and hostile records bring a field each."""


class Fields:
    """Field -> column of one table; once given, a column stays with its field."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._by_field: dict[str, str] = {}

    def __contains__(self, column: object) -> bool:
        """Whether a column is that of a field."""
        return column in self._by_field.values()

    def __getitem__(self, field: str) -> str:
        return self._by_field[field]

    def missing(self, fields: Iterable[str], columns: Iterable[str]) -> dict[str, str]:
        """Give fields that have none a column; return field -> column for these.

        Args:
            fields: of records.
            columns: that the table has.

        Raises:
            Unfit: the name of a field is no text.
        """
        found: dict[str, str] = {}
        for field in fields:
            if field in self._by_field:
                continue
            if not isinstance(field, str):
                raise Unfit(f"the name of a field is a {type(field).__name__}, not a text")
            taken = [*columns, *self._by_field.values()]
            found[field] = self._by_field[field] = self._naming.free_name(field, taken)
        return found


def require_room(table: str, columns: Mapping[str, object], new: Collection[str]) -> None:
    """Return if a table may get so many new columns.

    Raises:
        Unfit: it may not.
    """
    if len(columns) + len(new) > MOST_COLUMNS:
        raise Unfit(f"table {table} would have more than {MOST_COLUMNS} columns")


class StreamTable(Protocol):
    """What `Tables` asks of a dialect's table."""

    def set_up(self) -> None:
        """Bring the table to what the stream's plan says."""


TableT = TypeVar("TableT", bound=StreamTable)
PlaceT = TypeVar("PlaceT", bound=Hashable)


class Tables(Generic[TableT, PlaceT]):
    """All tables that a sink writes to."""

    def __init__(
        self,
        place: Callable[[StreamPlan, Collection[PlaceT]], PlaceT],
        make: Callable[[StreamPlan, PlaceT], TableT],
    ) -> None:
        """Take a dialect's functions.

        Args:
            place: the name of a stream's table, given those of the other streams.
            make: the table of a stream, of that name.
        """
        self._place = place
        self._make = make
        self._plans: dict[str, StreamPlan] = {}
        self._tables: dict[str, TableT] = {}
        self._places: dict[str, PlaceT] = {}
        self._upserts_unknown = False

    def learn(self, catalog: ConfiguredCatalog) -> None:
        """Take over the streams of a catalog, and make or widen their tables.

        Raises:
            ConnectorError: two streams share a table, or a stream cannot be written as asked.
        """
        plans = [StreamPlan.of(chosen) for chosen in catalog.streams]
        self._plans |= {plan.name: plan for plan in plans}
        self._upserts_unknown = any(plan.upserts for plan in self._plans.values())
        self._tables.clear()
        try:
            for plan in plans:
                self.of(plan.name, plan.bare_name, plan.namespace)
        except Unfit as error:
            raise ConnectorError.configuration(str(error)) from None

    def of(self, name: str, bare_name: str, namespace: str | None) -> TableT:
        """Return the table of a stream; one that no catalog named is written with our key.

        Raises:
            ConnectorError: another stream has the table.
        """
        table = self._tables.get(name)
        if table is None:
            plan = self._plans.get(name) or StreamPlan(
                name, bare_name, namespace, upserts=self._upserts_unknown
            )
            table = self._make(plan, self._placed(plan))
            table.set_up()
            self._tables[name] = table
        return table

    def forget(self) -> None:
        """Look at the database again; after a rollback, what was made is no more."""
        self._tables.clear()

    def _placed(self, plan: StreamPlan) -> PlaceT:
        """Return the table of a stream; once given, a name stays."""
        if plan.name in self._places:
            return self._places[plan.name]
        place = self._place(plan, self._places.values())
        for other, taken in self._places.items():
            if taken == place:
                raise ConnectorError.configuration(
                    f"streams {other!r} and {plan.name!r} both go to table {str(place)!r}; let `table` "
                    "hold {stream}"
                )
        self._places[plan.name] = place
        return place
