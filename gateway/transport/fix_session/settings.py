"""Everything that may differ between two sessions, checked once. Data; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.transport.fix_session.dictionary import Dictionary
from gateway.transport.fix_session.own_dictionary import VERSIONS, own_dictionary
from gateway.transport.fix_session.schedule import Schedule
from gateway.transport.fix_session.validation import Rules

__all__ = ["APPLICATION_VERSIONS", "SessionIdentity", "SessionSettings"]

# ApplVerID (1128, 1137) by the name people use.
APPLICATION_VERSIONS = {
    "FIX.2.7": "0", "FIX.3.0": "1", "FIX.4.0": "2", "FIX.4.1": "3", "FIX.4.2": "4", "FIX.4.3": "5",
    "FIX.4.4": "6", "FIX.5.0": "7", "FIX.5.0SP1": "8", "FIX.5.0SP2": "9",
}  # fmt: skip


@dataclass(frozen=True)
class SessionIdentity:
    """Who talks to whom in which version; `FIX.4.4:DESK->VENUE` when printed, without a sender
    that is a key."""

    begin_string: str
    sender_comp_id: str
    target_comp_id: str
    is_sender_hidden: bool = field(default=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.begin_string.encode() not in VERSIONS:
            known = ", ".join(sorted(each.decode() for each in VERSIONS))
            raise ValueError(f"begin_string {self.begin_string!r}: expected one of {known}")
        for name in ("sender_comp_id", "target_comp_id"):
            value = getattr(self, name)
            if not value or len(value) > 64 or not value.isascii() or not value.isprintable():
                raise ValueError(f"{name} {value[:64]!r}: expected 1 to 64 printable characters")

    def __str__(self) -> str:
        sender = "***" if self.is_sender_hidden else self.sender_comp_id
        return f"{self.begin_string}:{sender}->{self.target_comp_id}"

    @property
    def version(self) -> int:
        """40 to 44, and 50 for FIXT.1.1 with FIX 5.0 SP2."""
        return VERSIONS[self.begin_string.encode()]


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """One session. Times in ns and seconds as their names say; docs/reference/fix_session.md."""

    identity: SessionIdentity
    is_initiator: bool = False
    dictionary: Dictionary | None = None  # None = our own small one
    rules: Rules = field(default_factory=Rules)
    heartbeat_s: int = 30  # 108 of an initiator; an acceptor takes the peer's
    heartbeat_s_max: int = 3600
    heartbeat_s_min: int = 0  # of the peer's; 0 = one without heartbeats is let in
    default_appl_ver_id: str = "9"
    logon_timeout_s: float = 10.0
    logout_timeout_s: float = 2.0
    sending_time_max_s: float = 120.0  # 0 = not checked
    is_reset_on_logon: bool = False
    is_reset_on_logout: bool = False
    is_reset_on_disconnect: bool = False
    is_reset_accepted: bool = True  # 141=Y of the peer wipes what could be resent
    has_next_expected: bool = False  # 789
    has_last_processed: bool = False  # 369
    has_resend: bool = True  # False: the peer does not answer ResendRequests, a gap ends the line
    resend_chunk: int = 0  # messages per ResendRequest, 0 = all at once
    resend_timeout_s: float = 30.0  # without progress, before it is asked again
    resend_attempts_max: int = 3
    queued_max: int = 10_000  # messages kept while a gap is open
    time_digits: int | None = None  # of 52 and 122: None = 3 from 4.2 on, 0 before
    names_version_on_business_reject: bool = False  # 1137 in 35=j, as the QuickFIX family writes
    schedule: Schedule = field(default_factory=Schedule)
    is_reset_at_start: bool = True  # a new period of the schedule begins with 1

    def __post_init__(self) -> None:
        version = self.default_appl_ver_id
        if version in APPLICATION_VERSIONS:
            object.__setattr__(self, "default_appl_ver_id", APPLICATION_VERSIONS[version])
        elif version not in APPLICATION_VERSIONS.values():
            raise ValueError(f"default_appl_ver_id {version!r}: expected 0 to 9 or a FIX version")
        if self.time_digits not in {None, 0, 3, 6, 9}:
            raise ValueError(f"time_digits {self.time_digits}: expected 0, 3, 6 or 9")
        if not 0 <= self.heartbeat_s <= self.heartbeat_s_max:
            raise ValueError(f"heartbeat_s {self.heartbeat_s}: at most {self.heartbeat_s_max}")
        if self.resend_chunk < 0 or self.queued_max < 1 or self.resend_attempts_max < 1:
            raise ValueError("resend_chunk, queued_max, resend_attempts_max: out of range")
        if self.has_next_expected and self.identity.version < 44:
            raise ValueError("has_next_expected needs FIX.4.4 or later: 789 is not known before")
        if self.has_last_processed and self.identity.version < 42:
            raise ValueError("has_last_processed needs FIX.4.2 or later: 369 is not known before")
        if self.dictionary is None:
            own = own_dictionary(self.identity.begin_string.encode())
            object.__setattr__(self, "dictionary", own)

    @property
    def dictionary_in_force(self) -> Dictionary:
        """What was given, or our own."""
        assert self.dictionary is not None
        return self.dictionary

    @property
    def digits(self) -> int:
        """Of the second, in 52 and 122."""
        if self.time_digits is not None:
            return self.time_digits
        return 3 if self.identity.version >= 42 else 0
