"""The walls of the house: sizes, names, opening sentences, and what text never contains."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "gateway", "plugins", "core_ext", "conf", "systemd", "tests", "docs", "benchmarks", ".ci",
)  # fmt: skip
ROOT_FILES = ("README.md", "CHANGELOG.md", "Makefile", "pyproject.toml")
SKIPPED = {"__pycache__", "build", ".venv", "dist", ".hypothesis", "node_modules", "golden"}
CODE = {".py", ".pyi", ".hpp", ".h", ".cpp"}
TEXT = CODE | {".def", ".md", ".toml", ".txt", ".service", ".socket", ".slice", ".conf", ".sh",
               ".html", ".css", ".js", ""}  # fmt: skip

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
BANNED_NOUNS = {"utils", "util", "misc", "common", "base", "manager", "helpers", "helper"}


def files(suffixes: set[str]) -> list[Path]:
    """Every file of the house with one of the suffixes."""
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    found += [ROOT / name for name in ROOT_FILES]
    return sorted(
        path
        for path in found
        if path.is_file()
        and path.suffix in suffixes
        and not SKIPPED & set(path.relative_to(ROOT).parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
    )


def lines_of(path: Path) -> list[str]:
    """The lines of a text file."""
    return path.read_text(encoding="utf-8").splitlines()


def name_of(path: Path) -> str:
    """A path as people say it."""
    return path.relative_to(ROOT).as_posix()


def test_no_file_is_longer_than_its_wall() -> None:
    long = {name_of(path): len(lines_of(path)) for path in files(CODE)}
    assert {name: count for name, count in long.items() if count > FILE_LINES_MAX} == {}


PRAGMA = re.compile(r"\s+# (?:noqa|type: ignore|fmt:).*$")  # Belongs to a tool, not to the reader.


def test_no_line_is_wider_than_its_wall() -> None:
    wide = [
        f"{name_of(path)}:{number}"
        for path in files(CODE | {".toml", ".service", ".conf"})
        if path.name != "pyproject.toml"
        for number, line in enumerate(lines_of(path), start=1)
        if len(PRAGMA.sub("", line)) > COLUMNS_MAX
    ]
    assert wide == []


def python_functions(text: str) -> list[tuple[str, int]]:
    """(name, lines) of every function of a module."""
    return [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


QUIET = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)
DIRECTIVE = re.compile(r"^\s*#[^\n]*(?:\\\n[^\n]*)*", re.MULTILINE)
NOT_FUNCTION = re.compile(r"^\s*(?:namespace|enum|extern)\b|=\s*$")


def cpp_functions(text: str) -> list[tuple[str, int]]:
    """(head, lines) of every function body, found by braces: an outermost block whose head has a
    parameter list and that is neither a namespace, an enumeration nor an initialiser."""
    quiet = text
    for pattern in (QUIET, DIRECTIVE):
        quiet = pattern.sub(lambda match: "\n" * match[0].count("\n"), quiet)
    found: list[tuple[str, int]] = []
    stack: list[tuple[bool, int, str]] = []
    head, line = "", 1
    for letter in quiet:
        line += letter == "\n"
        if letter == "{":
            is_inside = any(is_function for is_function, _, _ in stack)
            is_function = "(" in head and not NOT_FUNCTION.search(head) and not is_inside
            stack.append((is_function, line - head.lstrip().count("\n"), " ".join(head.split())))
            head = ""
        elif letter == "}" and stack:
            is_function, first, name = stack.pop()
            if is_function:
                found.append((name, line - first + 1))
            head = ""
        else:
            head = "" if letter == ";" else head + letter
    return found


def test_no_function_is_longer_than_its_wall() -> None:
    readers = {".py": python_functions, ".cpp": cpp_functions, ".hpp": cpp_functions}
    long = [
        f"{name_of(path)}: {name[:60]} has {count} lines"
        for path in files(set(readers))
        for name, count in readers[path.suffix](path.read_text(encoding="utf-8"))
        if count > FUNCTION_LINES_MAX
    ]
    assert long == []


@pytest.mark.parametrize(
    ("head", "is_function"),
    [
        ("int f(int a) noexcept", True),
        ("template <class T>\nvoid A<T>::g() const", True),
        ("A::A(int b) : b_(b)", True),
        ("struct A", False),
        ("namespace gateway", False),
        ("enum class A : std::uint8_t", False),
        ("constexpr auto kTable =", False),
    ],
)
def test_the_brace_reader_knows_a_function(head: str, is_function: bool) -> None:
    text = "#pragma once\n" + head + " {\n" + '  // a "brace {"\n' * 3 + "}\n"
    assert [count for _, count in cpp_functions(text)] == (
        [5 + head.count("\n")] if is_function else []
    )


def test_a_method_is_found_inside_its_type() -> None:
    text = "namespace a {\nstruct B {\n  int c() {\n    if (x) {\n      y();\n    }\n  }\n};\n}\n"
    assert cpp_functions(text) == [("int c()", 5)]


def test_every_file_is_named_by_a_noun() -> None:
    bad = [
        name_of(path)
        for path in files(CODE)
        if BANNED_NOUNS & set(path.stem.removeprefix("test_").split("_"))
        or BANNED_NOUNS & set(path.relative_to(ROOT).parts[:-1])
    ]
    assert bad == []


def opens_well(path: Path) -> bool:
    """Whether a module says first what it is for."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in {".py", ".pyi"}:
        return bool(ast.get_docstring(ast.parse(text)))
    if path.suffix in CODE | {".def"}:
        return text.startswith(("//", "/*"))
    return text.startswith("#")


def test_every_module_opens_with_what_it_is_for() -> None:
    suffixes = CODE | {".def", ".service", ".socket", ".slice", ".conf"}
    conf = [path for path in files({".toml"}) if path.is_relative_to(ROOT / "conf")]
    assert [name_of(path) for path in files(suffixes) + conf if not opens_well(path)] == []


def joined(*words: str) -> str:
    """A pattern of words that this file itself must not contain."""
    return "".join(words)


BANNED_TEXT = {
    "unfinished work": re.compile(joined(r"\bTO", r"DO\b|\bFIX", r"ME\b|\bXX", r"X\b")),
    "a path of one machine": re.compile(
        joined(r"(?<![\w.])/(?:ho", r"me|wo", r"rk|Us", r"ers|ro", r"ot|wor", r"kspace)/[\w.]")
    ),
    "how the work is done": re.compile(
        joined(r"\bas re", r"quested\b|\bthe br", r"ief\b|\bassis", r"tant\b|language mo", r"del|")
        + joined(r"work", r"tree|\b(?:this|previous|last) ses", r"sion of (?:work|the project)"),
        re.IGNORECASE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", BANNED_TEXT)
def test_text_speaks_of_the_product_alone(kind: str) -> None:
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:80]}"
        for path in files(TEXT)
        for number, line in enumerate(lines_of(path), start=1)
        if BANNED_TEXT[kind].search(line)
    ]
    assert found == []


def test_python_reads_clocks_in_one_place() -> None:
    """Time is an argument: wall clocks are read in process.py; programs and tests pass it on."""
    pattern = re.compile(r"\btime\.(?:time|time_ns)\(|datetime\.now\(|datetime\.utcnow\(")
    above = {"process.py", "__main__.py", "commands", "benchmarks", "testing"}
    found = [
        f"{name_of(path)}:{number}"
        for path in files({".py"})
        if path.is_relative_to(ROOT / "gateway")
        and path.relative_to(ROOT / "gateway").parts[0] not in above
        for number, line in enumerate(lines_of(path), start=1)
        if pattern.search(line)
    ]
    assert found == []
