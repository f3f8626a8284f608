"""Speed and accuracy, one row at a time: ``make bench ROW=name``. A row appends to ``benchmarks/results/name.csv``."""
