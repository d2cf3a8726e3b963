"""Documents tell the truth: what the code has is described, and what is described exists."""

import ast
import re
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from msgspec import inspect, structs

from gateway.__main__ import COMMANDS, root
from gateway.commands.codes import COMMAND_CODES
from gateway.commands.explain import explanation
from gateway.config.faults import FAULT_CODES
from gateway.config.fix import CounterpartySettings, FixSchedule
from gateway.config.limits import LimitRow
from gateway.config.settings import Document
from gateway.stream.codes import STREAM_CODES

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFUSALS = ROOT / "core_ext/include/gateway_core/types/refusals.def"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def read(name: str) -> str:
    """A page of docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    """Second-level heading -> what stands below it."""
    parts = re.split(r"^## +(.+)$", text, flags=re.MULTILINE)
    names = [name.strip() for name in parts[1::2]]
    assert len(names) == len(set(names)), "a heading stands twice"
    return dict(zip(names, parts[2::2], strict=True))


def refusals() -> list[tuple[str, ...]]:
    """(number, NAME, http, 103, 102, sentence) of the one table."""
    pattern = r'^X\((\d+), \w+, (\w+), (\d+), (\d+), (\d+), "(.*)"\)'
    return re.findall(pattern, REFUSALS.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_refusal_has_its_section_and_every_section_its_refusal() -> None:
    found = sections(read("reference/refusals.md"))
    assert list(found) == [*(row[1] for row in refusals()), *STREAM_CODES, *COMMAND_CODES]


def test_codes_beyond_the_refusals_are_described_with_sentence_and_advice() -> None:
    found = sections(read("reference/refusals.md"))
    for code, row in (STREAM_CODES | COMMAND_CODES).items():
        assert row.sentence in found[code] and f"What to do: {row.advice}" in found[code], code
    for code, stream in STREAM_CODES.items():
        assert f"The observer answers HTTP {stream.http_status}." in found[code], code


# What says no, and which of its arguments is the code.
SPEAKERS = {"RefusedError": 0, "InputError": 0, "EngineRefusal": 0, "StreamFault": 0, "refuse": 0}
SPEAKERS |= {"CommandFailure": 1, "Fault": 0, "add": 0, "HistoryFault": 0, "ArchiveFault": 0}
SPEAKERS |= {"LegFault": 0}
CODE = re.compile(
    r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+|BUSY|INTERNAL|SYNTAX|CLASH|RANGE|PRECISION|OVERFLOW"
)


def spoken_codes() -> dict[str, str]:
    """Code -> a module that says it, from every call that refuses and every written error body."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "gateway").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            said: list[ast.expr | None] = []
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                place = SPEAKERS.get(called, -1)
                said = node.args[place : place + 1] if place >= 0 else []
            elif isinstance(node, ast.Dict):
                pairs = zip(node.keys, node.values, strict=True)
                said = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "code"]
            for each in said:
                if isinstance(each, ast.Constant) and CODE.fullmatch(str(each.value)):
                    found.setdefault(str(each.value), str(path.relative_to(ROOT)))
    return found


def test_every_code_that_is_spoken_can_be_explained() -> None:
    spoken = spoken_codes()
    assert {"BAD_ENUM", "FOREIGN_ORIGIN", "BAD_FILTER", "NO_JOURNAL", "NOT_RUNNING"} <= set(spoken)
    for code, module in spoken.items():
        try:
            found = explanation(code)
        except click.ClickException:
            pytest.fail(f"{module} says {code}; `gateway explain` does not know it")
        page, _, _ = str(found["page"]).partition("#")
        assert f"{code}" in (ROOT / page).read_text(encoding="utf-8"), code


def test_every_code_of_a_table_is_spoken_somewhere() -> None:
    spoken = set(spoken_codes())
    assert set(STREAM_CODES) | set(COMMAND_CODES) <= spoken


def test_a_refusal_is_described_with_its_sentence_numbers_and_advice() -> None:
    found = sections(read("reference/refusals.md"))
    for number, name, http_status, fix_103, fix_102, sentence in refusals():
        assert sentence in found[name], name
        line = f"Journal {number}, HTTP {http_status}, FIX 103={fix_103} 102={fix_102}."
        assert line in found[name], name
        assert re.search(r"What to do: \S.{15,}", found[name]), name


def bare(kind: Any) -> Any:
    """The type below its description."""
    info = inspect.type_info(kind)
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info


def setting_tables() -> dict[str, type[msgspec.Struct]]:
    """Heading of settings.md -> struct."""
    tables = {}
    for field in structs.fields(Document):
        info = bare(field.type)
        if isinstance(info, inspect.StructType):
            tables[f"[{field.name}]"] = info.cls
        elif isinstance(info.value_type, inspect.StructType):
            tables[f"[{field.name}.NAME]"] = info.value_type.cls
    fix = {"[fix.sessions.NAME]": CounterpartySettings, "[fix.schedule]": FixSchedule}
    return tables | fix | {"limits.toml": LimitRow}


@pytest.mark.parametrize("heading", setting_tables())
def test_every_setting_has_its_row_and_every_row_its_setting(heading: str) -> None:
    text = sections(read("reference/settings.md"))[heading]
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert rows == [field.name for field in structs.fields(setting_tables()[heading])]


def test_a_setting_is_described_with_its_default_and_its_sentence() -> None:
    found = sections(read("reference/settings.md"))
    for heading, struct in setting_tables().items():
        schema = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"]
        for name, field in schema.items():
            row = next(line for line in found[heading].splitlines() if f"| `{name}` |" in line)
            assert field["description"] in row, f"{heading} {name}"
            if isinstance(field.get("default"), str | int):
                default = msgspec.json.encode(field["default"]).decode()
                assert f"| `{default}` |" in row, f"{heading} {name}"


def test_every_configuration_fault_is_described() -> None:
    text = sections(read("reference/settings.md"))["Faults"]
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)) == FAULT_CODES


def command_tree() -> dict[str, click.Command]:
    """Full name -> command, groups included."""
    found: dict[str, click.Command] = {}
    context = click.Context(root)
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": value for inner, value in command.commands.items()}
    return found


def test_every_command_has_its_section_with_its_options() -> None:
    found = sections(read("reference/commands.md"))
    assert [heading.removeprefix("gateway ") for heading in found] == list(command_tree())
    shared = {"--json", "--url", "--key-file", "--config", "--help"}
    for name, command in command_tree().items():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for option in set(parameter.opts) - shared:
                    assert f"`{option}`" in found[f"gateway {name}"], f"{name} {option}"


def test_every_command_can_answer_in_json() -> None:
    for name, command in command_tree().items():
        options = {option for parameter in command.params for option in parameter.opts}
        assert isinstance(command, click.Group) or "--json" in options, name


def examples() -> list[tuple[str, str]]:
    """(page, line) of every shell example that calls the gateway."""
    found = []
    for page in PAGES:
        blocks = re.findall(r"^ *```(?:sh|shell|bash|console)\n(.*?)^ *```", page.read_text(
            encoding="utf-8"), re.MULTILINE | re.DOTALL)  # fmt: skip
        for line in "\n".join(blocks).splitlines():
            words = line.strip().removeprefix("$ ")
            if words.startswith("gateway "):
                found.append((page.name, words))
    return found


def test_shell_examples_call_commands_and_options_that_exist() -> None:
    tree = command_tree()
    assert len(examples()) >= 20
    for page, line in examples():
        words = line.split()[1:]
        name = " ".join(words[:2]) if " ".join(words[:2]) in tree else words[0]
        assert name in tree, f"{page}: {line}"
        options = {option for parameter in tree[name].params for option in parameter.opts}
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= options | {"--help"}, f"{page}: {line}"


def payload_source() -> str:
    """What lays out the payloads of records, the enumeration of their kinds first."""
    record = ROOT / "core_ext/include/gateway_core/record"
    names = ("kinds.hpp", "operation.hpp", "risk_records.hpp", "fix.hpp")
    return "".join((record / name).read_text(encoding="utf-8") for name in names)


def test_every_kind_of_record_has_its_row_in_the_journal_format() -> None:
    source = payload_source()
    kinds = re.findall(r"^  k(\w+) = (\d+),", source.partition("};")[0], re.MULTILINE)
    named = [(number, re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()) for kind, number in kinds]
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| `(\w+)` \|$", read("reference/journal_format.md"), re.MULTILINE
    )
    assert [row[:2] for row in rows] == named
    for _, name, payload in rows:
        assert f"struct {payload} {{" in source, name


def test_every_field_of_a_record_is_printed_by_journal_cat() -> None:
    """Reserved space apart. Blocks that follow an order are printed with it."""
    source = payload_source()
    printer = (ROOT / "core_ext/bindings/decode.cpp").read_text(encoding="utf-8")
    fields = ROOT / "core_ext/include/gateway_core/risk/guard_fields.def"
    guards = fields.read_text(encoding="utf-8")
    guards = re.sub(r"^AMOUNT\((\w+)\)", r"FIELD(\1_e4)", guards, flags=re.MULTILINE)
    guards = re.sub(r"^COUNT\((\w+),.*", r"FIELD(\1)", guards, flags=re.MULTILINE)
    printer = printer.replace('#include "gateway_core/risk/guard_fields.def"', guards)
    blocks = {"LimitFields": "LimitsSet", "GuardFields": "GuardsSet", "OrderConditions": "OrderNew"}
    blocks["CrossNote"] = "OrderFilled"
    structs = re.findall(r"^struct (\w+) \{\n(.*?)^\};", source, re.MULTILINE | re.DOTALL)
    assert len(structs) > 20
    for name, body in structs:
        function = printer.partition(f"const {blocks.get(name, name)}& ")[2].partition("\n}\n")[0]
        assert function, name
        for field in re.findall(r"^  [\w:<>]+ (\w+)(?:\[\w+\])?(?: = \w+)?;", body, re.MULTILINE):
            is_printed = re.search(rf"FIELD\({field}\)|(?:\.|->){field}\b", function)
            assert is_printed or field.startswith("reserved") or field == "fields", (name, field)


def test_names_of_commands_in_text_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`gateway ([a-z][a-z-]*)", page.read_text(encoding="utf-8")):
            assert name in COMMANDS, f"{page.name}: gateway {name}"


def test_every_hook_has_its_section() -> None:
    tree = ast.parse((ROOT / "gateway/api/hookspecs.py").read_text(encoding="utf-8"))
    hooks = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = sections(read("reference/hooks.md"))
    assert list(found) == list(hooks)
    for name, node in hooks.items():
        for argument in node.args.args:
            assert f"`{argument.arg}`" in found[name], f"{name}({argument.arg})"


METRIC_KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}


def metrics() -> set[str]:
    """First argument of every metric that the package makes."""
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[0]
            is_metric = called in METRIC_KINDS or called.endswith("MetricFamily")
            if is_metric and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return found


def test_every_metric_is_described() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert {name for name in metrics() if f"`{name}" not in text} == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_decisions_are_numbered_without_gaps_and_have_four_parts() -> None:
    names = sorted(path.name for path in (DOCS / "decisions").glob("*.md"))
    numbers = [int(name.split("_")[0]) for name in names]
    assert numbers == list(range(1, len(numbers) + 1))
    for name in names:
        text = read(f"decisions/{name}")
        assert text.startswith(f"# {name.split('_')[0]} "), name
        for part in ("problem", "options", "choice", "price"):
            assert re.search(rf"^(?:\*\*|#+ ){part}\b", text, re.MULTILINE | re.IGNORECASE), (
                f"{name} lacks its part {part}"
            )


INDEX = "README.md"  # of docs/: where every page, command and chore is found


def test_every_make_target_that_is_told_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = (ROOT / "README.md").read_text(encoding="utf-8") + read(INDEX)
    targets = re.findall(r"`?make ([a-z-]+)", told)
    assert {"run", "test", "nightly"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"


def test_the_index_names_every_command_and_links_every_page() -> None:
    index = read(INDEX)
    missing = [name for name in COMMANDS if f"`gateway {name}`" not in index]
    assert not missing, f"commands that its table lacks: {missing}"
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")]
    pages = [page for page in pages if page != INDEX and not page.startswith("decisions/")]
    lost = [page for page in sorted(pages) if f"({page})" not in index]
    assert not lost, f"pages that nobody finds from docs/README.md: {lost}"


def test_the_readme_leads_to_the_index() -> None:
    assert "(docs/README.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


UNLINKED_UNTIL = 36  # Older decisions are found by their list alone.


def test_a_decision_is_linked_from_where_it_shows() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    new = [each.name for each in decisions if int(each.name[:4]) > UNLINKED_UNTIL]
    assert new and not [name for name in new if f"/{name})" not in text]
