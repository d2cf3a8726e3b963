"""Typed door to the native engine. Nobody else on the live row touches gateway._core.engine."""
