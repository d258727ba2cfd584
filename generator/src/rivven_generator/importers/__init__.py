"""Manifests from other tools' connector specs: one module per format, one for what they share."""
