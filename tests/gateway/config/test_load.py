"""A good file loads completely; every bad file is refused with code, place and nearest key."""

import re
import stat
from pathlib import Path

import pytest

from gateway.config import ConfigError, ConfigFault, Settings, explain, json_schema, load

CONF = Path(__file__).parents[3] / "conf"
LIMITS = (CONF / "limits.toml").read_text(encoding="utf-8")

GOOD = """\
[gateway]
name = "test"
directory = "{tmp}/data"
ring_directory = "{tmp}/ring"
[venues.paper]
adapter = "paper"
[accounts.main]
venue = "paper"
[strategies.alpha]
[principals.trader]
scopes = ["read", "trade"]
accounts = ["main"]
[currencies]
USDT = "1"
"""


def read(
    tmp_path: Path, text: str, limits: str = LIMITS, environ: dict[str, str] | None = None
) -> Settings:
    """Load configuration text; the ring directory counts as memory wherever it lies."""
    (tmp_path / "gateway.toml").write_text(text.replace("{tmp}", str(tmp_path)), encoding="utf-8")
    (tmp_path / "limits.toml").write_text(limits, encoding="utf-8")
    return load(tmp_path / "gateway.toml", environ or {}, user_id=7, is_in_memory=lambda path: True)


def faults_of(tmp_path: Path, text: str, **more: object) -> tuple[ConfigFault, ...]:
    """The faults of a file that must not load."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **more)  # type: ignore[arg-type]
    return caught.value.faults


def test_a_small_file_is_completed_with_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert settings.gateway.instance == 1
    assert settings.journal.ring_mib == 64
    assert settings.accounts["main"].durability == "process"
    assert settings.principals["trader"].strategies == "all"
    assert settings.places.directory == tmp_path / "data"
    assert settings.places.keys_file == tmp_path / "data" / "keys.toml"
    assert settings.places.unix_socket == tmp_path / "ring" / "api.sock"
    assert settings.places.run_file == tmp_path / "ring" / "run.json"
    row = settings.limits.row("account", "main")
    assert row is not None and row.fields()["order_notional_max"] == "1000000"
    assert settings.limits.row("firm") is settings.limits.firm


def test_settings_cannot_change_after_start(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    with pytest.raises(AttributeError):
        settings.gateway.instance = 2  # type: ignore[misc]


def test_the_shipped_configuration_loads_and_names_every_setting() -> None:
    settings = load(CONF / "gateway.toml", {})
    text = (CONF / "gateway.toml").read_text(encoding="utf-8")
    for row in explain(settings):
        if not row.path.startswith(("places.", "currencies.", "venues.paper.settings.")):
            key = row.path.rpartition(".")[2]
            assert re.search(rf"^{key} =", text, re.MULTILINE), row.path


HEAD = '[gateway]\nring_directory = "{tmp}/ring"\n'
VENUE = '[venues.paper]\nadapter = "paper"\n'
ACCOUNT = VENUE + '[accounts.main]\nvenue = "paper"\n'

# (text, code, key path, nearest known key)
BAD = [
    # Text that is not TOML.
    ("[gateway\n", "SYNTAX", "line", ""),
    ("[gateway]\nname = \n", "SYNTAX", "line", ""),
    ("[gateway]\nname = 'a'\nname = 'b'\n", "SYNTAX", "gateway.name", ""),
    ("[log]\n[journal]\n[log]\n", "SYNTAX", "log", ""),
    (ACCOUNT + "[accounts.main]\nvenue = 'paper'\n", "SYNTAX", "accounts.main", ""),
    # Keys nobody knows.
    ("[gatway]\n", "UNKNOWN_KEY", "gatway", "gateway"),
    ("[zebra]\n", "UNKNOWN_KEY", "zebra", ""),
    ("[gateway]\nintsance = 1\n", "UNKNOWN_KEY", "gateway.intsance", "instance"),
    ("[gateway]\nengine_cpus = 1\n", "UNKNOWN_KEY", "gateway.engine_cpus", "engine_cpu"),
    ("[gateway]\nDrive = 'inline'\n", "UNKNOWN_KEY", "gateway.Drive", "drive"),
    ("[journal]\nring_mb = 1\n", "UNKNOWN_KEY", "journal.ring_mb", "ring_mib"),
    ("[capacity]\norder_max = 1\n", "UNKNOWN_KEY", "capacity.order_max", "orders_max"),
    ("[api]\nprot = 1\n", "UNKNOWN_KEY", "api.prot", "port"),
    ("[api]\ntls_cert = ''\n", "UNKNOWN_KEY", "api.tls_cert", "tls_certificate"),
    ("[observer]\nhots = ''\n", "UNKNOWN_KEY", "observer.hots", "host"),
    ("[log]\nlvel = 'info'\n", "UNKNOWN_KEY", "log.lvel", "level"),
    (VENUE + "isolate = 1\n", "UNKNOWN_KEY", "venues.paper.isolate", "isolation"),
    (ACCOUNT + "durabilty = 1\n", "UNKNOWN_KEY", "accounts.main.durabilty", "durability"),
    ("[strategies.a]\ndescriptoin='x'\n", "UNKNOWN_KEY", "strategies.a.descriptoin", "description"),
    ("[principals.a]\nscope=['read']\n", "UNKNOWN_KEY", "principals.a.scope", "scopes"),
    # Keys that must be there.
    ("[venues.paper]\n", "MISSING_KEY", "venues.paper.adapter", ""),
    (VENUE + "[accounts.main]\n", "MISSING_KEY", "accounts.main.venue", ""),
    (
        "[principals.reconciliation]\nscopes=['risk']\n",
        "CLASH",
        "principals.reconciliation",
        "",
    ),
    ("[principals.a]\n", "MISSING_KEY", "principals.a.scopes", ""),
    # Types.
    ("gateway = 1\n", "WRONG_TYPE", "gateway", ""),
    ("venues = []\n", "WRONG_TYPE", "venues", ""),
    ("[venues]\npaper = 'paper'\n", "WRONG_TYPE", "venues.paper", ""),
    ("[gateway]\ninstance = '1'\n", "WRONG_TYPE", "gateway.instance", ""),
    ("[gateway]\ninstance = 1.0\n", "WRONG_TYPE", "gateway.instance", ""),
    ("[gateway]\ninstance = true\n", "WRONG_TYPE", "gateway.instance", ""),
    ("[gateway]\ndirectory = 1\n", "WRONG_TYPE", "gateway.directory", ""),
    ("[gateway]\ndrive = 1\n", "WRONG_TYPE", "gateway.drive", ""),
    ("[api]\nport = [1]\n", "WRONG_TYPE", "api.port", ""),
    (VENUE + "settings = 1\n", "WRONG_TYPE", "venues.paper.settings", ""),
    (VENUE + "secrets = { key = 1 }\n", "WRONG_TYPE", "venues.paper.secrets.key", ""),
    ("[principals.a]\nscopes = 'read'\n", "WRONG_TYPE", "principals.a.scopes", ""),
    ("[principals.a]\nscopes = [1]\n", "WRONG_TYPE", "principals.a.scopes", ""),
    (
        "[principals.a]\nscopes=['read']\naccounts='al'\n",
        "WRONG_TYPE",
        "principals.a.accounts",
        "all",
    ),
    ("[currencies]\nUSD = 1\n", "WRONG_TYPE", "currencies.USD", ""),
    ("[currencies]\nUSD = 1.0\n", "WRONG_TYPE", "currencies.USD", ""),
    # Ranges.
    ("[gateway]\ninstance = 0\n", "OUT_OF_RANGE", "gateway.instance", ""),
    ("[gateway]\ninstance = 4096\n", "OUT_OF_RANGE", "gateway.instance", ""),
    ("[gateway]\ninstance = -1\n", "OUT_OF_RANGE", "gateway.instance", ""),
    ("[gateway]\ndirectory = ''\n", "OUT_OF_RANGE", "gateway.directory", ""),
    ("[gateway]\nengine_cpu = -2\n", "OUT_OF_RANGE", "gateway.engine_cpu", ""),
    ("[gateway]\nshutdown_seconds_max = 0\n", "OUT_OF_RANGE", "gateway.shutdown_seconds_max", ""),
    ("[journal]\nring_mib = 0\n", "OUT_OF_RANGE", "journal.ring_mib", ""),
    ("[journal]\nsegment_mib = 5000\n", "OUT_OF_RANGE", "journal.segment_mib", ""),
    ("[capacity]\norders_max = 1\n", "OUT_OF_RANGE", "capacity.orders_max", ""),
    ("[capacity]\npositions_max = 99999999\n", "OUT_OF_RANGE", "capacity.positions_max", ""),
    ("[api]\nport = 65536\n", "OUT_OF_RANGE", "api.port", ""),
    ("[api]\nport = -1\n", "OUT_OF_RANGE", "api.port", ""),
    ("[api]\nbody_bytes_max = 1\n", "OUT_OF_RANGE", "api.body_bytes_max", ""),
    ("[api]\nunix_socket = '" + "x" * 200 + "'\n", "OUT_OF_RANGE", "api.unix_socket", ""),
    (
        "[observer]\nsnapshot_every_segments = 0\n",
        "OUT_OF_RANGE",
        "observer.snapshot_every_segments",
        "",
    ),
    (
        VENUE + "reconcile_timeout_seconds = 0\n",
        "OUT_OF_RANGE",
        "venues.paper.reconcile_timeout_seconds",
        "",
    ),
    ("[principals.a]\nscopes = []\n", "OUT_OF_RANGE", "principals.a.scopes", ""),
    ("[currencies]\nEUR = '0'\n", "OUT_OF_RANGE", "currencies.EUR", ""),
    (
        "[strategies.a]\ndescription = '" + "x" * 201 + "'\n",
        "OUT_OF_RANGE",
        "strategies.a.description",
        "",
    ),
    # Words.
    ("[gateway]\ndrive = 'pined'\n", "BAD_WORD", "gateway.drive", "pinned"),
    ("[gateway]\ndrive = 'INLINE'\n", "BAD_WORD", "gateway.drive", "inline"),
    ("[gateway]\nshutdown_orders = 'kep'\n", "BAD_WORD", "gateway.shutdown_orders", "keep"),
    ("[journal]\nlevel = 'proces'\n", "BAD_WORD", "journal.level", "process"),
    ("[log]\nlevel = 'warn'\n", "BAD_WORD", "log.level", "warning"),
    (VENUE + "isolation = 'inprocess'\n", "BAD_WORD", "venues.paper.isolation", "in_process"),
    (ACCOUNT + "durability = 'disc'\n", "BAD_WORD", "accounts.main.durability", "disk"),
    (ACCOUNT + "margin_mode = 'crss'\n", "BAD_WORD", "accounts.main.margin_mode", "cross"),
    ("[principals.a]\nscopes = ['reed']\n", "BAD_WORD", "principals.a.scopes", "read"),
    ("[principals.a]\nscopes = ['Trade']\n", "BAD_WORD", "principals.a.scopes", "trade"),
    # Names and numbers as text.
    ("[gateway]\nname = 'a b'\n", "BAD_NAME", "gateway.name", ""),
    ("[gateway]\nname = ''\n", "BAD_NAME", "gateway.name", ""),
    ("[gateway]\nname = '../x'\n", "BAD_NAME", "gateway.name", ""),
    ("[gateway]\nname = '" + "x" * 32 + "'\n", "BAD_NAME", "gateway.name", ""),
    ("[gateway]\nreporting_currency = 'usd'\n", "BAD_NAME", "gateway.reporting_currency", ""),
    ("[venues.'a b']\nadapter = 'paper'\n", "BAD_NAME", "venues.a b", ""),
    ("[strategies.'-a']\n", "BAD_NAME", "strategies.-a", ""),
    ("[currencies]\nbtc = '1'\n", "BAD_NAME", "currencies.btc", ""),
    ("[currencies]\nBTC = '1e5'\n", "BAD_NAME", "currencies.BTC", ""),
    ("[currencies]\nBTC = '-1'\n", "BAD_NAME", "currencies.BTC", ""),
    ("[currencies]\nBTC = '1,5'\n", "BAD_NAME", "currencies.BTC", ""),
    (
        "[principals.a]\nscopes=['read']\ninstruments=['a b']\n",
        "BAD_NAME",
        "principals.a.instruments",
        "",
    ),
    # Names that nothing defines.
    (VENUE + "[accounts.main]\nvenue = 'papr'\n", "UNKNOWN_NAME", "accounts.main.venue", "paper"),
    ("[accounts.main]\nvenue = 'paper'\n", "UNKNOWN_NAME", "accounts.main.venue", ""),
    (
        ACCOUNT + "[principals.a]\nscopes=['read']\naccounts=['mian']\n",
        "UNKNOWN_NAME",
        "principals.a.accounts",
        "main",
    ),
    (
        "[principals.a]\nscopes=['read']\nstrategies=['x']\n",
        "UNKNOWN_NAME",
        "principals.a.strategies",
        "",
    ),
    # Contradictions.
    ("[api]\nport = 9000\n[observer]\nport = 9000\n", "CLASH", "observer.port", ""),
    ("[api]\nport = 8701\n", "CLASH", "observer.port", ""),
    (
        "[gateway]\ndrive='pinned'\nengine_cpu = 1\n[journal]\ncommit_cpu = 1\n",
        "CLASH",
        "journal.commit_cpu",
        "",
    ),
    ("[gateway]\nengine_cpu = 1\n", "CLASH", "gateway.engine_cpu", ""),
    ("[journal]\nring_mib = 16\nsegment_mib = 32\n", "CLASH", "journal.segment_mib", ""),
    ("[gateway]\ndirectory = '{tmp}/ring'\n", "CLASH", "gateway.directory", ""),
    ("[gateway]\ndirectory = '{tmp}/ring/data'\n", "CLASH", "gateway.directory", ""),
    ("[currencies]\nUSD = '2'\n", "CLASH", "currencies.USD", ""),
    ("[strategies.a]\n[strategies.A]\n", "CLASH", "strategies.A", ""),
    ("[principals.a]\nscopes = ['read', 'read']\n", "CLASH", "principals.a.scopes", ""),
    (
        ACCOUNT + "[principals.a]\nscopes=['read']\naccounts=['main','main']\n",
        "CLASH",
        "principals.a.accounts",
        "",
    ),
    # What this version, this drive or this listener cannot do.
    (ACCOUNT + "durability = 'replica'\n", "NOT_AVAILABLE", "accounts.main.durability", ""),
    ("[venues.okx]\nadapter = 'okx'\n", "NEEDS_PINNED", "venues.okx.adapter", ""),
    (
        "[gateway]\ndrive='pinned'\n[venues.okx]\nadapter='okx'\n[accounts.m]\nvenue='okx'\n"
        "durability='memory'\n",
        "NEEDS_SIMULATED",
        "accounts.m.durability",
        "",
    ),
    (
        "[gateway]\ndrive='pinned'\n[journal]\nlevel='memory'\n[venues.okx]\nadapter='okx'\n",
        "NEEDS_SIMULATED",
        "venues.okx.adapter",
        "",
    ),
    ("[api]\nhost = '0.0.0.0'\n", "NEEDS_TLS", "api.host", ""),
    ("[api]\nhost = '::'\n", "NEEDS_TLS", "api.host", ""),
    ("[api]\nhost = 'gateway.example'\n", "NEEDS_TLS", "api.host", ""),
    ("[observer]\nhost = '0.0.0.0'\n", "NEEDS_TLS", "observer.host", ""),
    ("[api]\ntls_certificate = 'c.pem'\n", "MISSING_KEY", "api.tls_private_key", ""),
    ("[api]\ntls_private_key = 'k.pem'\n", "MISSING_KEY", "api.tls_certificate", ""),
    (
        "[api]\ntls_certificate='c.pem'\ntls_private_key='k.pem'\n",
        "FILE_MISSING",
        "api.tls_certificate",
        "",
    ),
    (
        "[api]\ntls_certificate='c.pem'\ntls_private_key='k.pem'\n",
        "SECRET_MISSING",
        "api.tls_private_key",
        "",
    ),
    # Secrets.
    (
        VENUE + "secrets = { key = 'hunter2hunter2' }\n",
        "INLINE_SECRET",
        "venues.paper.secrets.key",
        "",
    ),
    (
        VENUE + "secrets = { key = '" + "s" * 300 + "' }\n",
        "INLINE_SECRET",
        "venues.paper.secrets.key",
        "",
    ),
    (VENUE + "secrets = { key = './none' }\n", "SECRET_MISSING", "venues.paper.secrets.key", ""),
    (VENUE + "secrets = { key = '../none' }\n", "SECRET_MISSING", "venues.paper.secrets.key", ""),
    (VENUE + "secrets = { key = 'a/none' }\n", "INLINE_SECRET", "venues.paper.secrets.key", ""),
    (
        VENUE + "secrets = { key = '$CREDENTIALS_DIRECTORY/k' }\n",
        "SECRET_MISSING",
        "venues.paper.secrets.key",
        "",
    ),
    (
        VENUE + "[venues.paper.settings]\napi_secret = 'x'\n",
        "INLINE_SECRET",
        "venues.paper.settings.api_secret",
        "",
    ),
    (
        VENUE + "settings = { login = { password = 'x' } }\n",
        "INLINE_SECRET",
        "venues.paper.settings.login.password",
        "",
    ),
]


@pytest.mark.parametrize(("text", "code", "path", "near"), BAD)
def test_a_bad_file_is_refused_by_name(
    tmp_path: Path, text: str, code: str, path: str, near: str
) -> None:
    if "ring_directory" not in text and not text.startswith(("gateway =", "venues =")):
        ring = 'ring_directory = "{tmp}/ring"\n'
        head = "[gateway]\n"
        text = text.replace(head, head + ring, 1) if head in text else text + "\n" + head + ring
    found = faults_of(tmp_path, text)
    wanted = [fault for fault in found if fault.code == code and fault.path == path]
    assert wanted, [str(fault) for fault in found]
    assert wanted[0].nearest == near
    assert wanted[0].expected
    assert wanted[0].file.endswith("gateway.toml")


def test_the_table_of_bad_files_is_large_enough() -> None:
    assert len(BAD) >= 60
    assert len({(text, code, path) for text, code, path, _ in BAD}) == len(BAD)


def test_all_faults_come_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("[gateway]", "[gateway]\ninstance = 0\ndrvie = 'inline'") + "EUR = 1\n"
    found = faults_of(tmp_path, text)
    places = [(fault.code, fault.path, fault.line) for fault in found]
    assert places == [
        ("UNKNOWN_KEY", "gateway.drvie", 3),
        ("OUT_OF_RANGE", "gateway.instance", 2),
        ("WRONG_TYPE", "currencies.EUR", 17),
    ]
    message = str(ConfigError(found))
    assert "gateway.toml:2: OUT_OF_RANGE gateway.instance" in message
    assert "a whole number from 1 to 4095, given 0" in message
    assert "Did you mean `drive`?" in message


def test_a_contradiction_names_both_places(tmp_path: Path) -> None:
    text = GOOD + "[api]\nport = 9000\n[observer]\nport = 9000\n"
    (fault,) = faults_of(tmp_path, text)
    assert (fault.code, fault.path, fault.line) == ("CLASH", "observer.port", 18)
    assert fault.other.endswith("gateway.toml:16 api.port")


def test_a_table_that_stands_twice_names_both_lines(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, GOOD + "[accounts.main]\nvenue = 'paper'\n")
    assert fault.line == 15
    assert fault.other.endswith("gateway.toml:7 accounts.main")


def test_files_that_are_no_files_are_refused(tmp_path: Path) -> None:
    cases = {"FILE_MISSING": tmp_path / "none.toml", "FILE_NOT_REGULAR": tmp_path}
    large, bytes_file = tmp_path / "large.toml", tmp_path / "bytes.toml"
    large.write_text("#" * (1 << 20) + "\n", encoding="utf-8")
    bytes_file.write_bytes(b"[gateway]\nname = '\xff'\n")
    cases |= {"FILE_TOO_LARGE": large, "NOT_UTF8": bytes_file}
    for code, path in cases.items():
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert [fault.code for fault in caught.value.faults] == [code]


def secret_file(tmp_path: Path, mode: int) -> Path:
    path = tmp_path / "key.txt"
    path.write_text("hunter2\n", encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o666])
def test_a_secret_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret_file(tmp_path, mode)
    text = GOOD.replace('adapter = "paper"', 'adapter = "paper"\nsecrets = { key = "key.txt" }')
    (fault,) = faults_of(tmp_path, text)
    assert (fault.code, fault.path) == ("SECRET_MODE", "venues.paper.secrets.key")
    assert "chmod 600" in fault.expected


def test_a_private_secret_file_is_taken_and_never_shown(tmp_path: Path) -> None:
    path = secret_file(tmp_path, 0o600)
    text = GOOD.replace('adapter = "paper"', 'adapter = "paper"\nsecrets = { key = "key.txt" }')
    settings = read(tmp_path, text)
    rows = {row.path: row for row in explain(settings)}
    assert rows["venues.paper.secrets.key"].value == "********"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_misspelled_path_of_a_secret_is_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "venues").mkdir()
    lines = 'adapter = "paper"\nsecrets = { key = "venues/papr.key" }'
    (fault,) = faults_of(tmp_path, GOOD.replace('adapter = "paper"', lines))
    assert (fault.code, fault.path) == ("SECRET_MISSING", "venues.paper.secrets.key")


def test_no_message_quotes_a_secret(tmp_path: Path) -> None:
    lines = 'adapter = "paper"\nsecrets = { key = "hunter2" }\nsettings = { token = "hunter3" }'
    found = faults_of(tmp_path, GOOD.replace('adapter = "paper"', lines))
    assert {fault.code for fault in found} == {"INLINE_SECRET"}
    assert len(found) == 2
    assert "hunter" not in str(ConfigError(found))


def test_the_environment_wins_and_is_named_as_origin(tmp_path: Path) -> None:
    environ = {"GATEWAY_INSTANCE": "9", "GATEWAY_API_PORT": "9100", "GATEWAY_URL": "ignored"}
    settings = read(tmp_path, GOOD, environ=environ)
    assert (settings.gateway.instance, settings.api.port) == (9, 9100)
    origins = {row.path: row.origin for row in explain(settings)}
    assert origins["api.port"] == "environment GATEWAY_API_PORT"
    assert origins["gateway.name"].endswith("gateway.toml:2")
    assert origins["journal.level"] == "default"


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("GATEWAY_API_PORT", "eighty", "WRONG_TYPE"),
        ("GATEWAY_API_PORT", "-5", "OUT_OF_RANGE"),
        ("GATEWAY_DRIVE", "fast", "BAD_WORD"),
        ("GATEWAY_API_PROT", "1", "UNKNOWN_KEY"),
        ("GATEWAY_JOURNAL_RING", "1", "UNKNOWN_KEY"),
    ],
)
def test_a_bad_environment_is_refused(tmp_path: Path, name: str, text: str, code: str) -> None:
    (fault,) = faults_of(tmp_path, GOOD, environ={name: text})
    assert fault.code == code


def test_the_schema_describes_every_setting() -> None:
    for name, definition in json_schema()["$defs"].items():
        if name in {"Document", "LimitRow"}:
            continue
        for key, field in definition["properties"].items():
            assert field.get("description"), f"{name}.{key}"


MANY = """\
[gateway]
name = "test"
directory = "{tmp}/data"
ring_directory = "{tmp}/ring"
instanc = 4
[journal]
commit_cpu = "two"
segment_mib = 128
ring_mib = 64
[api]
host = "0.0.0.0"
[venues.paper]
adapter = "paper"
[accounts.main]
venue = "paperr"
[accounts.other]
venue = "paper"
durability = "diskk"
[strategies.alpha]
[strategies.beta]
[principals.trader]
scopes = ["read", "trde"]
accounts = ["main", "nobody"]
[currencies]
USDT = 1
"""
MANY_LIMITS = LIMITS.replace("[strategy.default]", "[strategy.alpha]") + "\n[account.mian]\n"


def places_of(faults: tuple[ConfigFault, ...]) -> set[tuple[str, str]]:
    return {(fault.code, fault.path) for fault in faults}


def test_one_pass_reports_the_faults_of_every_stage(tmp_path: Path) -> None:
    """Form, rules between settings, environment, and the limits with their coverage."""
    environ = {"GATEWAY_JOURNAL_LEVLE": "process"}
    assert "[strategy.default]" in LIMITS
    faults = faults_of(tmp_path, MANY, limits=MANY_LIMITS, environ=environ)
    assert places_of(faults) >= {
        ("UNKNOWN_KEY", "gateway.instanc"),
        ("UNKNOWN_KEY", "GATEWAY_JOURNAL_LEVLE"),
        ("WRONG_TYPE", "journal.commit_cpu"),
        ("CLASH", "journal.segment_mib"),
        ("NEEDS_TLS", "api.host"),
        ("UNKNOWN_NAME", "accounts.main.venue"),
        ("BAD_WORD", "accounts.other.durability"),
        ("BAD_WORD", "principals.trader.scopes"),
        ("WRONG_TYPE", "currencies.USDT"),
        ("LIMIT_MISSING", "strategy.beta"),
        ("UNKNOWN_NAME", "account.mian"),
        ("MISSING_KEY", "account.mian.credit_max"),
    }
    by_path = {(fault.code, fault.path): fault for fault in faults}
    venue = by_path["UNKNOWN_NAME", "accounts.main.venue"]
    assert (venue.nearest, venue.given) == ("paper", "'paperr'")
    assert venue.file.endswith("gateway.toml") and venue.line
    limit = by_path["LIMIT_MISSING", "strategy.beta"]
    assert limit.file.endswith("limits.toml") and "strategies.beta" in limit.other
    assert {fault.file.rpartition("/")[2] for fault in faults} == {"gateway.toml", "limits.toml"}


# (text, limits, what alone may be said): a fault is not told again by what it leaves out.
ALONE = [
    (GOOD.replace('adapter = "paper"', "adapter = 5"), LIMITS,
     {("WRONG_TYPE", "venues.paper.adapter")}),
    (GOOD.replace("[strategies.alpha]", "[strategies]\nalpha = 1"), LIMITS + "\n[strategy.alpha]"
     + LIMITS.partition("[strategy.default]")[2].partition("[")[0],
     {("WRONG_TYPE", "strategies.alpha")}),
    (GOOD.replace('venue = "paper"', 'venue = "paper"\ndurability = "x"'), LIMITS,
     {("BAD_WORD", "accounts.main.durability")}),
    (GOOD.replace("[venues", 'drive = "pind"\n[venues').replace('"paper"\n[acc', '"okx"\n[acc'),
     LIMITS, {("BAD_WORD", "gateway.drive")}),
    (GOOD, LIMITS.replace("[firm]", "[firm]\ncolour = 1"), {("UNKNOWN_KEY", "firm.colour")}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "limits", "expected"), ALONE, ids=range(len(ALONE)))
def test_a_fault_is_told_once(
    tmp_path: Path, text: str, limits: str, expected: set[tuple[str, str]]
) -> None:
    assert places_of(faults_of(tmp_path, text, limits=limits)) == expected


def test_a_broken_limit_row_is_not_missing_as_well(tmp_path: Path) -> None:
    limits = re.sub(r"(?m)^credit_max = .*$", "credit_max = 5", LIMITS)
    found = places_of(faults_of(tmp_path, GOOD, limits=limits))
    assert {code for code, _ in found} == {"WRONG_TYPE"}


def test_a_file_that_is_no_toml_still_has_its_neighbours_judged(tmp_path: Path) -> None:
    environ = {"GATEWAY_LOG_LEVL": "info"}
    faults = faults_of(tmp_path, "[gateway\n", limits=LIMITS + "\n[planet.x]\n", environ=environ)
    codes = places_of(faults)
    assert {("SYNTAX", "line"), ("UNKNOWN_KEY", "GATEWAY_LOG_LEVL"), ("UNKNOWN_KEY", "planet")} <= (
        codes
    )


@pytest.mark.parametrize(
    ("line", "code", "near"),
    [
        ('day_time_zone = "Europe/Lodnon"', "UNKNOWN_NAME", "Europe/London"),
        ('day_time_zone = "../etc/passwd"', "BAD_NAME", ""),
        ('day_ends_at = "24:00"', "BAD_NAME", ""),
        ('day_ends_at = "9:00"', "BAD_NAME", ""),
    ],
)
def test_an_end_of_day_that_never_comes_is_named(
    tmp_path: Path, line: str, code: str, near: str
) -> None:
    (fault,) = faults_of(tmp_path, GOOD.replace("[gateway]", f"[gateway]\n{line}"))
    assert (fault.code, fault.path, fault.nearest) == (
        code,
        f"gateway.{line[: line.index(' ')]}",
        near,
    )
