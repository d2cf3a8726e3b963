"""The native position arithmetic for what-if calculations and measurements: one book per object.

Exact like the engine's books and apart from them: nothing done here changes a live position.
"""

from __future__ import annotations

from gateway._core.positions import PositionModel, fill_dtype

__all__ = ["FILL", "PositionModel"]

FILL = fill_dtype()  # one fill in 32 bytes: price, quantity, fee_e18 (mantissas), side
