"""The example configuration of OKX loads, and the adapter takes its settings."""

import re
from pathlib import Path

import msgspec
import tomli
from gateway_okx import gateway_create_adapter
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
