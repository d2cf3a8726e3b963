"""`__all__` is honest: it exists, every name in it exists, and nothing public is left out."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PUBLIC = ("api", "transport", "matching", "testing", "config", "process", "logs")
NATIVE_DOORS = {"matching", "transport"}  # Need the native part to be imported.


def public_modules() -> list[Path]:
    """Every module of the public rooms."""
    found = []
    for room in PUBLIC:
        found += [ROOT / "gateway" / f"{room}.py", *(ROOT / "gateway" / room).rglob("*.py")]
    return sorted(path for path in found if path.is_file())


def listed(tree: ast.Module) -> list[str] | None:
    """The names of `__all__`, None when the module has none."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return None


def bound(tree: ast.Module) -> set[str]:
    """Every name a module binds at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("path", public_modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_public_module_lists_what_exists(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = listed(tree)
    assert names is not None, f"{path} has no __all__"
    assert len(names) == len(set(names))
    assert set(names) <= bound(tree), sorted(set(names) - bound(tree))


def test_the_contract_offers_what_it_lists() -> None:
    for name in ("gateway.api", "gateway.config", "gateway.process", "gateway.logs"):
        module = importlib.import_module(name)
        for public in module.__all__:
            assert hasattr(module, public), f"{name}.{public}"


def test_what_the_contract_defines_is_listed() -> None:
    """In gateway.api a class without underscore is public, so leaving it out is a mistake."""
    for path in sorted((ROOT / "gateway" / "api").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        kinds = (ast.ClassDef, ast.FunctionDef)
        defined = {node.name for node in tree.body if isinstance(node, kinds)}
        public = {name for name in defined if not name.startswith("_")}
        assert public <= set(listed(tree) or []), path


def test_every_message_of_the_contract_is_offered_at_its_door() -> None:
    door = set(importlib.import_module("gateway.api").__all__)
    messages = importlib.import_module("gateway.api.messages")
    reports = {name for name in messages.__all__ if name.endswith(("Report", "Request"))}
    assert reports <= door
