"""Placeholder list of the matching engine's face; its owner room is core_ext/.../book."""
