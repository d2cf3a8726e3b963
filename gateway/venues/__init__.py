"""Hosts venue adapters and compares our truth with the venue's. Never decides what to trade."""
