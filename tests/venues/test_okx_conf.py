"""The example configuration of OKX loads, and the adapter takes its settings."""

import re
from pathlib import Path

import msgspec
import pytest
import tomli
from gateway_okx import errors, gateway_create_adapter
from gateway_okx.limits import RATE_LIMITS
from gateway_okx.settings import OkxSettings

from gateway.config.settings import Document

ROOT = Path(__file__).parents[2]
SECRETS = {"key": "k", "secret": "s", "passphrase": "p"}


def example():
    return tomli.loads((ROOT / "conf/venues/okx.toml").read_text())


def test_the_example_is_a_document_of_the_gateway():
    document = msgspec.convert(example(), Document)
    venue = document.venues["okx"]
    assert document.accounts["okx-main"].venue == "okx"
    adapter = gateway_create_adapter("okx", venue.settings, SECRETS)
    assert adapter.capabilities.venue == "okx"


def test_the_example_and_the_page_name_every_setting():
    names = set(OkxSettings.__struct_fields__)
    assert set(example()["venues"]["okx"]["settings"]) == names
    page = (ROOT / "docs/reference/venues/okx.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == names


def test_every_limit_of_the_manifest_has_a_name_of_its_own():
    names = [limit.name for limit in RATE_LIMITS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["trade_mode", "order_entry"])
def test_a_word_that_a_setting_does_not_know_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        OkxSettings.read({"account": "main", name: "both"})


def test_isolated_options_are_refused_by_name():
    options = {"kinds": ["SWAP", "OPTION"], "option_families": ["BTC-USD"]}
    assert OkxSettings.read({"account": "main", **options}).trade_mode == "cross"
    with pytest.raises(ValueError, match="trade_mode: isolated is for SWAP and FUTURES"):
        OkxSettings.read({"account": "main", "trade_mode": "isolated", **options})


def test_every_code_with_a_verdict_of_its_own_stands_on_the_page():
    page = (ROOT / "docs/reference/venues/okx.md").read_text()
    codes = {code for _, code in (*errors._VERDICTS, *errors._REASONS)}
    # 0 is no refusal; 51000 has a verdict of its own for algo orders alone, and it is the plain no.
    assert sorted(code for code in codes - {"0", "51000"} if code not in page) == []
