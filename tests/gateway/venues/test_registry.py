"""Broken plugins are listed with their reason and the others start."""

import types

import pytest
from live_world import ScriptedAdapter

from gateway.api import RefusedError, hookimpl
from gateway.venues.registry import Plugins


def plugin(level=1, name="sim", create=None):
    made = types.ModuleType("made")
    made.gateway_api_level = hookimpl(lambda: level)
    made.gateway_venue_name = hookimpl(lambda: name)
    if create is None:

        def create(venue, settings, secrets):
            return ScriptedAdapter()

    made.gateway_create_adapter = hookimpl(create)
    return made


class Point:
    def __init__(self, name, result):
        self.name, self.dist, self._result = name, None, result

    def load(self):
        if isinstance(self._result, BaseException):
            raise self._result
        return self._result


def bad_signature():
    made = plugin()

    def gateway_create_adapter(venue, nonsense):
        return None

    made.gateway_create_adapter = hookimpl(gateway_create_adapter)
    return made


def without_hooks():
    return types.ModuleType("empty")


BROKEN = [
    (ImportError("no module named x"), "ImportError"),
    (SystemExit(3), "SystemExit"),
    (RuntimeError("boom"), "RuntimeError: boom"),
    (plugin(level=0), "API level 0, this gateway has level 1"),
    (plugin(level="0"), "expected int"),
    (plugin(level=True), "expected int"),
    (plugin(name=7), "expected str"),
    (bad_signature(), "PluginValidationError"),
    (without_hooks(), "gateway_api_level is missing"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_a_broken_plugin_is_listed_and_the_others_start(broken, reason):
    plugins = Plugins.discover([Point("broken", broken), Point("good", plugin())])
    rows = {row.name: row for row in plugins.rows}
    assert rows["broken"].state == "refused"
    assert reason in rows["broken"].reason
    assert rows["good"].state == "loaded"
    assert plugins.names() == ["sim"]


def test_a_second_plugin_with_the_same_adapter_name_is_refused():
    plugins = Plugins.discover([Point("b", plugin()), Point("a", plugin())])
    assert [(row.name, row.state) for row in plugins.rows] == [("a", "loaded"), ("b", "refused")]
    assert "'a'" in plugins.rows[1].reason


def fails(venue, settings, secrets):
    raise ValueError("settings.url: missing")


def no_manifest(venue, settings, secrets):
    return object()


@pytest.mark.parametrize(
    ("create", "rule"), [(fails, "settings.url"), (no_manifest, "capabilities")]
)
def test_an_adapter_that_cannot_be_built_is_refused_with_its_reason(create, rule):
    plugins = Plugins()
    plugins.add("p", plugin(create=create))
    with pytest.raises(RefusedError, match=rule):
        plugins.create_adapter("sim", "v", {}, {})
    assert plugins.rows[0].state == "failed"


def test_an_unknown_adapter_names_the_known_ones():
    plugins = Plugins()
    plugins.add("p", plugin())
    with pytest.raises(RefusedError, match="installed adapters: sim"):
        plugins.create_adapter("nope", "v", {}, {})


def test_the_manifest_shows_in_the_row():
    plugins = Plugins()
    plugins.add("p", plugin())
    plugins.create_adapter("sim", "v", {}, {})
    assert plugins.rows[0].capabilities["venue"] == "sim"


def test_what_nobody_configured_waits_until_the_list_is_wanted():
    points = [Point("a", plugin(name="a")), Point("b", plugin(name="b")), Point("c", ImportError())]
    plugins = Plugins.discover(points, wanted={"b"})
    assert plugins.names() == ["b"]
    plugins.load_rest()
    assert [(row.name, row.state) for row in plugins.rows] == [
        ("a", "loaded"),
        ("b", "loaded"),
        ("c", "refused"),
    ]


def test_an_adapter_under_another_name_than_its_entry_point_is_found_all_the_same():
    points = [Point("a", plugin(name="x")), Point("b", plugin(name="y"))]
    assert "y" in Plugins.discover(points, wanted={"y"}).names()


def test_a_plugin_that_only_receives_history_is_listed_and_no_adapter():
    made = types.ModuleType("made")
    made.gateway_api_level = hookimpl(lambda: 1)
    made.gateway_history_sinks = hookimpl(lambda: {"store": lambda settings, secrets: None})
    plugins = Plugins.discover([Point("store", made), Point("good", plugin())])
    assert [(row.name, row.state, row.adapter) for row in plugins.rows] == [
        ("good", "loaded", "sim"),
        ("store", "loaded", ""),
    ]
    assert plugins.names() == ["sim"]
