"""The example configurations of Binance load, the adapters take their settings, and the pages name
every setting, every limit and every code with a meaning of its own."""

import re
from pathlib import Path

import gateway_binance
import gateway_binance.spot
import msgspec
import pytest
import tomli
from gateway_binance import errors
from gateway_binance.adapter import Settings
from gateway_binance.spot.adapter import SpotSettings

from gateway.config.settings import Document

ROOT = Path(__file__).parents[2]
SECRETS = {"key": "k", "secret": "s"}
KINDS = {
    "binance": (gateway_binance, Settings, "usdm"),
    "binance_spot": (gateway_binance.spot, SpotSettings, "spot"),
}


def example(name):
    return tomli.loads((ROOT / f"conf/venues/{name}.toml").read_text())


def page(name):
    return (ROOT / f"docs/reference/venues/{name}.md").read_text()


@pytest.mark.parametrize("name", KINDS)
def test_the_example_is_a_document_of_the_gateway(name):
    document = msgspec.convert(example(name), Document)
    venue = document.venues[name]
    assert venue.adapter == name
    assert document.accounts[venue.settings["account"]].venue == name
    plugin = KINDS[name][0]
    adapter = plugin.gateway_create_adapter(name, venue.settings, SECRETS)
    assert adapter.capabilities.venue == name


@pytest.mark.parametrize("name", KINDS)
def test_the_example_and_the_page_name_every_setting_with_its_default(name):
    kind = KINDS[name][1]
    names = set(kind.__struct_fields__)
    told = example(name)["venues"][name]["settings"]
    assert set(told) == names
    assert set(re.findall(r"^\| `(\w+)` \|", page(name), re.MULTILINE)) == names
    chosen = msgspec.convert(told | {"symbols": ["BTCUSDT"]}, kind)
    plain = kind(account=told["account"], symbols=("BTCUSDT",))
    assert chosen == plain


@pytest.mark.parametrize("name", KINDS)
def test_every_code_with_a_meaning_of_its_own_stands_on_the_page(name):
    product, text = KINDS[name][2], page("binance") + page(name)
    codes = {str(code) for kind, code in errors._BY_CODE if kind == product}
    quiet = {"-1125", "-4197", "-5027"}  # told as what they are: a key that is gone, no change
    assert sorted(code for code in codes - quiet if code not in text) == []
