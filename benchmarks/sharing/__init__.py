"""Supernets with shared weights, and what their networks cost: ``make bench-sharing``."""
