"""Figures and pages from tables and tracks; never imports torch."""
