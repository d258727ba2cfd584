"""Test cases for a config class, derived from the manifest: the edges of every constraint."""

from __future__ import annotations

from rivven_generator.cases.views import (
    ABSENT,
    AcceptView,
    CasesView,
    RejectView,
    Repeat,
    SecretView,
)

__all__ = ["ABSENT", "AcceptView", "CasesView", "RejectView", "Repeat", "SecretView"]
