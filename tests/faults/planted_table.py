"""The bugs that are planted to see the tests fail (M16): what is replaced, and who must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

RUNTIME = "runtime/src/rivven_connect"
PIPELINE = f"{RUNTIME}/pipeline"
GENERATOR = "generator/src/rivven_generator"
ORACLE = "tests/faults/oracle.py"

SIMULATION = "tests/faults/test_simulation.py"
DELIVERY = "tests/runtime/test_engine_delivery.py"
READING = "tests/runtime/test_engine_reading.py"
TRANSACTIONS = "tests/runtime/test_engine_transactions.py"
WORKERS = "tests/faults/test_workers.py"
HOOKS = "tests/runtime/test_hooks.py"
BLOCKS = "tests/runtime/test_engine_blocks.py"
COLUMNS = "tests/runtime/test_engine_columns.py"
MARCH = "tests/runtime/test_march.py"


@dataclass(frozen=True)
class Planted:
    """One bug: `old`, which stands exactly once in `file`, becomes `new`; `tests` must fail."""

    name: str
    meaning: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def mutated(self, text: str) -> str:
        """Return the text of the file with the bug in it.

        Raises:
            ValueError: the place is gone, or there are several: the table must be brought up to date.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.name}: {text.count(self.old)} places in {self.file}")
        return text.replace(self.old, self.new)


def _in_pipeline(name: str, meaning: str, module: str, old: str, new: str, *tests: str) -> Planted:
    return Planted(name, meaning, f"{PIPELINE}/{module}.py", old, new, tests)


def _in_core(name: str, meaning: str, module: str, old: str, new: str, *tests: str) -> Planted:
    return Planted(name, meaning, f"{RUNTIME}/{module}.py", old, new, tests)


ORIGINALS = (
    _in_pipeline(
        "R1",
        "the saved state is never loaded",
        "committer",
        "return await self._calls.run(lambda: self._store.load(source))",
        "return {}",
        f"{DELIVERY}::test_a_second_run_continues_from_the_saved_state",
    ),
    _in_core(
        "R2",
        "records that a sink failed are ignored, and the checkpoint advances",
        "_verdict",
        "    places = {id(event): index for index, event in enumerate(events)}\n",
        "    return Verdict((), ())\n"
        "    places = {id(event): index for index, event in enumerate(events)}\n",
        SIMULATION,
    ),
    _in_pipeline(
        "R3",
        "an error in the middle of a stream is skipped",
        "sourcing",
        "        if not reading.cancelled() and (error := reading.exception()) is not None:\n"
        "            raise error\n",
        "        if not reading.cancelled():\n            reading.exception()\n",
        f"{READING}::test_what_comes_before_an_error_counts_and_the_rest_is_read_again",
    ),
    _in_core(
        "R4",
        "a count is believed, though records are missing from it",
        "_verdict",
        "    if result.records_written < written:\n",
        "    if result.records_written < written and False:\n",
        "tests/runtime/test_verdict.py",
    ),
    _in_pipeline(
        "R5",
        "a checkpoint is saved only when a counter hits a multiple",
        "settling",
        "        if all(entry.piece.is_empty() and not entry.counts for entry in entries):\n",
        "        if len(entries) % 10:\n",
        f"{DELIVERY}::test_everything_read_is_written_once_and_the_state_is_saved",
    ),
    _in_pipeline(
        "R6",
        "a failed read of the state is taken for no state",
        "store",
        "        with translated(self.path):\n            return {\n"
        "                one.name: json.loads(one.value)",
        "        with contextlib.suppress(Exception):\n            return {\n"
        "                one.name: json.loads(one.value)",
        "tests/runtime/test_state_store.py::test_f22_a_failed_read_is_never_no_state",
    ),
    Planted(
        "R7a",
        "SIGTERM is ignored",
        f"{RUNTIME}/cli/signals.py",
        "        loop.call_soon_threadsafe(stop.set)\n",
        "",
        (
            "tests/runtime/test_cli_run.py::test_a_signal_drains_with_exit_0_and_a_restart_continues",
        ),
    ),
    Planted(
        "R7b",
        "a fatal failure exits 0",
        f"{RUNTIME}/cli/edge.py",
        "    return code\n",
        "    return 0\n",
        ("tests/runtime/test_cli_run.py::test_errors_of_connectors_exit_3_without_a_traceback",),
    ),
    Planted(
        "R8",
        "the rate limiter waits for ever on more than its bucket holds",
        f"{RUNTIME}/_rate_limit.py",
        "        self._tokens -= events\n",
        "        while events > self._tokens:\n"
        "            await self._sleep(1.0)\n"
        "            self._fill(rate)\n"
        "        self._tokens -= events\n",
        ("tests/faults/test_simulation_clock.py::test_a_demand_over_the_bucket_passes",),
    ),
    Planted(
        "R9",
        "jitter is a fixed function of the attempt",
        f"{RUNTIME}/_retry.py",
        "(2 * rng() - 1)",
        "(2 * (attempt % 4) / 4 - 1)",
        ("tests/runtime/test_retry.py",),
    ),
    _in_pipeline(
        "R10",
        "bytes that are not JSON are replaced by lossy text",
        "dead_letters",
        'return base64.b64encode(self.raw).decode("ascii")',
        'return self.raw.decode("utf-8", "replace")',
        "tests/runtime/test_dead_letters.py::test_bytes_that_could_not_be_parsed_are_kept_exactly",
    ),
)
"""The bugs of the original (reliability.md, section 1)."""

DELIVERY_BUGS = (
    _in_core(
        "nack as ack",
        "failures that are counted and not named count as written",
        "_verdict",
        "        return Verdict(events, (), reason or",
        "        return Verdict((), (), reason or",
        SIMULATION,
    ),
    _in_pipeline(
        "commit before flush",
        "a checkpoint does not wait for the sink's flush",
        "writing",
        "                await self._sink.flush(self._plan.config)\n",
        "",
        SIMULATION,
    ),
    _in_pipeline(
        "ack before commit",
        "the source is told before the checkpoint is durable",
        "settling",
        "            moved = await self._commit(entries)\n",
        "            for entry in entries:\n"
        "                for key, state in entry.piece.states.items():\n"
        "                    self.committed[state_name(key)] = decode_json(state)\n"
        "            await self.acknowledge(source)\n"
        "            moved = await self._commit(entries)\n",
        SIMULATION,
    ),
    _in_pipeline(
        "empty state overwrites",
        "an empty state replaces a saved one",
        "state_rows",
        "        if found is not None and row.value == _EMPTY:\n",
        "        if found is None and row.value == _EMPTY:\n",
        "tests/runtime/test_state_store.py::test_an_empty_state_never_replaces_a_saved_one",
    ),
    Planted(
        "tie skip",
        "the cursor is exclusive: records tied with the last one are skipped",
        f"{RUNTIME}/_cursor.py",
        "        return is_there and _key(self._primary_key(record)) in self._repeats\n",
        "        return is_there\n",
        (SIMULATION,),
    ),
    Planted(
        "change within a tick",
        "a record that changed, and not its cursor, is dropped as one that was delivered",
        f"{RUNTIME}/_cursor.py",
        '        return known in ("", _version(record))\n',
        "        return bool(known) or not known\n",
        (HOOKS,),
    ),
    _in_pipeline(
        "cleanup on ambiguity",
        "what a write of unknown outcome held is taken back and not written again",
        "transactions",
        "                await self._patience.pause(guard, _located(error))\n",
        "                await self._patience.pause(guard, _located(error))\n"
        "                pending = ()\n",
        SIMULATION,
    ),
    _in_pipeline(
        "partial commit",
        "a checkpoint waits for the first sink of several only",
        "ledger",
        "        entry = Entry(self._source, piece, self, sinks)\n",
        "        entry = Entry(self._source, piece, self, min(1, sinks))\n",
        SIMULATION,
    ),
    _in_pipeline(
        "swallowed cancellation",
        "a cancelled wait before a retry ends early, and the retry follows",
        "patience",
        "        await asyncio.sleep(self.after(guard, error))\n",
        "        try:\n"
        "            await asyncio.sleep(self.after(guard, error))\n"
        "        except asyncio.CancelledError:\n"
        "            pass\n",
        "tests/faults/test_simulation_clock.py::test_a_cancelled_run_is_cancelled_at_once",
    ),
    _in_pipeline(
        "leading in fan-out",
        "a transactional sink decides where a source begins, though another sink has less",
        "plan",
        'return sinks[0] if len(sinks) == 1 and sinks[0].delivery == "transactional" else None',
        'return next((one for one in sinks if one.delivery == "transactional"), None)',
        SIMULATION,
    ),
    _in_pipeline(
        "dead letter after the transaction",
        "a transaction does not wait for the dead letters of its own records",
        "transactions",
        "            await self._keep(attempt.letters)\n",
        "            letters = list(attempt.letters)\n"
        '            __import__("asyncio").get_running_loop().call_later(\n'
        '                0.5, lambda: __import__("asyncio").ensure_future(self._keep(letters))\n'
        "            )\n",
        f"{TRANSACTIONS}::test_a_dead_letter_is_durable_before_the_transaction_without_it",
    ),
    Planted(
        "finished stream read again",
        "a stream that has come to its end is read again when a later one crashes",
        f"{RUNTIME}/_hooks.py",
        "        self._is_done = start.get(COMPLETE) == sync_id\n",
        "        self._is_done = False\n",
        (f"{HOOKS}::test_a_finished_stream_is_not_read_again_in_the_same_sync",),
    ),
    Planted(
        "unordered stream resumes",
        "an unordered stream has resume points before its end",
        f"{RUNTIME}/_cursor.py",
        'incremental and spec.cursor_order == "ascending" and not start.get(UNORDERED)',
        "incremental and not start.get(UNORDERED)",
        (f"{HOOKS}::test_an_unordered_stream_moves_only_at_its_end",),
    ),
    _in_pipeline(
        "small window stalls",
        "a window smaller than a batch waits for the batch to fill",
        "window",
        "            self.put(Piece(urgent=True))\n",
        "",
        f"{READING}::test_a_window_smaller_than_a_batch_does_not_stall",
    ),
    _in_pipeline(
        "hook that never waits",
        "a source that never waits keeps the loop to itself",
        "reading",
        "        await asyncio.sleep(0)\n",
        "",
        f"{READING}::test_a_source_that_never_waits_starves_nobody",
    ),
    _in_pipeline(
        "keys of a nested fan-out",
        "the copies of a copy get the ordinals of the copy's siblings",
        "march",
        "                one.sub_index = (base << _ORDINAL_BITS) | ordinal\n",
        "                one.sub_index = ordinal\n",
        f"{READING}::test_nested_fan_out_gives_every_record_its_own_ordinal",
    ),
    Planted(
        "skip by epoch",
        "a sink skips what has an epoch it knows, though batches have moved in a crash",
        f"{RUNTIME}/_tables/session.py",
        "            sync = None\n            if batch.pipeline:\n",
        "            sync = None\n"
        '            if batch.epoch <= getattr(self, "_epoch", 0):\n'
        "                return\n"
        "            self._epoch = batch.epoch\n"
        "            if batch.pipeline:\n",
        (
            "tests/connectors/tables/test_table_transactions.py::test_no_batch_is_skipped_by_its_epoch",
        ),
    ),
)
"""Ways to lose or repeat records that a plausible reading of the contracts allows."""

OTHERS = (
    Planted(
        "count-only oracle",
        "the oracle compares counts of keys and not the keys",
        ORACLE,
        "evidence.source - known)",
        "evidence.source - known if sum(map(len, (sink.keys, sink.dead_letters,"
        " evidence.dead_letters, evidence.filtered, evidence.dropped)))"
        " < len(evidence.source) else ())",
        ("tests/faults/test_oracle.py",),
    ),
    Planted(
        "unescaped docstring",
        "the manifest's text stands in a docstring as it is",
        f"{GENERATOR}/docstrings.py",
        """return escaped(line.rstrip()).replace('\"""', '\\\\"\\\\"\\\\"')""",
        "return line.rstrip()",
        ("tests/golden/test_text_shapes.py::test_hostile_text_changes_strings_and_nothing_else",),
    ),
    Planted(
        "raw traceback",
        "a failure ends as a traceback",
        f"{RUNTIME}/cli/edge.py",
        "    except Exception as error:  # noqa: BLE001  # the one place where everything ends\n",
        "    except ZeroDivisionError as error:\n",
        ("tests/runtime/test_cli_run.py::test_bad_input_exits_2_with_its_place_and_no_traceback",),
    ),
    _in_pipeline(
        "divided place",
        "two workers write to one place",
        "groups",
        "*_topics(plan), *_places(plan), *_letters(plan)",
        "*_topics(plan), *_letters(plan)",
        "tests/runtime/test_groups.py",
    ),
    _in_pipeline(
        "lock let go",
        "a worker does not hold the lock of its run",
        "lock",
        "        found._descriptor = descriptor\n",
        "        os.close(descriptor)\n",
        f"{WORKERS}::test_while_a_worker_lives_nobody_else_starts_the_pipeline",
    ),
    Planted(
        "order as signal",
        "a terminal's signal, which the run passes on, counts twice",
        f"{RUNTIME}/cli/signals.py",
        "        if signalled:\n",
        "        if watchdog:\n",
        (f"{WORKERS}::test_a_signal_drains_all",),
    ),
    Planted(
        "argument",
        "a worker gets the pipeline file as an argument",
        f"{RUNTIME}/cli/worker_process.py",
        '"-P", "-c", _BOOT)',
        '"-P", "-c", _BOOT, job.text)',
        (f"{WORKERS}::test_no_secret_is_in_an_argument_or_in_what_is_said",),
    ),
    Planted(
        "lonely start",
        "a worker reads before all are ready",
        f"{RUNTIME}/cli/worker.py",
        "        await self._go.wait()\n",
        "",
        (f"{WORKERS}::test_a_source_that_cannot_be_opened_keeps_all_from_reading",),
    ),
    Planted(
        "symlink follow",
        "a link below the project's folder is followed",
        f"{GENERATOR}/disk.py",
        "_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC\n",
        "_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC\n",
        ("tests/generator/test_write.py::test_a_link_below_the_project_is_refused",),
    ),
    Planted(
        "last key wins",
        "of two equal keys in a file, the last one wins without a word",
        f"{RUNTIME}/_parsing.py",
        "        elif key in top.node.value:\n",
        "        elif False:\n",
        ("tests/generator/test_documents.py::test_names_both_lines_of_a_key_that_stands_twice",),
    ),
)
"""Bugs beside the path of a record."""

BLOCK_BUGS = (
    _in_pipeline(
        "surplus thrown away",
        "a piece that holds only what a transform made of records in the piece before counts as empty",
        "window",
        "not (self.read or self.records or self.letters or self.states)",
        "not (self.read or self.letters or self.states)",
        f"{BLOCKS}::test_a_transform_that_makes_many_of_each_record_loses_none",
    ),
    _in_pipeline(
        "misfit in a block",
        "a block passes the check of its schema though one of its records does not fit",
        "schemas",
        "            return bool(self._all.is_valid(records))\n",
        "            return bool(self._all.is_valid(records[:1]))\n",
        f"{BLOCKS}::test_one_misfit_among_a_thousand_is_the_only_letter",
    ),
    _in_pipeline(
        "block of another draft",
        "a schema means one thing for a record and another for a block of them",
        "schemas",
        'if name != "$schema"}',
        "if name}",
        f"{BLOCKS}::test_one_misfit_among_a_thousand_is_the_only_letter",
    ),
    _in_pipeline(
        "state before the block",
        "the state of a batch is noted before its records are",
        "reading",
        "            await self._blocks(batch, key)\n",
        "            if batch.state:\n"
        "                self._state(key, batch.state)\n"
        "            await self._blocks(batch, key)\n",
        f"{BLOCKS}::test_a_bad_record_in_the_middle_of_a_block",
    ),
    _in_pipeline(
        "qualified twice",
        "records that go singly after all keep what was done to their block",
        "reading",
        "            part.records, part.positions = records, positions\n",
        "",
        f"{BLOCKS}::test_positions_are_qualified_once",
    ),
    _in_pipeline(
        "metadata lost in lines",
        "events with metadata are kept as lines, which have none",
        "draft",
        "        if self._only_lines and batch.is_plain():\n",
        "        if self._only_lines:\n",
        f"{BLOCKS}::test_lines_alone_are_kept_only_of_what_they_say_all_of",
    ),
    _in_pipeline(
        "lines before the transform",
        "a sink gets the block as it was before its own transform",
        "delivery",
        "Block(block.key, batch, estimated_size(batch.held))",
        "Block(block.key, block.batch, estimated_size(batch.held))",
        f"{COLUMNS}::test_in_a_fan_out_every_sink_gets_its_form_and_no_other_sinks_changes",
    ),
    _in_pipeline(
        "half a batch form",
        "what a transform's batch form did before it failed is not undone",
        "chain",
        "            originals.restore(events)\n",
        "",
        f"{MARCH}::test_of_any_other_batch_form_nothing_is_left",
    ),
    _in_pipeline(
        "stop counts the rest",
        "the records behind one that stops the source count as read",
        "march",
        "        del self.leaves[end:], self._origins[record:]\n",
        "        del self.leaves[end:]\n",
        f"{MARCH}::test_what_went_before_a_stop_goes_on_through_all_steps",
    ),
    _in_pipeline(
        "failures of a whole write",
        "failures that the fast form of a write names are not looked at",
        "writing",
        "                if not (result.has_failures() or result.failed_events):",
        "                if True:",
        f"{BLOCKS}::test_a_sink_that_names_failures_without_counting_them_is_asked_again",
    ),
    _in_pipeline(
        "columns of the old schema",
        "after a change of schema, rows become columns by the old one",
        "writing",
        "        self._columns = None\n        self._schemas = {one",
        "        self._schemas = {one",
        f"{COLUMNS}::test_rows_become_columns_by_the_schema_that_holds_now",
    ),
    Planted(
        "tie rows dropped",
        "of the rows that share the last cursor of a columnar batch, one is remembered",
        f"{RUNTIME}/_arrow/order.py",
        "        ties = batch.filter(pc.equal(column, column[-1]))\n",
        "        ties = batch.slice(len(batch) - 1)\n",
        (f"{COLUMNS}::test_columns_resume_at_ties_without_repeats",),
    ),
    _in_core(
        "no news, no run",
        "an Arrow batch of which every row was seen ends the source",
        "_cursor",
        "        return batch.take(wanted) if wanted else batch.slice(0, 0)\n",
        "        return batch.take(wanted)\n",
        f"{COLUMNS}::test_columns_resume_at_ties_without_repeats",
    ),
    _in_core(
        "weighed in step",
        "rows are sampled in step with a source whose every other row is large",
        "_pump",
        "_SAMPLED = 7\n",
        "_SAMPLED = 8\n",
        f"{HOOKS}::test_rows_of_changing_size_do_not_pile_up",
    ),
)
"""Bugs where records move in blocks and columns."""

PLANTED = (*ORIGINALS, *DELIVERY_BUGS, *OTHERS, *BLOCK_BUGS)
