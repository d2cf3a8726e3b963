"""The exchange gateway: every order leaves and every fill returns through one daemon."""

__all__ = ["__version__"]

__version__ = "0.1.0"
