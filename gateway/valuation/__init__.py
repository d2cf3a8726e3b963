"""Door to the native valuation functions: pure, exact, no state. Must never change a position."""
