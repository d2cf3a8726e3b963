"""A client's end of a shared-memory port (core_ext/include/gateway_port.h). One thread. Numbers of
requests are the port's own; 0 = the request lane is full."""

LAYOUT_VERSION: int

class Port:
    """Attached from its making until close(). Raises ValueError("CODE: rule") when the gateway
    refuses, OSError when nobody answers at the path."""

    number: int
    end: int
    is_served: bool
    def __init__(self, path: str, key: str, cancels_on_disconnect: bool = False) -> None: ...
    def find(self, kind: int, name: str) -> tuple[int, int, int] | None:
        """(id, price scale, quantity scale) of a name; kind 1 instrument, 2 account, 3 strategy,
        4 venue."""
    def submit(
        self,
        client_order_id: str | int,
        instrument: int,
        account: int,
        strategy: int,
        side: int,
        type: int,
        time_in_force: int,
        quantity: str,
        price: str,
        trigger_price: str,
        expires_ns: int,
        leg: int,
        flags: int,
        price_scale: int,
        quantity_scale: int,
    ) -> int:
        """Raises ValueError("CODE field") for text that is no number or no client id."""
    def replace(
        self,
        order_id: int,
        client_order_id: str | int | None,
        quantity: str,
        price: str,
        price_scale: int,
        quantity_scale: int,
    ) -> int: ...
    def cancel(self, order_id: int) -> int: ...
    def mass_cancel(
        self, account: int = 0, strategy: int = 0, instrument: int = 0, venue: int = 0
    ) -> int: ...
    def query(self, order_id: int = 0, client_order_id: str | int | None = None) -> int: ...
    def query_all(self) -> int: ...
    def ping(self) -> int: ...
    def take(self, limit: int = 1024) -> list[tuple[int, ...]]:
        """The fields of gateway_port_reply in order, the two halves of the value as one number."""
    def wait(self, wait_ns: int) -> bool:
        """True when a reply waits; without the interpreter's lock."""
    def round_trip(self, wait_ns: int) -> int:
        """One ping there and back in ns, -1 = no answer in time."""
    def take_gap(self) -> bool: ...
    def close(self) -> None: ...
