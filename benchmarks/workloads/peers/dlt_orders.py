"""B-W1 in dlt: a resource of single orders, loaded into local JSON Lines files."""

from __future__ import annotations

import sys
from pathlib import Path

import dlt
from orders import order


@dlt.resource(name="orders", primary_key="id", max_table_nesting=0)
def orders(count):
    """Yield the orders."""
    for number in range(count):
        yield order(number)


def main(count: int, folder: str) -> None:
    """Run the pipeline, with its working folder beside what it writes."""
    dlt.config["runtime.dlthub_telemetry"] = False
    dlt.config["normalize.data_writer.disable_compression"] = True
    dlt.config["data_writer.disable_compression"] = True
    pipeline = dlt.pipeline(
        "orders",
        pipelines_dir=str(Path(folder).resolve().parent / "working"),
        destination=dlt.destinations.filesystem(Path(folder).resolve().as_uri()),
        dataset_name="shop",
    )
    pipeline.run(orders(count), loader_file_format="jsonl")


main(int(sys.argv[1]), sys.argv[2])
