"""The simulated venue as a process of its own. Shares with the gateway only gateway.matching."""
