"""What `gateway plugins` says of a report inside a plugin's package."""

import importlib
import sys

import msgspec
import pytest

from gateway.api import API_LEVEL, Capabilities
from gateway.api.conformance import ConformanceCase, ConformanceReport, manifest_digest
from gateway.venues.conformance import declares_as_reported, read_report, verdict_of

MANIFEST = Capabilities(
    venue="sim",
    is_simulated=True,
    order_types=frozenset({"limit", "market"}),
    times_in_force=frozenset({"gtc", "ioc"}),
)


def report(**changes):
    cases = [
        ConformanceCase(number=100, title="a", outcome="passed"),
        ConformanceCase(number=200, title="b", outcome="not_declared", reason="no stop"),
    ]
    fields = {
        "distribution": "gateway-sim",
        "version": "1.0",
        "gateway": "0.1.0",
        "api_level": API_LEVEL,
        "manifest": manifest_digest(MANIFEST),
        "cases": tuple(cases),
    }
    return ConformanceReport(**(fields | changes))


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Makes a package with this text as its report; without text it ships none."""

    def make(text):
        name = f"shipped_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        if text is not None:
            (folder / "conformance.json").write_bytes(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return make


FAILED = ConformanceCase(number=221, title="c", outcome="failed", reason="it did")


@pytest.mark.parametrize(
    ("shipped", "said"),
    [
        (report(), "1 passed, 1 not declared"),
        (report(cases=(FAILED,)), "failed: case 221"),
        (report(version="0.9"), "stale: made for gateway-sim 0.9, level 1"),
        (report(api_level=0), "stale: made for gateway-sim 1.0, level 0"),
    ],
)
def test_the_line_of_a_report(plugin, shipped, said):
    assert verdict_of(plugin(msgspec.json.encode(shipped)), "1.0") == said


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"version": 1}', b"\xff"])
def test_a_report_that_is_none_is_named_and_stops_nobody(plugin, text):
    assert verdict_of(plugin(text), "1.0").startswith("unreadable: conformance.json: ")


def test_a_plugin_without_a_report_is_not_judged(plugin):
    assert verdict_of(plugin(None), "1.0") is None
    assert read_report(object()) is None


def test_a_changed_manifest_is_noticed_and_its_name_is_not():
    named = msgspec.structs.replace(MANIFEST, venue="other")
    assert declares_as_reported(report(), named)
    changed = msgspec.structs.replace(MANIFEST, has_post_only=True)
    assert not declares_as_reported(report(), changed)


def test_the_digest_does_not_depend_on_the_order_of_sets():
    words = ["limit", "market", "stop", "stop_limit"]
    digests = {
        manifest_digest(msgspec.structs.replace(MANIFEST, order_types=frozenset(order)))
        for order in (words, words[::-1], [*words[2:], *words[:2]])
    }
    assert len(digests) == 1
