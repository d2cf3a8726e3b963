"""Measurements. Each returns its figures by name (docs/reference/bench.md) and runs without the
interpreter's lock. They write into the directories of the Place and pin threads while they run."""

COMPILER: str

class Place:
    """Where a bench writes and runs: an empty directory on a disk and one on tmpfs."""

    directory: str
    ring_directory: str
    def __init__(
        self,
        directory: str,
        ring_directory: str,
        engine_cpu: int = -1,
        other_cpu: int = -1,
        seconds: float = 10.0,
        scale: float = 1.0,
    ) -> None: ...

class EmptyPort:
    """Takes what a port takes and does nothing: the floor of a bound call."""

    def __init__(self) -> None: ...
    def submit(
        self,
        principal: int,
        client_order_id: str,
        instrument: int,
        account: int,
        strategy: int,
        side: int,
        type: int,
        time_in_force: int,
        quantity: str,
        price: str = "",
        trigger_price: str = "",
        display_quantity: str = "",
        expires_ns: int = 0,
        leg: int = 0,
        flags: int = 0,
    ) -> int: ...
    def add(self, a: int, b: int, c: int) -> int: ...

def machine_costs(place: Place) -> dict[str, float]: ...
def submit_latency(place: Place) -> dict[str, float]: ...
def submit_pinned(place: Place) -> dict[str, float]: ...
def sustained(place: Place, has_cycles: bool) -> dict[str, float]: ...
def risk(place: Place) -> dict[str, float]: ...
def fills(place: Place) -> dict[str, float]: ...
def append(place: Place) -> dict[str, float]: ...
def recover(place: Place, records: int) -> dict[str, float]: ...
def rings(place: Place) -> dict[str, float]: ...
def shared_memory(place: Place) -> dict[str, float]: ...
def shared_memory_echo(place: Place) -> dict[str, float]: ...
def matching(place: Place) -> dict[str, float]: ...
