"""Every metric has its paragraph, and rules and dashboards name only metrics that are exported."""

import json
import re
from pathlib import Path

from gateway.stream.fix_metrics import fix_metrics
from gateway.stream.metrics_page import METRIC_NAMES

REPOSITORY = Path(__file__).parents[3]
NAME = re.compile(r"\bgateway_[a-z_]+\b")


def test_every_metric_has_its_section_and_no_section_is_without_a_metric():
    page = (REPOSITORY / "docs/reference/metrics.md").read_text()
    assert set(re.findall(r"^## (\S+)$", page, re.MULTILINE)) == METRIC_NAMES


def test_alert_rules_name_only_exported_metrics():
    rules = (REPOSITORY / "conf/prometheus/alerts.yml").read_text()
    expressions = re.findall(r"^ +expr: (.+)$", rules, re.MULTILINE)
    assert len(expressions) == rules.count("- alert:") > 0
    for expression in expressions:
        names = NAME.findall(expression)
        assert names and set(names) <= METRIC_NAMES, expression


def test_the_dashboard_is_valid_and_names_only_exported_metrics():
    page = json.loads((REPOSITORY / "conf/grafana/gateway.json").read_text())
    expressions = [target["expr"] for panel in page["panels"] for target in panel["targets"]]
    assert expressions
    for expression in expressions:
        names = NAME.findall(expression)
        assert names and set(names) <= METRIC_NAMES, expression


def test_the_dashboard_shows_every_part_and_no_panel_covers_another():
    panels = json.loads((REPOSITORY / "conf/grafana/gateway.json").read_text())["panels"]
    shown = {name for panel in panels for name in NAME.findall(str(panel["targets"]))}
    wanted = {"gateway_margin_accounts", "gateway_margin_ratio_max", "gateway_stage_seconds_bucket",
              "gateway_liquidation_distance_percent_min", "gateway_queue_depth",
              "gateway_venue_reconciled", "gateway_risk_watch_look_age_seconds"}  # fmt: skip
    assert wanted <= shown
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(places)) == len({panel["id"] for panel in panels}) == len(panels)
    assert all(x % 8 == y % 8 == 0 and x < 24 for x, y in places)


def test_what_fix_sessions_counted_has_metrics_of_its_own() -> None:
    counters = {"fix:fund:logged_on": 1, "fix:fund:received": 7, "fix:fund:throttled": 2}
    counters |= {"fix::connections": 3, "fix::events_told": 9, "orders": 5}
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in fix_metrics(counters)
        for sample in family.samples
    }
    assert found == {
        ("gateway_fix_session_up", ("session", "fund")): 1,
        ("gateway_fix_messages_total", ("direction", "in"), ("session", "fund")): 7,
        ("gateway_fix_events_total", ("event", "throttled"), ("session", "fund")): 2,
        ("gateway_fix_connections",): 3,
        ("gateway_fix_door_events_total", ("event", "events_told")): 9,
    }
