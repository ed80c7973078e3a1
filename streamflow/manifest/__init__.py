"""Manifests: pipelines as text."""
