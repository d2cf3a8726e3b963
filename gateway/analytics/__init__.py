"""Estimates and roll-ups over the rows of the books: floats are allowed, orders are not. Must never
read a clock nor reach an engine: advice is a command that somebody sends through a door."""
