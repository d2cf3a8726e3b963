"""The modules beside this file are importable by name."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

sys.path.insert(0, str(Path(__file__).parent))


def pytest_asyncio_loop_factories(
    config: Any, item: pytest.Item
) -> dict[str, Callable[[], Any]] | None:
    """Real engines take seconds to start: under one loop only. All else under both."""
    if item.path.name == "test_quickfix_interop.py":
        return {"uvloop": uvloop.new_event_loop}
    return None
