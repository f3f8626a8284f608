"""Texts and tables beside the best simple tools: ``make bench-tabular-text``."""
