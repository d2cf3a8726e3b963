"""Refuses to set a trading state over what stands, as the native engine does in the same turn."""


def judge(before, keeps_halts=False, if_actor=None):
    """`before`: the row that stands, None = nobody set one yet."""
    before = before or {"state": "active", "is_latch": False, "actor": ""}
    if keeps_halts and before["is_latch"]:
        raise ValueError("LATCHED name : what is above stays")
    if keeps_halts and before["state"] == "halted":
        raise ValueError("TRADING_HALTED name : what is above stays")
    if if_actor is not None and before["actor"] != if_actor:
        raise ValueError(f"REGISTRY_CONFLICT if_actor {if_actor}: somebody else set the state")
