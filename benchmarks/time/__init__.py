"""What is found in the time there is, and what makes it quicker: ``make bench-time``."""
