"""The slow models are plain modules of this folder, which importlib mode does not search."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
