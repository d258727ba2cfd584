"""`rivven run` with a state store that saves nothing: B-M18's floor."""

from __future__ import annotations

import sys
from unittest import mock

from rivven_connect.cli import main
from rivven_connect.pipeline.store import StateStore

if __name__ == "__main__":
    sys.argv.insert(1, "run")
    with mock.patch.object(StateStore, "commit", return_value=None):
        main()
