"""FIX sessions are killed with SIGKILL at random instants, also while they recover.
GATEWAY_FIX_KILLS times; GATEWAY_CRASH_SEED replays a run."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.crash

KILLS = int(os.environ.get("GATEWAY_FIX_KILLS", "20"))
SEED = int(os.environ.get("GATEWAY_CRASH_SEED", str(time.time_ns() % 1_000_000)))


@pytest.mark.timeout(300 + 10 * KILLS)
def test_a_killed_session_uses_no_number_twice_and_loses_no_message(
    tmp_path: Path, figures: list[str]
) -> None:
    print(f"seed: GATEWAY_CRASH_SEED={SEED}")
    ring = Path("/dev/shm") / f"gateway-test-{os.getpid()}-{secrets.token_hex(4)}"
    driver = Path(__file__).with_name("fix_kill.py")
    command = [sys.executable, str(driver), str(tmp_path / "journal"), str(ring), str(KILLS)]
    try:
        ended = subprocess.run(
            [*command, str(SEED)], capture_output=True, timeout=250 + 10 * KILLS, check=False
        )
    finally:
        shutil.rmtree(ring, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr.decode()[-4000:]
    found = json.loads(ended.stdout)
    assert found["kills"] == KILLS
    assert found["sent"] > KILLS  # two thirds of the lives step before they are killed
    figures.append(f"fix kills={KILLS} seed={SEED} lost=0 used_twice=0 sent={found['sent']}")
