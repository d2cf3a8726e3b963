"""Loopback servers that misbehave on demand, and loops whose time is an argument."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
