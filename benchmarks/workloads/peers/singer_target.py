"""B-W1's sink in singer-sdk: a target that appends the records of each batch as lines."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from singer_sdk import typing as th
from singer_sdk.sinks import BatchSink
from singer_sdk.target_base import Target

_FOLDER = Path(sys.argv[2])


class Lines(BatchSink):
    """Writes lines."""

    max_size = 10_000

    def process_batch(self, context):
        """Append a batch."""
        with (_FOLDER / f"{self.stream_name}.jsonl").open("ab") as file:
            for record in context["records"]:  # the SDK reads numbers as decimals
                file.write(orjson.dumps(record, float, orjson.OPT_APPEND_NEWLINE))


class TargetLines(Target):
    """A target of JSON Lines files."""

    name = "target-lines"
    config_jsonschema = th.PropertiesList().to_dict()
    default_sink_class = Lines


TargetLines(config={}).listen(sys.stdin)
