"""Where the source is: the state that is saved, and what it promises."""

from __future__ import annotations

from typing import Literal

import msgspec

from rivven_connect import ConnectorError, EventBatch, JsonObject, State
from rivven_connect.connectors.postgres_cdc_source.replication import lsn_text, parse_lsn

GLOBAL = "_state"
"""The stream of what is saved for all tables together."""

Phase = Literal["creating", "streaming"]


class Place(msgspec.Struct, frozen=True):
    """A position in the log of one server, up to which everything was delivered.

    `creating` is saved before the slot is created: a slot that exists when that is read was made by
    the run before, and nothing was read from it. Inside a large transaction, `within` is where its
    commit record starts and `skip` how many of its changes were delivered.
    """

    slot: str
    system: str
    timeline: int
    publication: int
    lsn: int = 0
    within: int = 0
    skip: int = 0
    phase: Phase = "streaming"

    def at(self, lsn: int) -> Place:
        """Return the place behind a transaction that ends at `lsn`."""
        return msgspec.structs.replace(self, lsn=lsn, within=0, skip=0)

    def inside(self, final_lsn: int, delivered: int) -> Place:
        """Return the place inside the transaction behind this one."""
        return msgspec.structs.replace(self, within=final_lsn, skip=delivered)

    def skip_in(self, final_lsn: int) -> int:
        """Return how many changes of a transaction were delivered.

        Raises:
            ConnectorError: it is another than the one that was delivered in part.
        """
        if self.skip and final_lsn != self.within:
            raise ConnectorError.state(
                f"gap: {self.skip} changes of the transaction that commits at {lsn_text(self.within)} "
                f"were delivered, and the server continues with the one at {lsn_text(final_lsn)}"
            )
        return self.skip

    def batch(self) -> EventBatch:
        """Return the empty batch that saves this place."""
        return EventBatch(stream=GLOBAL, records=[], state=self.to_state())

    def to_state(self) -> JsonObject:
        """Return the JSON that is saved."""
        found: JsonObject = {
            "slot": self.slot,
            "system": self.system,
            "timeline": self.timeline,
            "publication": self.publication,
            "phase": self.phase,
            "lsn": lsn_text(self.lsn),
        }
        if self.skip:
            found |= {"within": lsn_text(self.within), "skip": self.skip}
        return found


def saved_place(state: State | None) -> Place | None:
    """Return the place that was saved; None at the first start.

    Raises:
        ConnectorError: what was saved is none of ours.
    """
    saved = state.to_json().get(GLOBAL) if state is not None else None
    if saved is None:
        return None
    try:
        positions = {
            name: parse_lsn(str(saved[name])) for name in ("lsn", "within") if name in saved
        }
        return msgspec.convert(dict(saved) | positions, Place)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConnectorError.state(
            f"the saved state is none of this source ({error}); reset it with `rivven state reset`"
        ) from error


def advice(slot: str) -> str:
    """Return what to do after a gap."""
    return (
        "nothing was read past it. To start anew: `rivven state reset PIPELINE --source NAME`, "
        f"drop the slot if it exists (pg_drop_replication_slot('{slot}')), and run again; the tables "
        "are then read from their start"
    )
