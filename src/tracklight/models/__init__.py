"""Architectures only: torch, and how a model is saved and loaded."""
