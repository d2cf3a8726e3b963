"""FIX sessions, acceptor and initiator: the state machine, its store, dictionaries and lines.

Public for plugins. Must never know an order: what a message means is the application's business.
"""

from gateway.transport.fix_session.acceptor import AcceptorSettings, FixAcceptor
from gateway.transport.fix_session.application import (
    UNSUPPORTED,
    BusinessReject,
    FixApplication,
    QuietApplication,
)
from gateway.transport.fix_session.dictionary import Dictionary, FieldRule, GroupRule, Section
from gateway.transport.fix_session.dictionary_xml import DictionaryError, load_dictionary
from gateway.transport.fix_session.file_store import FileStore
from gateway.transport.fix_session.groups import read_group
from gateway.transport.fix_session.initiator import FixInitiator, InitiatorSettings
from gateway.transport.fix_session.line import FixLine, LineLimits, Peer
from gateway.transport.fix_session.message import Field, FixMessage, masked, without_secrets
from gateway.transport.fix_session.own_dictionary import own_dictionary
from gateway.transport.fix_session.reject_reason import RejectReason
from gateway.transport.fix_session.schedule import Schedule
from gateway.transport.fix_session.session import FixSession
from gateway.transport.fix_session.settings import SessionIdentity, SessionSettings
from gateway.transport.fix_session.states import NotLoggedOn, SessionState
from gateway.transport.fix_session.store import (
    MemoryStore,
    SessionStore,
    StoreBehind,
    StoreError,
)
from gateway.transport.fix_session.timestamps import format_time, parse_time
from gateway.transport.fix_session.validation import Fault, Rules, validate

__all__ = [
    "UNSUPPORTED",
    "AcceptorSettings",
    "BusinessReject",
    "Dictionary",
    "DictionaryError",
    "Fault",
    "Field",
    "FieldRule",
    "FileStore",
    "FixAcceptor",
    "FixApplication",
    "FixInitiator",
    "FixLine",
    "FixMessage",
    "FixSession",
    "GroupRule",
    "InitiatorSettings",
    "LineLimits",
    "MemoryStore",
    "NotLoggedOn",
    "Peer",
    "QuietApplication",
    "RejectReason",
    "Rules",
    "Schedule",
    "Section",
    "SessionIdentity",
    "SessionSettings",
    "SessionState",
    "SessionStore",
    "StoreBehind",
    "StoreError",
    "format_time",
    "load_dictionary",
    "masked",
    "own_dictionary",
    "parse_time",
    "read_group",
    "validate",
    "without_secrets",
]
