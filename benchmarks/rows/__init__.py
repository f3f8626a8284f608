"""One module a row: its first docstring line says what it measures, its ``run`` yields figures."""
