"""The floor of B-W1: a loop that writes each order as one line. Run with a count and a path."""

from __future__ import annotations

import sys

import orjson
from orders import order


def main(count: int, path: str) -> None:
    """Write the orders."""
    dumps = orjson.dumps
    with open(path, "wb", buffering=1 << 16) as file:
        write = file.write
        for number in range(count):
            write(dumps(order(number), option=orjson.OPT_APPEND_NEWLINE))


main(int(sys.argv[1]), sys.argv[2])
