"""limits.toml: every row complete, every configured name bound, nothing unlimited."""

from pathlib import Path

import msgspec
import pytest

from gateway.config import ConfigError, LimitRow, json_schema, limits_json_schema, load, load_limits

CONF = Path(__file__).parents[3] / "conf"
LIMITS = (CONF / "limits.toml").read_text(encoding="utf-8")
REQUIRED = LimitRow.__struct_fields__[: LimitRow.__struct_fields__.index("loss_max")]
CONFIG = """\
[gateway]
directory = "{tmp}/data"
ring_directory = "{tmp}/ring"
[venues.paper]
adapter = "paper"
[accounts.main]
venue = "paper"
[strategies.alpha]
"""


def codes(tmp_path: Path, limits: str) -> list[tuple[str, str]]:
    """(code, path) of the faults of a limits file beside a good configuration."""
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG.replace("{tmp}", str(tmp_path)), encoding="utf-8")
    (tmp_path / "limits.toml").write_text(limits, encoding="utf-8")
    try:
        load(file, {}, is_in_memory=lambda path: True)
    except ConfigError as error:
        return [(fault.code, fault.path) for fault in error.faults]
    return []


def test_the_shipped_limits_load_and_bind_every_level() -> None:
    limits = load_limits(CONF / "limits.toml")
    for level in ("instrument", "strategy", "account", "venue", "firm"):
        row = limits.row(level, "whatever")  # type: ignore[arg-type]
        assert row is not None
        assert set(row.fields()) <= set(LimitRow.__struct_fields__)
        assert set(REQUIRED) <= set(row.fields())


def test_the_limit_names_are_those_of_the_native_record() -> None:
    records = "core_ext/include/gateway_core/record/risk_records.hpp"
    text = (Path(__file__).parents[3] / records).read_text(encoding="utf-8")
    limits = text[text.index("struct LimitFields {") : text.index("struct LimitsSet {")]
    guards = text[text.index("struct GuardFields {") : text.index("struct GuardsSet {")]
    lines = (limits + guards).splitlines()
    native = [line.split()[1].split(";")[0] for line in lines if line.startswith("  s")]
    native = [name.removesuffix("_e8").removesuffix("_e4") for name in native]
    assert native == list(LimitRow.__struct_fields__)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("[firm]", "[frim]", ("UNKNOWN_KEY", "frim")),
        ("[account.default]", "[account.other]", ("LIMIT_MISSING", "account.main")),
        ("[account.default]", "[account.mian]", ("UNKNOWN_NAME", "account.mian")),
        ("[strategy.default]", "[strategy.alhpa]", ("LIMIT_MISSING", "strategy.alpha")),
        ("[venue.default]", "[venue.papr]", ("LIMIT_MISSING", "venue.paper")),
        ("collar_bps = 500", "colar_bps = 500", ("UNKNOWN_KEY", "instrument.default.colar_bps")),
        ("collar_bps = 500", "", ("MISSING_KEY", "instrument.default.collar_bps")),
        ("collar_bps = 500", "collar_bps = -1", ("OUT_OF_RANGE", "instrument.default.collar_bps")),
        (
            '_quantity_max = "1000"',
            "_quantity_max = 1000",
            ("WRONG_TYPE", "instrument.default.order_quantity_max"),
        ),
        (
            '_quantity_max = "1000"',
            "_quantity_max = 1000.0",
            ("WRONG_TYPE", "instrument.default.order_quantity_max"),
        ),
        (
            '_quantity_max = "1000"',
            '_quantity_max = "-1"',
            ("BAD_NAME", "instrument.default.order_quantity_max"),
        ),
        (
            '_quantity_max = "1000"',
            '_quantity_max = "0.123456789"',
            ("BAD_NAME", "instrument.default.order_quantity_max"),
        ),
        (
            '_quantity_max = "1000"',
            '_quantity_max = "23058430093"',
            ("LIMIT_TOO_LARGE", "instrument.default.order_quantity_max"),
        ),
        (
            '_notional_max = "1000000"',
            '_notional_max = "230584300921370"',
            ("LIMIT_TOO_LARGE", "instrument.default.order_notional_max"),
        ),
        ("[firm]", "[firm", ("SYNTAX", "line")),
    ],
)
def test_a_bad_limits_file_is_refused_by_name(
    tmp_path: Path, before: str, after: str, wanted: tuple[str, str]
) -> None:
    assert before in LIMITS
    assert wanted in codes(tmp_path, LIMITS.replace(before, after, 1))


def test_without_a_firm_row_nothing_starts(tmp_path: Path) -> None:
    assert codes(tmp_path, LIMITS[: LIMITS.index("[firm]")]) == [("LIMIT_MISSING", "firm")]


def test_an_empty_limits_file_names_everything_that_lacks_limits(tmp_path: Path) -> None:
    assert codes(tmp_path, "") == [
        ("LIMIT_MISSING", "firm"),
        ("LIMIT_MISSING", "instrument"),
        ("LIMIT_MISSING", "strategy.alpha"),
        ("LIMIT_MISSING", "account.main"),
        ("LIMIT_MISSING", "venue.paper"),
    ]


def test_the_largest_limits_are_taken(tmp_path: Path) -> None:
    text = LIMITS.replace('_quantity_max = "1000"', '_quantity_max = "23058430092"', 1)
    text = text.replace('_notional_max = "1000000"', '_notional_max = "230584300921369"', 1)
    assert codes(tmp_path, text) == []


def test_a_missing_limits_file_is_one_clear_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_limits(tmp_path / "none.toml")
    assert [fault.code for fault in caught.value.faults] == ["FILE_MISSING"]


def test_the_schema_requires_every_limit() -> None:
    row = limits_json_schema()["$defs"]["LimitRow"]
    assert row["required"] == list(REQUIRED)


def test_the_schemas_beside_the_configuration_are_those_of_the_code() -> None:
    hint = "gateway config schema writes them"
    for name, schema in (("gateway", json_schema()), ("limits", limits_json_schema())):
        stored = (CONF / f"{name}.schema.json").read_text(encoding="utf-8")
        written = msgspec.json.format(msgspec.json.encode(schema), indent=1).decode()
        assert stored == f"{written}\n", hint  # in lines, so that a review sees what changed
        first = (CONF / f"{name}.toml").read_text(encoding="utf-8").splitlines()[0]
        assert first == f"#:schema ./{name}.schema.json"
