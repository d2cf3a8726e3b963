"""The plugin API level. A plugin names the level it was written for; the loader refuses others."""

__all__ = ["API_LEVEL"]

API_LEVEL = 1
