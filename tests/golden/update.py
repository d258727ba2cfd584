"""Makes the golden files what is generated now: `python tests/golden/update.py [CASE...]`.

Review the difference as code. `--to FOLDER` writes the trees elsewhere and touches nothing here.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden_errors"))

import golden_messages
import golden_trees


def main() -> None:
    """Update the trees and messages, or write the trees below another folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="default: all, messages included")
    parser.add_argument("--to", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    for case in arguments.cases or golden_trees.CASES:
        if arguments.to:
            golden_trees.make_project(case, arguments.to / case)
            continue
        for path in golden_trees.update_tree(case):
            print(f"{case}: {path}")
    if not (arguments.cases or arguments.to):
        for name in golden_messages.update():
            print(f"golden_errors: {name}")


if __name__ == "__main__":
    main()
