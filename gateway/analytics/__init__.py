"""Estimates downstream of the books: floats are allowed, orders are not. Must never reach an
engine: advice is a command that somebody sends through a door."""
