"""The example configuration of a FIX venue loads, and the page names every setting and field."""

import re
from pathlib import Path

import msgspec
import tomli
from gateway_fix import gateway_create_adapter
from gateway_fix.dialect import OWN_DIALECTS, Dialect
from gateway_fix.logon import LOGONS
from gateway_fix.settings import FixSettings, InstrumentSettings

from gateway.config.settings import Document

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/venues/fix.md").read_text(encoding="utf-8")


def example():
    return tomli.loads((ROOT / "conf/venues/fix.toml").read_text(encoding="utf-8"))


def named(heading):
    """What the first column of the table under a heading names."""
    part = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    [section] = [each for each in part if each.startswith(heading + "\n")]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_example_is_a_document_of_the_gateway():
    document = msgspec.convert(example(), Document)
    venue = document.venues["fix"]
    secrets = {"key": "k", "secret": "s"}
    adapter = gateway_create_adapter("fix", venue.settings, secrets)
    assert adapter.capabilities.venue == "fix"


def test_the_example_and_the_page_name_every_setting():
    names = set(FixSettings.__struct_fields__)
    # Only a test has a reason to go without TLS.
    assert set(example()["venues"]["fix"]["settings"]) == names - {"has_tls"}
    assert named("Settings") == names
    assert named("Instruments") == set(InstrumentSettings.__struct_fields__)


def test_the_page_names_every_field_of_a_dialect_and_every_logon():
    assert named("A dialect") == set(Dialect.__struct_fields__)
    assert named("Logons") == set(LOGONS)
    assert all(f"`{name}`" in PAGE for name in OWN_DIALECTS)
