"""Recorded days decided again by the engine itself under another assumption. Reads one journal and
writes another; one thread at a time; advance() and finish() let others run."""

class Counterfactual:
    """ValueError "CODE rule | field | value" for a limit that is none."""

    def __init__(
        self,
        directory: str,
        ring_directory: str,
        out_directory: str,
        out_ring_directory: str,
        from_sequence: int,
        limits: list[tuple[int, str, str, str]],
        strategies_left_out: list[str],
        accounts_left_out: list[str],
        fills: int,
    ) -> None:
        """`limits`: level, name, field, value. `fills`: 0 none, 1 at the limit, 2 at the mark."""
    def advance(self, limit: int, until: int) -> int:
        """Decide about `limit` records again, none beyond `until`; how many. RuntimeError: the
        journal cannot be read further, or the other not written, and why."""
    def finish(self) -> None:
        """After the last advance(): what the engine would have done by then."""
    def take_differences(self) -> list[tuple[str, bytes | None, bytes | None, int, int]]:
        """(what, record in fact, record here, refusal where no record says it, record whose
        reference price it was decided with) since the last call."""
    def counts(self) -> dict[str, int]: ...
    @property
    def sequence(self) -> int: ...
    @property
    def other_sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def is_identical(self) -> bool:
        """Every record made is the recorded one, byte for byte."""
    def hashes(self) -> tuple[str, str]:
        """State hash of the day as it was, and of the other."""
