"""What venues leave out and what they use in their own way does not end a session."""

from dataclasses import replace

from gateway.transport.fix_session import (
    FixMessage,
    FixSession,
    MemoryStore,
    QuietApplication,
    Section,
    SessionIdentity,
    SessionSettings,
    own_dictionary,
    validate,
)
from gateway.transport.fix_session.settings import Rules

NOW_NS = 1_795_255_200_000_000_000  # 2026-11-21 10:00 UTC
STAMP = b"20261121-10:00:00.000"


def answer(*fields):
    head = [(8, b"FIX.4.4"), (9, b"1"), (35, b"A"), (34, b"1"), (49, b"VENUE"), (52, STAMP)]
    return FixMessage([*head, (56, b"DESK"), *fields, (10, b"000")])


def logged_on(dictionary):
    identity = SessionIdentity("FIX.4.4", "DESK", "VENUE")
    settings = SessionSettings(identity=identity, is_initiator=True, dictionary=dictionary)
    session = FixSession(settings, MemoryStore(), QuietApplication())
    session.connected(NOW_NS)
    session.take_output()
    session.received(answer((108, b"30")), NOW_NS)
    return session.is_logged_on


def test_a_logon_without_encrypt_method_is_taken_where_the_dictionary_does_not_need_it():
    own = own_dictionary(b"FIX.4.4")
    rule = own.messages[b"A"]
    required = tuple(tag for tag in rule.required if tag != 98)
    lenient = Section(rule.name, rule.members, required, rule.groups)
    assert not logged_on(own)
    assert logged_on(replace(own, messages={**own.messages, b"A": lenient}))


def test_the_name_of_a_status_request_is_a_text():
    body = [(11, b"a"), (790, b"q1"), (55, b"X"), (54, b"1")]
    head = [(8, b"FIX.4.4"), (9, b"1"), (35, b"H"), (34, b"2"), (49, b"A"), (52, STAMP)]
    message = FixMessage([*head, (56, b"B"), *body, (10, b"000")])
    assert validate(message, own_dictionary(b"FIX.4.4"), Rules()) is None
