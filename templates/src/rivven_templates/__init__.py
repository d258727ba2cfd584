"""Templates of Rivven; this package holds data, no code."""
