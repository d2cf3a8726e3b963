"""Estimates and roll-ups over the rows of the books: exposure, profit by cause. Reads rows and
returns rows; must never read a file, a clock or the live process."""
