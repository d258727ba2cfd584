"""The last steps of a flush: dead letters and checkpoints become durable, then counts are shown."""

from __future__ import annotations

import concurrent.futures
from collections import Counter
from collections.abc import Mapping, Sequence

from rivven_connect._errors import PipelineError
from rivven_connect._json import JsonObject
from rivven_connect._offload import Offload
from rivven_connect.pipeline.dead_letters import DeadLetter, DeadLetterFile
from rivven_connect.pipeline.failures import stop_error
from rivven_connect.pipeline.observer import Observer
from rivven_connect.pipeline.plan import PipelinePlan
from rivven_connect.pipeline.store import EDITED, StateKey, Store
from rivven_connect.pipeline.summary import ConnectorCounts, ConnectorStatus, RunSummary


class Committer:
    """Writes dead letters and state in the order of the calls, on a thread of its own if slow."""

    def __init__(
        self, store: Store, plan: PipelinePlan, summary: RunSummary, observer: Observer
    ) -> None:
        self._store = store
        self._summary = summary
        self._observer = observer
        owners = [("source", one) for one in plan.sources] + [("sink", one) for one in plan.sinks]
        self._files = {
            (kind, owner.name): DeadLetterFile(owner.dead_letter, plan.name, owner=owner)
            for kind, owner in owners
            if owner.dead_letter is not None
        }
        self._heard: dict[str, dict[tuple[str, str], int]] = {}
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "rivven-commit")
        self._calls = Offload(self._thread)

    @property
    def term(self) -> int:
        """The number of this run in the life of its state: raised at each start."""
        return self._store.term

    async def load(self, source: str) -> dict[str, JsonObject]:
        """Return the saved state of a source: stream -> object."""
        return await self._calls.run(lambda: self._store.load(source))

    async def edited(self, source: str) -> set[str]:
        """Return what a person has edited in the saved state since the last run: streams, or "".

        Asked once; the next commit of the source says that it was heard.
        """
        owner = f"source:{source}"
        totals = await self._calls.run(self._store.counters)
        found = {
            key: total
            for key, total in totals.items()
            if total and key[0] == owner and key[1].partition(":")[0] == EDITED
        }
        self._heard[source] = {key: -total for key, total in found.items()}
        return {name.partition(":")[2] for _, name in found}

    async def keep(self, kind: str, name: str, letters: Sequence[DeadLetter]) -> None:
        """Make dead letters of one source or sink durable.

        Raises:
            RivvenError: they are not; no checkpoint may pass them.
        """
        if not letters:
            return
        file = self._files.get((kind, name))
        if file is None:
            raise PipelineError(f"{kind} {name!r} has dead letters and no place for them")
        try:
            await self._calls.run(lambda: file.append(letters))
        except Exception as error:
            raise stop_error(f"dead letters of {kind} {name!r}", error) from error

    async def commit(
        self,
        source: str,
        states: Mapping[StateKey, JsonObject],
        counts: Sequence[ConnectorCounts],
    ) -> None:
        """Save the states and counters of one flush in one transaction.

        Raises:
            RivvenError: nothing was saved, or so many records became dead letters that the
                pipeline must not go on (this flush is then saved).
        """
        counters: Counter[tuple[str, str]] = Counter(self._heard.pop(source, {}))
        for one in counts:
            counters.update(one.stored())
        try:
            await self._calls.run(lambda: self._store.commit(source, states, counters))
        except Exception as error:
            raise stop_error(f"the checkpoint of source {source!r}", error) from error
        for one in counts:
            known = self._summary.sources if one.kind == "source" else self._summary.sinks
            known[one.name].add(one)
        self._observer.committed(source, counts[0].read)
        for one in counts:
            file = self._files.get((one.kind, one.name))
            if file is None:
                continue
            try:
                file.count(one.read, one.dead_letters)
            except PipelineError as error:
                known = self._summary.sources if one.kind == "source" else self._summary.sinks
                known[one.name].status = ConnectorStatus.FAILED
                raise PipelineError(
                    f"{one.kind} {one.name!r}: {error}; `rivven dlq show` tells why, and a higher "
                    "max_ratio tolerates more"
                ) from error

    async def close(self) -> None:
        """Wait for what is being written; a cancelled caller does not stop it."""
        await self._calls.run(lambda: None)
        self._thread.shutdown()
