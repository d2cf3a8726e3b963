"""The native engine with a virtual clock writes the journals that the tests of this room read."""

from opened_worlds import open_world, world

__all__ = ["open_world", "world"]
