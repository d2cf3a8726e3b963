"""A manifest that promises what the adapter lacks, or means nothing, is refused by name."""

import types

import msgspec
import pytest
from live_world import MANIFEST, ScriptedAdapter

from gateway.api import RateLimit, RefusedError, hookimpl
from gateway.venues.manifest import check_market_data, faults_of
from gateway.venues.registry import Plugins


def changed(**changes):
    return msgspec.structs.replace(MANIFEST, **changes)


def limit(**changes):
    good = {"name": "orders", "model": "window", "scope": "ip", "capacity": 9, "window_ms": 1000}
    return (RateLimit(**(good | changes)),)


NONSENSE = [
    ({"has_borrow": True}, "borrow_interest(): missing, has_borrow promises it"),
    ({"has_mass_cancel": True}, "cancel_all(): missing, has_mass_cancel promises it"),
    (
        {"dead_man": "account", "dead_man_ms_min": 5000, "dead_man_ms_max": 60000},
        "arm_dead_man(): missing, dead_man 'account' promises it",
    ),
    ({"dead_man_ms_max": 60000}, "dead_man: 'none'"),
    ({"dead_man": "account", "dead_man_ms_min": 9, "dead_man_ms_max": 8}, "dead_man_ms_min: 9"),
    ({"dead_man": "account"}, "dead_man_ms_min: 0"),
    ({"acceptance_window_ms": 1001}, "not_found_proof_after_ms: 1000, below acceptance_window"),
    ({"acceptance_window_ms": -1}, "acceptance_window_ms: -1"),
    ({"not_found_proof_after_ms": -5}, "not_found_proof_after_ms: -5"),
    ({"ended_orders_kept_ms": 1000}, "ended_orders_kept_ms: 1000, not above not_found_proof"),
    ({"client_order_id_pattern": "[A"}, "client_order_id_pattern: '[A'"),
    ({"client_order_id_pattern": "[!?]+"}, "client_order_id_pattern: no client order id shape"),
    ({"client_order_id_length_max": 8}, "client_order_id_pattern: no client order id shape"),
    ({"has_market_data": True}, "has_market_data: book is 'none'"),
    ({"has_market_data": True, "book": "checksum"}, "publish_market(): missing"),
    ({"batch_orders_max": 0}, "batch_orders_max: 0"),
    ({"batch_cancels_max": 100_000}, "batch_cancels_max: 100000"),
    ({"batch_replaces_max": 3, "amend": "none"}, "batch_replaces_max: 3, but amend is 'none'"),
    ({"ack_timeout_ms": 0}, "ack_timeout_ms: 0"),
    ({"order_types": frozenset()}, "order_types: empty"),
    ({"order_types": frozenset({"iceberg"})}, "capabilities: Invalid enum value 'iceberg'"),
    ({"ack_timeout_ms": "fast"}, "capabilities: Expected `int`, got `str`"),
    ({"rate_limits": limit(capacity=0)}, "rate_limits.orders.capacity: 0"),
    ({"rate_limits": limit(window_ms=0)}, "rate_limits.orders.window_ms: 0, model window"),
    ({"rate_limits": limit(model="credits")}, "rate_limits.orders.refill: '0', model credits"),
    ({"rate_limits": limit(refill="lots")}, "rate_limits.orders.refill: 'lots'"),
    ({"rate_limits": limit(refill="NaN")}, "rate_limits.orders.refill: 'NaN'"),
    ({"rate_limits": limit() + limit()}, "rate_limits.orders: needs a name of its own"),
]


@pytest.mark.parametrize(("changes", "fault"), NONSENSE, ids=lambda v: str(v)[:40])
def test_nonsense_in_a_manifest_is_refused_by_name(changes, fault):
    def create(venue, settings, secrets):
        return ScriptedAdapter(changed(**changes))

    plugin = types.ModuleType("made")
    plugin.gateway_api_level = hookimpl(lambda: 1)
    plugin.gateway_venue_name = hookimpl(lambda: "sim")
    plugin.gateway_create_adapter = hookimpl(create)
    plugins = Plugins()
    plugins.add("p", plugin)
    with pytest.raises(RefusedError) as refused:
        plugins.create_adapter("sim", "v", {}, {})
    assert fault in refused.value.rule
    assert (plugins.rows[0].state, plugins.rows[0].capabilities) == ("failed", None)


def test_a_good_manifest_has_no_faults_and_all_faults_are_told_at_once():
    manifest = changed(rate_limits=limit() + limit(name="x", model="decaying", refill="0.5"))
    assert faults_of(ScriptedAdapter(manifest), manifest) == []
    broken = changed(batch_orders_max=0, ack_timeout_ms=0, has_borrow=True)
    assert len(faults_of(ScriptedAdapter(broken), broken)) == 3


def test_an_adapter_without_a_method_of_the_contract_is_refused():
    class NoFills(ScriptedAdapter):
        fills = None

    assert faults_of(NoFills(), MANIFEST) == ["fills(): missing, the contract promises it"]


@pytest.mark.parametrize(
    ("wanted", "changes", "rule"),
    [
        (["A"], {}, "the adapter offers no market data"),
        (["A", "A"], {"has_market_data": True}, "each instrument once"),
        ([], {}, ""),
        (["A", "B"], {"has_market_data": True}, ""),
    ],
)
def test_market_data_is_taken_where_the_adapter_offers_it(wanted, changes, rule):
    try:
        check_market_data("v", wanted, changed(**changes))
        told = ""
    except RefusedError as error:
        assert error.field == "venues.v.market_data"
        told = error.rule
    assert told == rule
