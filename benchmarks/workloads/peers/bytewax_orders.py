"""B-W1 in bytewax: a dataflow from a source of orders to a file of lines."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import bytewax.operators as op
import orjson
from bytewax.connectors.files import FileSink
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import cluster_main
from orders import order

_PAGE = 1000


class _Orders(StatefulSourcePartition):
    def __init__(self, count, start):
        self._numbers = iter(range(start, count))
        self._next = start

    def next_batch(self):
        batch = [order(number) for number in itertools.islice(self._numbers, _PAGE)]
        if not batch:
            raise StopIteration
        self._next += len(batch)
        return batch

    def snapshot(self):
        return self._next


class Orders(FixedPartitionedSource):
    """Makes up orders, in one partition that can be resumed."""

    def __init__(self, count):
        self._count = count

    def list_parts(self):
        """Return the one partition."""
        return ["orders"]

    def build_part(self, step_id, for_part, resume_state):
        """Return its reader."""
        return _Orders(self._count, resume_state or 0)


def main(count: int, folder: str) -> None:
    """Run the dataflow."""
    flow = Dataflow("orders")
    orders = op.input("orders", flow, Orders(count))
    lines = op.map("lines", orders, lambda one: ("orders", orjson.dumps(one).decode()))
    op.output("file", lines, FileSink(Path(folder) / "orders.jsonl"))
    cluster_main(flow, [], 0)


main(int(sys.argv[1]), sys.argv[2])
