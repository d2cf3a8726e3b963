"""What a refusal of form says: our own words, the value, the allowed words and the nearest."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_door import ORDER, SECRET, open_door

from gateway.entry import api_messages
from gateway.entry.api_messages import NewOrderMessage, ReplaceOrderMessage, SetLimits, WsSubmit
from gateway.entry.field_rules import first_fault
from gateway.entry.strict_json import InputError, decode

# Words of the validator that no user should meet.
FOREIGN = ("Expected", "Invalid", "Object ", "`str`", "`int`", "regex", "Literal", "got `")


def refused(document, kind=NewOrderMessage):
    with pytest.raises(InputError) as caught:
        decode(json.dumps(document).encode(), kind)
    return caught.value


def order(**changes):
    return {name: value for name, value in (ORDER | changes).items() if value is not ...}


CASES = [
    (order(side="BUY"), "BAD_ENUM", "side", "BUY", 'one of "buy", "sell"', 'Did you mean "buy"?'),
    (order(type="stop-limt"), "BAD_ENUM", "type", "stop-limt",
     'one of "limit", "market", "stop", "stop_limit"', 'Did you mean "stop_limit"?'),
    (order(side="xyz"), "BAD_ENUM", "side", "xyz", 'one of "buy", "sell"', ""),
    (order(side=7), "BAD_TYPE", "side", "7", 'one of "buy", "sell", not a number', ""),
    (order(post_only=1), "BAD_TYPE", "post_only", "1", "true or false, not a number", ""),
    (order(account=None), "BAD_TYPE", "account", "null", "", ""),
    (order(account={"a": 1}), "BAD_TYPE", "account", "an object of 1 keys", "", ""),
    (order(expires_ns=-1), "RANGE", "expires_ns", "-1",
     "a whole number from 0 to 9223372036854775807", ""),
    (order(price="1e3"), "BAD_NUMBER", "price", "1e3",
     'decimal text in quotes such as "0.50", no exponent and no sign "+"', ""),
    (order(client_order_id="a b"), "BAD_CLIENT_ID", "client_order_id", "a b",
     "1 to 64 printable ASCII characters without a space", ""),
    (order(account="a b"), "BAD_SYMBOL", "account", "a b", "", ""),
    (order(side=...), "MISSING_FIELD", "side", "", 'required: one of "buy", "sell"', 'Add "side".'),
    (order(quantiy="3"), "UNKNOWN_FIELD", "quantiy", "3", "", 'Did you mean "quantity"?'),
    (order(Price="3"), "UNKNOWN_FIELD", "Price", "3", "", 'Did you mean "price"?'),
    (order(colour=[1, 2]), "UNKNOWN_FIELD", "colour", "a list of 2", "", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1]}-{case[2]}")
def test_a_refusal_of_form_speaks_our_words(case):
    document, code, field, value, rule, hint = case
    error = refused(document)
    assert (error.code, error.field, error.value) == (code, field, value)
    assert error.hint == hint
    assert error.rule == rule if rule else error.rule


def test_the_words_are_in_the_same_order_as_the_type_has_them():
    words = refused(order(time_in_force="never")).rule
    assert words == "one of " + ", ".join(f'"{w}"' for w in sorted(("day", "fok", "gtc", "gtd",
                                                                    "ioc")))  # fmt: skip


def test_a_field_within_a_field_is_named_by_its_path():
    error = refused({"op": "submit", "id": 1, "order": order(sied="buy")}, WsSubmit)
    assert (error.code, error.field, error.hint) == (
        "UNKNOWN_FIELD", "order.sied", 'Did you mean "side"?')  # fmt: skip
    fields = {"level": "firm", "fields": {"credit_max": []}, "actor": "a", "reason": "r"}
    assert refused(fields, SetLimits).field == "fields.credit_max"


def test_a_key_named_twice_shows_both_values():
    with pytest.raises(InputError) as caught:
        decode(b'{"side":"buy","side":"sell"}', NewOrderMessage)
    error = caught.value
    assert (error.code, error.field, error.value) == ("DUPLICATE_KEY", "side", "buy and sell")
    assert error.rule and error.hint


MESSAGES = [
    kind
    for kind in map(api_messages.__dict__.__getitem__, api_messages.__all__)
    if isinstance(kind, type) and issubclass(kind, api_messages.Message)
]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["buy", "limit", "1.5", "orders", "firm", "submit", "7"]), st.just(ORDER),
)  # fmt: skip


@given(kind=st.sampled_from(MESSAGES), data=st.data())
def test_both_readings_of_a_type_agree(kind, data):
    """The validator and our words must say yes and no to the same documents."""
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    document = data.draw(st.dictionaries(st.sampled_from([*names, "other"]), VALUES))
    if kind.__struct_config__.tag:
        document["op"] = kind.__struct_config__.tag
    try:
        msgspec.convert(document, kind, strict=True)
        is_good = True
    except msgspec.ValidationError:
        is_good = False
    fault = first_fault(document, kind)
    assert (fault is None) == is_good, (document, fault)
    if fault is not None:
        assert not any(word in fault.rule + fault.hint for word in FOREIGN)


def test_messages_were_found():
    assert {NewOrderMessage, ReplaceOrderMessage, WsSubmit} <= set(MESSAGES)


@pytest.mark.asyncio
async def test_the_doors_pass_the_words_on(tmp_path):
    async with open_door(tmp_path) as door:
        _, answer = await door.call("POST", "/v1/orders", body=order(side="Sel"))
        error = answer["error"]
        assert (error["code"], error["value"], error["hint"]) == (
            "BAD_ENUM", "Sel", 'Did you mean "sell"?')  # fmt: skip
        _, answer = await door.call("GET", "/v1/orders?opne=true")
        assert answer["error"]["hint"] == 'Did you mean "open"?'
        assert answer["error"]["value"] == "true"
        _, answer = await door.call("GET", "/v1/orders?limit=5&limit=6")
        assert answer["error"]["value"] == "5 and 6"
        limits = {"level": "firm", "fields": {"credit": "5"}, "actor": "a", "reason": "r"}
        _, answer = await door.call("PUT", "/v1/limits", key="boss", body=limits)
        error = answer["error"]
        assert (error["code"], error["field"], error["value"], error["hint"]) == (
            "UNKNOWN_FIELD", "fields.credit", "5", 'Did you mean "credit_max"?')  # fmt: skip
        socket = await door.ws()
        await socket.send_json({"op": "login", "key": f"desk.{SECRET}"})
        await socket.receive_json()
        await socket.send_json({"op": "submitt", "id": 1})
        error = (await socket.receive_json())["error"]
        assert (error["code"], error["hint"]) == ("BAD_ENUM", 'Did you mean "submit"?')
        await socket.close()


@pytest.mark.asyncio
async def test_a_repeated_replace_answers_200_at_the_door(tmp_path):
    async with open_door(tmp_path) as door:
        _, answer = await door.call("POST", "/v1/orders", body=ORDER)
        path = f"/v1/orders/{answer['order']['order_id']}"
        change = {"client_order_id": "r1", "price": "101"}
        status, first = await door.call("PUT", path, body=change)
        assert status == 202
        await door.world.sends()
        door.world.native._by_client[1, "r1"] = int(answer["order"]["order_id"])
        status, again = await door.call("PUT", path, body=change)
        assert (status, again["order"]["pending"]) == (200, "replace")
        assert again["order"]["order_id"] == first["order"]["order_id"]
