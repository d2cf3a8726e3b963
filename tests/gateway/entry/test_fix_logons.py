"""Who comes in, who does not, and what a session may do; bad input with its one answer."""

import asyncio

import pytest
from certificates import Authority
from fix_world import change, counterparty, new_order, open_fix
from live_door import SECRET

from gateway.api import RefusedError
from gateway.config.fix import CounterpartySettings, FixSettings
from gateway.entry.fix_acceptor.administration import FixAdministration
from gateway.entry.fix_acceptor.cancel_on_disconnect import CancelOnDisconnect
from gateway.entry.fix_acceptor.opening import fix_tls
from gateway.entry.fix_acceptor.session_file import SessionFile
from gateway.entry.keys import Identity
from gateway.testing import until
from gateway.transport.fix_session import LineLimits, SessionState, StoreBehind

pytestmark = pytest.mark.asyncio


async def refused_logon(fix, *, key="desk", secret=SECRET, fields=(), **changes):
    """The text of the Logout, or None where the line was cut without a word."""
    client = await fix.client(**changes)
    client.send("A", [(98, 0), (108, 30), (553, key), (554, secret), *fields])
    answer = await client.next()
    if answer is None:
        return None
    assert answer[35] == "5", answer
    assert await client.next() is None, "and the line is closed"
    return answer[58]


@pytest.mark.parametrize(
    "logon", [{"secret": "x" * 32}, {"key": "boss"}, {"key": "nobody"}, {"secret": ""}]
)
async def test_a_refused_logon_learns_nothing_and_no_log_shows_its_password(
    ring_directory, caplog, logon
):
    async with open_fix(ring_directory) as fix:
        told = await refused_logon(fix, **logon)
        assert told is None
        assert fix.door.contexts["fund"].session.is_logged_on is False
        assert SECRET not in caplog.text and "x" * 32 not in caplog.text


async def test_unknown_names_are_cut_without_a_word(ring_directory):
    async with open_fix(ring_directory) as fix:
        for changes in ({"sender": "FUNT"}, {"target": "GATE"}, {"begin_string": "FIX.4.3"}):
            assert await refused_logon(fix, **changes) is None


async def test_who_fails_too_often_has_to_wait_even_with_the_right_password(ring_directory):
    async with open_fix(ring_directory, failed_logons_per_minute=2) as fix:
        for _ in range(2):
            assert await refused_logon(fix, secret="y" * 32) is None
        assert await refused_logon(fix) is None
        fix.world.advance(61_000)
        await fix.logged_on()


async def test_failures_elsewhere_neither_shut_out_the_owner_nor_use_up_his_numbers(
    ring_directory,
):
    async with open_fix(ring_directory, failed_logons_per_minute=2) as fix:
        for fields in ([], [], [(141, "Y")]):
            assert await refused_logon(fix, secret="y" * 32, fields=fields) is None
        asked_too_much = await fix.client(local="127.0.0.3")
        asked_too_much.send("A", [(98, 0), (108, 99999), (553, "desk"), (554, "z" * 32)])
        assert await asked_too_much.next() is None, "terms are judged behind the password"
        owner = await fix.client(local="127.0.0.2")
        assert (await owner.logon())[34] == "1"


async def test_the_first_line_of_a_session_lives_on_when_a_second_wants_it(ring_directory):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        assert await refused_logon(fix, number=2) is None
        assert await client.silence() == []


async def test_sub_ids_are_part_of_the_name_where_they_are_configured(ring_directory):
    named = counterparty(target_sub_id="ANNA", sender_sub_id="DESK1")
    async with open_fix(ring_directory, {"fund": named}) as fix:
        assert await refused_logon(fix) is None
        client = await fix.client()
        await client.logon(header=[(50, "ANNA"), (57, "DESK1")])
        client.send("D", new_order())
        assert (await client.until("j"))[58].startswith("NOT_PERMITTED")
        client.send("D", new_order(), header=[(50, "ANNA"), (57, "DESK1")])
        told = await client.until("8")
        assert (told[39], told[50], told[57]) == ("A", "DESK1", "ANNA")


async def test_scopes_of_key_and_session_bind_both(ring_directory):
    reading = counterparty(scopes=["read"])
    async with open_fix(ring_directory, {"fund": reading}) as fix:
        client = await fix.logged_on()
        client.send("D", new_order())
        refused = await client.until("8")
        assert refused[39] == "8" and refused[58].startswith("NOT_PERMITTED scope")


async def test_too_many_messages_are_refused_and_cancels_are_not(ring_directory):
    slow = counterparty(messages_per_second=2)
    async with open_fix(ring_directory, {"fund": slow}) as fix:
        client = await fix.logged_on()
        for number in range(3):
            client.send("D", new_order(f"a{number}", _44=str(99 - number)))
        client.send("F", change("c1", "a0"))
        refused = await client.until("j")
        assert (refused[45], refused[380]) == ("4", "0")
        assert refused[58] == "TOO_MANY_REQUESTS: at most 2 messages per second"
        await client.until("8", _150="6")
        assert len(fix.world.native.orders()) == 2


async def cancels_after(fix, kind="cancel"):
    def sent():
        fix.world.drive.kick()
        return [each for each in fix.world.adapter.sent if each[0] == kind]

    return await until(sent, f"a {kind}")


@pytest.mark.parametrize("end", ["cut", "logout", "silence"])
async def test_a_line_that_ends_cancels_its_orders_where_that_was_asked_for(ring_directory, end):
    sessions = {"fund": counterparty(cancel_on_disconnect=True, cancel_grace_ms=1000)}
    async with open_fix(ring_directory, sessions) as fix:
        slept = []

        async def sleep(seconds):
            slept.append(seconds)

        cancels = CancelOnDisconnect(fix.desk, fix.door.tracks, fix.door.tell_events, sleep)
        fix.door.tracks.own_port = fix.router.port_number
        fix.door.services.append(cancels)
        client = await fix.logged_on()
        client.send("D", new_order())
        order_id = int((await client.until("8"))[37])
        fix.accept(order_id)
        await fix.world.submit("other", price="90")  # by another door: stays
        await client.until("8", _11="other")
        if end == "cut":
            client.cut()
        elif end == "logout":
            client.send("5")
        else:
            fix.world.advance(80_000)
            fix.door.contexts["fund"].session.tick(fix.world.native.now_ns())
        sent = await cancels_after(fix)
        assert [request.order_id for _, requests in sent for request in requests] == [order_id]
        assert slept[0] == 1.0, "the grace came first"


async def test_who_is_back_in_time_keeps_his_orders(ring_directory):
    sessions = {"fund": counterparty(cancel_on_disconnect=True, cancel_grace_ms=600_000)}
    async with open_fix(ring_directory, sessions) as fix:
        grace, back = asyncio.Event(), asyncio.Event()

        async def sleep(seconds):
            grace.set()
            try:
                await asyncio.Event().wait()
            finally:
                back.set()

        cancels = CancelOnDisconnect(fix.desk, fix.door.tracks, fix.door.tell_events, sleep)
        fix.door.services.append(cancels)
        client = await fix.logged_on()
        client.send("D", new_order())
        await client.until("8")
        client.send("5")
        assert await client.until("5")
        await until(grace.is_set, "the end of the line")
        again = await fix.client(number=client.number)
        await again.logon()
        await until(back.is_set, "the end of the grace")
        assert not [each for each in fix.world.adapter.sent if each[0] == "cancel"]


async def test_sessions_come_and_go_at_run_time_by_a_named_person(ring_directory):
    async with open_fix(ring_directory) as fix:
        boss = Identity("boss", "boss", frozenset({"admin"}))
        file = SessionFile(ring_directory / "sessions.jsonl")
        people = FixAdministration(fix.door, file, lambda wanted: None)
        named = {"actor": "anna", "reason": "new client"}
        wanted = {"target_comp_id": "COPY", "principal": "desk", "kind": "drop_copy"}
        with pytest.raises(RefusedError, match="NOT_PERMITTED"):
            people.add(Identity("d", "desk", frozenset({"trade"})), "copy", wanted, **named)
        people.add(boss, "copy", wanted, **named)
        client = await fix.client(sender="COPY")
        await client.logon()
        with pytest.raises(RefusedError, match="REGISTRY_CONFLICT"):
            people.add(boss, "again", wanted, **named)
        with pytest.raises(RefusedError, match="BAD_CONFIG"):
            people.add(boss, "wrong", {"target_comp": "X"}, **named)
        with pytest.raises(RefusedError, match="NOT_READY"):
            await people.reset(boss, "copy", **named)
        await people.disable(boss, "copy", **named)
        assert (await client.until("5"))[58] == "The session is disabled"
        client.send("5")
        copy = fix.door.contexts["copy"].session
        await until(lambda: copy.state is SessionState.DISCONNECTED, "the end of the line")
        assert await refused_logon(fix, sender="COPY", number=client.number) is None
        assert (await people.reset(boss, "copy", **named))["next_outgoing"] == 1
        await people.enable(boss, "copy", **named)
        await (await fix.client(sender="COPY")).logon()
        done = [(each.action, each.name, each.actor, each.principal) for each in file.read()]
        assert [each[0] for each in done] == ["add", "disable", "reset", "enable"]
        assert {each[1:] for each in done} == {("copy", "anna", "boss")}
        assert file.settings_after({})["copy"].enabled is True


async def test_a_torn_line_of_the_session_file_is_left_out(tmp_path):
    file = SessionFile(tmp_path / "sessions.jsonl")
    (tmp_path / "sessions.jsonl").write_bytes(b'{"time_ns":1,"acti')
    assert file.read() == []


# reliability.md section 6, rows 29 to 44. (row, what is done to a good NewOrderSingle, the answer)
def raw(client, change_bytes):
    data = change_bytes(client.encoded("D", new_order()))
    client.number += 1
    return data


def checked(body):
    """A frame with the right length and sum around fields."""
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


def with_length(data, more):
    """BodyLength that lies by so much; the sum is right."""
    body = body_of(data)
    head = b"8=FIX.4.4\x019=%d\x01" % (len(body) + more)
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


def body_of(data):
    return data[data.index(b"35=") : data.rindex(b"10=")]


IGNORED = [
    ("29 wrong checksum", lambda data: data[:-4] + b"%03d\x01" % ((int(data[-4:-1]) + 1) % 256)),
    ("30 negative length", lambda data: data.replace(b"\x019=", b"\x019=-", 1)),
    ("30 leading zero", lambda data: data.replace(b"\x019=", b"\x019=0", 1)),
    ("30 huge length", lambda data: data.replace(b"\x019=", b"\x019=99999999", 1)),
    ("30 length one too short", lambda data: with_length(data, -1)),
    ("31 order of 8 9 35", lambda data: checked(b"34=2\x01" + body_of(data))),
    ("32 tag no number", lambda data: checked(body_of(data) + b"x=1\x01")),
    ("37 tag 10 in the middle", lambda data: checked(body_of(data) + b"10=000\x0158=x\x01")),
    ("43 never-ending", lambda data: checked(body_of(data) + b"58=x\x01" * 2100)),
]
REJECTED = [
    ("32 tag 0", lambda data: checked(body_of(data) + b"0=1\x01"), "0", "0"),
    ("32 negative tag", lambda data: checked(body_of(data) + b"-5=1\x01"), "0", "-5"),
    ("33 empty value", lambda data: checked(body_of(data) + b"58=\x01"), "4", "58"),
    ("34 repeated tag", lambda data: checked(body_of(data) + b"11=b\x01"), "13", "11"),
    ("35 group count", lambda data: checked(body_of(data) + b"453=2\x01448=A\x01"), "16", "453"),
    ("36 data length lies", lambda data: checked(body_of(data) + b"354=99\x01355=x\x01"),
     "6", "354"),
    ("36 RawDataLength too long", lambda data: checked(body_of(data) + b"95=99\x0196=x\x01"),
     "6", "95"),
    ("36 RawDataLength too short", lambda data: checked(body_of(data) + b"95=1\x0196=xyz\x01"),
     "6", "95"),
]  # fmt: skip


@pytest.mark.parametrize(("row", "spoil"), IGNORED, ids=[each[0] for each in IGNORED])
async def test_garbled_input_is_ignored_and_its_number_comes_again(ring_directory, row, spoil):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.writer.write(spoil(client.encoded("D", new_order())))
        client.send("D", new_order("good"))  # the number of the garbled one was not used
        assert (await client.until("8"))[11] == "good"
        context = fix.door.contexts["fund"]
        assert context.session.counts["garbled"] >= 1
        assert [each["client_order_id"] for each in fix.world.native.orders()] == ["good"]


@pytest.mark.parametrize(
    ("row", "spoil", "reason", "tag"), REJECTED, ids=[each[0] for each in REJECTED]
)
async def test_a_wrong_field_is_rejected_by_its_reason_and_the_session_goes_on(
    ring_directory, row, spoil, reason, tag
):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.writer.write(raw(client, spoil))
        rejected = await client.until("3")
        assert (rejected[373], rejected.get(371), rejected[45]) == (reason, tag, "2")
        client.send("D", new_order("good"))
        assert (await client.until("8"))[11] == "good"
        assert len(fix.world.native.orders()) == 1


@pytest.mark.parametrize(
    ("row", "changes", "reason"),
    [("39", {"sender": "OTHER"}, "9"), ("40", {"time": "20231114-20:00:00.000"}, "10")],
)
async def test_a_foreign_name_or_time_ends_the_session(ring_directory, row, changes, reason):
    async with open_fix(ring_directory) as fix:
        client = await fix.logged_on()
        client.send("D", new_order(), **changes)
        assert (await client.until("3"))[373] == reason
        await client.until("5")
        assert not fix.world.native.orders()


async def test_a_number_too_low_ends_the_session_with_both_numbers(ring_directory):
    async with open_fix(ring_directory) as fix:  # row 41
        client = await fix.logged_on()
        client.send("D", new_order(), number=1)
        assert (await client.until("5"))[58] == "MsgSeqNum too low, expecting 2 but received 1"
        assert await client.next() is None


async def test_bytes_without_an_end_are_cut_off(ring_directory):
    async with open_fix(ring_directory) as fix:  # row 38
        client = await fix.logged_on()
        client.writer.write(b"8" * 70_000)
        assert await client.next() is None


async def test_a_length_that_is_too_long_takes_the_next_message_along(ring_directory):
    async with open_fix(ring_directory) as fix:  # row 30
        client = await fix.logged_on()
        client.writer.write(with_length(client.encoded("D", new_order()), 1))
        client.send("D", new_order("swallowed"))
        client.send("D", new_order("a3", _44="99"))
        asked = await client.until("2")
        assert (asked[7], fix.world.native.orders()) == ("2", [])
        head = [(43, "Y"), (122, "20231114-22:13:20")]
        client.send("D", new_order("swallowed"), number=2, header=head)
        assert (await client.until("8"))[11] == "swallowed"
        assert (await client.until("8"))[11] == "a3"


def is_kept(store):
    """In the journal, as soon as that has room."""
    try:
        store.flush()
    except StoreBehind:
        return False
    return True


async def test_a_message_that_drips_in_has_its_time_and_no_more(ring_directory, caplog):
    caplog.set_level("INFO")
    limits = LineLimits(message_timeout_s=0.3)
    async with open_fix(ring_directory, limits=limits) as fix:  # row 38
        client = await fix.logged_on()
        for byte in client.encoded("D", new_order())[:30]:
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        session = fix.door.contexts["fund"].session
        assert session.is_logged_on, "it has its time"
        fix.world.advance(1_000)  # which is over
        assert await client.next() is None
        await until(lambda: not session.is_logged_on)
        assert "a message that does not end" in caplog.text
        assert not fix.world.native.orders()


async def test_who_does_not_read_is_cut_with_the_reason_and_keeps_his_reports(
    ring_directory, caplog
):
    caplog.set_level("INFO")
    limits = LineLimits(send_buffer_bytes_max=20_000)
    async with open_fix(ring_directory, limits=limits) as fix:
        client = await fix.logged_on()
        context = fix.door.contexts["fund"]
        client.reader._transport.pause_reading()
        news = [(148, b"x"), (33, b"1"), (58, b"y" * 30_000)]
        for _ in range(2_000):
            if not context.session.is_logged_on:
                break
            context.send(b"B", news)
            await until(lambda: is_kept(context.store))
        await until(lambda: context.session.state is SessionState.DISCONNECTED)
        assert "slow reader" in caplog.text
        client.cut()
        number = context.session.store.next_outgoing
        again = await fix.client(number=client.number)
        assert int((await again.logon())[34]) >= number, "what was not read waits for a resend"


async def test_certificates_are_bound_to_names(ring_directory, tmp_path):
    authority = Authority(tmp_path)
    server = authority._signed("localhost").name
    fix_settings = FixSettings(
        tls_certificate=server, tls_private_key=server, tls_client_authority="authority.pem"
    )
    sessions = {
        "fund": counterparty(password=False, certificate_name="fund"),
        "copy": CounterpartySettings(target_comp_id="COPY", principal="desk", kind="drop_copy"),
    }
    tls = fix_tls(fix_settings, tmp_path)
    async with open_fix(ring_directory, sessions, tls=tls) as fix:
        by_name = {name: authority.context(name, is_server=False) for name in ("fund", "other")}
        stranger = await fix.client(tls=by_name["other"])
        await fix_logon(stranger)
        assert await stranger.next() is None, "the certificate of another name"
        client = await fix.client(tls=by_name["fund"])
        await client.logon(key="")
        client.send("D", new_order())
        assert (await client.until("8"))[39] == "A", "without a password"
        copy = await fix.client(tls=by_name["other"], sender="COPY")
        await copy.logon()


async def fix_logon(client):
    client.send("A", [(98, 0), (108, 30)])
