"""From messages to batches: whole transactions where they are small, resume points wherever records end.

What is yielded together ends at a resume point: behind a commit, or, inside a transaction that is too
large to be held, behind one of its changes. Which change that is can be counted, because the server
decodes a transaction the same way each time.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import msgspec

from rivven_connect import (
    ConnectorError,
    EventBatch,
    EventMetadata,
    EventType,
    Item,
    JsonObject,
    Poison,
    RecordError,
    SourceEvent,
)
from rivven_connect.connectors.postgres_cdc_source.pgoutput import (
    Begin,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Relation,
    Truncate,
    Type,
    Update,
)
from rivven_connect.connectors.postgres_cdc_source.place import Place
from rivven_connect.connectors.postgres_cdc_source.replication import lsn_text, moment
from rivven_connect.connectors.postgres_cdc_source.rows import RowReader
from rivven_connect.connectors.postgres_cdc_source.tuples import (
    UNCHANGED,
    ProtocolError,
    split_row,
    split_rows,
)
from rivven_connect.postgres import Types

MOST_CHANGES = 1_000
"""Changes that are held for the end of their transaction, and that one batch may have."""

MOST_BYTES = 1024 * 1024

_KINDS = {
    Insert: EventType.INSERT,
    Update: EventType.UPDATE,
    Delete: EventType.DELETE,
    Truncate: EventType.TRUNCATE,
}


class Target:
    """A table that was chosen, in the form that its changes have until the next `Relation`."""

    def __init__(self, relation: Relation, types: Types) -> None:
        self.namespace = relation.namespace
        self.stream = relation.name
        columns = [(one.name, one.type_oid) for one in relation.columns]
        self._keys = [place for place, one in enumerate(relation.columns) if one.is_key]
        self._rows = RowReader(columns, types)
        self._key_rows = RowReader([columns[place] for place in self._keys], types)

    def records(self, messages: Sequence[Insert | Update | Delete]) -> list[JsonObject]:
        """Return what events of these changes hold.

        Raises:
            ConnectorError: of kind `data`; one of them holds a text that is none of its type.
            ProtocolError: one of them holds a row that is none of this table.
        """
        news = [one.new for one in messages if not isinstance(one, Delete)]
        columns = split_rows(news, len(self._rows))
        if all(isinstance(one, Insert) for one in messages):
            return self._rows.read(columns, len(news))
        afters = iter(self._rows.read(columns, len(news), partial=True))
        olds = [one for one in messages if not isinstance(one, Insert) and one.old is not None]
        befores = iter(self._befores(olds))
        found: list[JsonObject] = []
        for one in messages:
            if isinstance(one, Insert):
                found.append(next(afters))
            elif isinstance(one, Delete):
                found.append(next(befores))
            else:
                before = None if one.old is None else next(befores)
                after = next(afters)
                if before is not None and not one.old_is_key:
                    after = {**before, **after}
                found.append({"before": before, "after": after})
        return found

    def _befores(self, olds: Sequence[Update | Delete]) -> Iterator[JsonObject]:
        whole = [one.old for one in olds if one.old is not None and not one.old_is_key]
        keys = [one.old for one in olds if one.old is not None and one.old_is_key]
        columns = split_rows(keys, len(self._rows))
        key_columns = [columns[place] for place in self._keys] if keys else []
        wholes = iter(self._rows.read(split_rows(whole, len(self._rows)), len(whole)))
        only_keys = iter(self._key_rows.read(key_columns, len(keys)) if keys else [])
        return (next(only_keys if one.old_is_key else wholes) for one in olds)


class Transaction(msgspec.Struct):
    """What its changes have in common."""

    final_lsn: int
    text: str
    time: datetime.datetime
    metadata: EventMetadata


class NewSchema(msgspec.Struct):
    """From here on, a table's rows look like this."""

    schema: JsonObject


Change: TypeAlias = tuple[Target, Insert | Update | Delete | Truncate | NewSchema, int, Transaction]
"""A change, its ordinal in its transaction, and that."""


class Assembler:
    """Takes messages in, in the order of the stream, and gives out what can be delivered."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._targets: dict[int, Target | None] = {}
        self._transaction: Transaction | None = None
        self._index = 0
        self._skip = 0
        self._delivered = 0
        self._is_behind = False
        self._pending: list[Change] = []
        self._whole = 0
        self._size = 0

    @property
    def place(self) -> Place:
        """Where everything that was fed is behind us, except for the transaction that is open."""
        return self._place

    @property
    def has_whole(self) -> bool:
        """Whether changes of whole transactions are held."""
        return self._whole > 0

    def feed(self, message: Message) -> None:
        """Take a message; changes of rows go to `change`, a `Relation` to `define`.

        Raises:
            ProtocolError: it cannot come here.
            ConnectorError: what came is not what comes next; changes are missing.
        """
        if isinstance(message, Begin):
            self._begin(message)
        elif isinstance(message, Commit):
            self._commit(message)
        elif isinstance(message, Truncate):
            for oid in message.relations:
                self.change(oid, message)
        elif not isinstance(message, Type | Origin | LogicalMessage):
            raise ProtocolError(f"nobody asked for {type(message).__name__}")

    def change(self, oid: int, message: Insert | Update | Delete | Truncate, size: int = 0) -> bool:
        """Take a change of `size` bytes to a relation; say whether it is time to `take`.

        Raises:
            ProtocolError: it cannot come here.
        """
        transaction = self._transaction
        if transaction is None:
            raise ProtocolError("a change is outside of a transaction")
        try:
            target = self._targets[oid]
        except KeyError:
            raise ProtocolError(f"a change is of the unknown relation {oid}") from None
        self._index += 1
        if target is None or self._is_behind or self._index <= self._skip:
            return False
        self._pending.append((target, message, self._index, transaction))
        self._size += size
        return len(self._pending) >= MOST_CHANGES or self._size >= MOST_BYTES

    def define(
        self, relation: Relation, target: Target | None, schema: JsonObject | None = None
    ) -> None:
        """Note what a relation is from here on; None is one that was not chosen.

        `schema` is its new one, where it is not what the catalog says.
        """
        self._targets[relation.oid] = target
        if target is not None and schema is not None and self._transaction is not None:
            self._pending.append((target, NewSchema(schema), self._index, self._transaction))

    def advance(self, lsn: int) -> None:
        """Note that nothing is to come before a position."""
        if self._transaction is None and not self._place.skip and lsn > self._place.lsn:
            self._place = self._place.at(lsn)

    def take(self) -> Iterator[Item]:
        """Yield the changes of whole transactions, or else of the open one, and a resume point."""
        transaction = self._transaction
        if self.has_whole or transaction is None:
            yield from self.take_whole()
        else:
            self._delivered = self._index
            yield from self._give(len(self._pending))

    def take_whole(self) -> Iterator[Item]:
        """Yield the changes of whole transactions, if there are any, and a resume point."""
        yield from self._give(self._whole)

    def _give(self, count: int) -> Iterator[Item]:
        place, transaction = self._place, self._transaction
        if self._delivered and transaction is not None:
            place = place.inside(transaction.final_lsn, self._delivered)
        changes, self._pending = self._pending[:count], self._pending[count:]
        self._whole = 0
        if changes:
            self._size = 0
        start = 0
        while start < len(changes):
            target, first = changes[start][:2]
            end = start + 1
            if isinstance(first, Insert | Update | Delete):
                most = min(len(changes), start + MOST_CHANGES)
                while end < most and _continues(changes[end], target):
                    end += 1
            yield from _items(target, changes[start:end])
            start = end
        yield place.batch()

    def _begin(self, message: Begin) -> None:
        if self._transaction is not None:
            raise ProtocolError("a transaction begins inside another")
        # The commit record starts at `final_lsn`, so what ends at our place starts before it.
        self._is_behind = message.final_lsn < self._place.lsn
        text = lsn_text(message.final_lsn)
        metadata = EventMetadata(position=text, transaction_id=str(message.xid))
        self._transaction = Transaction(message.final_lsn, text, moment(message.time), metadata)
        self._index = 0
        self._skip = 0 if self._is_behind else self._place.skip_in(message.final_lsn)
        self._delivered = self._skip

    def _commit(self, message: Commit) -> None:
        if self._transaction is None:
            raise ProtocolError("a transaction ends that has not begun")
        if not self._is_behind:
            self._place = self._place.at(message.end_lsn)
        self._transaction = None
        self._whole = len(self._pending)


def _continues(change: Change, target: Target) -> bool:
    return change[0] is target and isinstance(change[1], Insert | Update | Delete)


def _items(target: Target, changes: Sequence[Change]) -> Iterator[Item]:
    """Yield a batch of the changes of one table; what cannot be read goes alone, as `Poison`."""
    _, first, index, transaction = changes[0]
    if isinstance(first, NewSchema):
        yield SourceEvent(
            stream=target.stream,
            namespace=target.namespace,
            event_type=EventType.SCHEMA,
            data=first.schema,
        )
        return
    messages = [one for _, one, _, _ in changes if isinstance(one, Insert | Update | Delete)]
    try:
        records: Sequence[JsonObject | None] = target.records(messages) or [None]
    except RecordError as error:
        if len(changes) > 1:
            for one in changes:
                yield from _items(target, [one])
        else:
            yield _poison(target, messages[0], error, [transaction.text, index])
        return
    yield EventBatch(
        stream=target.stream,
        namespace=target.namespace,
        records=records,
        event_types=[_KINDS[type(one)] for _, one, _, _ in changes],
        positions=[[one.text, place] for _, _, place, one in changes],
        timestamps=[one.time for _, _, _, one in changes],
        metadata=[one.metadata for _, _, _, one in changes],
    )


def _poison(
    target: Target, message: Insert | Update | Delete, error: ConnectorError, position: list[object]
) -> Poison:
    row = split_row(message.old if isinstance(message, Delete) else message.new)
    raw = b"\t".join(b"\\N" if one is None else b"" if one is UNCHANGED else one for one in row)
    name = f"{target.namespace}.{target.stream}"
    return Poison(stream=name, raw=raw, error=str(error), position=position)
