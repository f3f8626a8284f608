"""Rows that give each side the same wall-clock."""
