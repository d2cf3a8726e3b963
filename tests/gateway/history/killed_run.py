"""A program of history that ends itself with SIGKILL at one of its steps, as a power cut would."""

import signal
import subprocess
import sys

_HEAD = """
import os, signal, sys
from pathlib import Path
steps = 0
def step(name):
    global steps
    steps += 1
    if steps == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
places = [Path(each) for each in sys.argv[2:]]
"""


def run_until_killed(body, at, *places):
    """Runs `body`, which knows `places` and tells `step` of each step; the step numbered `at` is
    its last one."""
    words = [sys.executable, "-c", _HEAD + body, str(at), *map(str, places)]
    ended = subprocess.run(words, check=False, timeout=300, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
