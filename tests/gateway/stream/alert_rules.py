"""The shipped alert rules, judged against one scrape: comparisons of one metric with a number, as
those of margin are. Anything else is an error, never a rule that is silent."""

import operator
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

RULES = Path(__file__).parents[3] / "conf/prometheus/alerts.yml"
RULE = re.compile(r"- alert: (?P<name>\w+)\n +expr: (?P<expression>.+)\n")
COMPARISON = re.compile(
    r'(?P<metric>\w+)(?:\{(?P<label>\w+)=(?P<is_pattern>~?)"(?P<value>[^"]*)"\})? '
    r"(?P<sign>[<>]|==) (?P<limit>[0-9.]+)"
)
SIGNS = {"<": operator.lt, ">": operator.gt, "==": operator.eq}


def expressions():
    """Expression by name of the alert."""
    return dict(RULE.findall(RULES.read_text()))


def samples_of(scrape):
    """(name, labels, value) of every sample."""
    families = text_string_to_metric_families(scrape)
    return [(each.name, each.labels, each.value) for family in families for each in family.samples]


def is_true(expression, scrape):
    """Whether a sample holds it; a metric without samples holds nothing."""
    told = COMPARISON.fullmatch(expression)
    if told is None:
        raise ValueError(f"not a comparison of one metric: {expression}")
    wanted = told["value"] if told["is_pattern"] else re.escape(told["value"] or "")
    return any(
        name == told["metric"]
        and (told["label"] is None or re.fullmatch(wanted, labels.get(told["label"], "")))
        and SIGNS[told["sign"]](value, float(told["limit"]))
        for name, labels, value in samples_of(scrape)
    )
