"""Makes the modules of this folder importable; the trees are projects with tests of their own."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

collect_ignore_glob = ["*/tree"]
