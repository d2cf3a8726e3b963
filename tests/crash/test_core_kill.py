"""The core alone is killed with SIGKILL at random instants, also while it recovers.
GATEWAY_CORE_KILLS times; GATEWAY_CRASH_SEED replays a run."""

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

KILLS = int(os.environ.get("GATEWAY_CORE_KILLS", "80"))
SEED = int(os.environ.get("GATEWAY_CRASH_SEED", str(time.time_ns() % 1_000_000)))


@pytest.mark.timeout(300 + 10 * KILLS)
def test_a_killed_core_knows_everything_the_venue_saw(tmp_path: Path, figures: list[str]) -> None:
    print(f"seed: GATEWAY_CRASH_SEED={SEED}")
    ring = Path("/dev/shm") / f"gateway-test-{os.getpid()}-{secrets.token_hex(4)}"
    driver = Path(__file__).with_name("core_kill.py")
    command = [sys.executable, str(driver), str(tmp_path / "journal"), str(ring), str(KILLS)]
    began = time.monotonic()
    try:
        ended = subprocess.run(
            [*command, str(SEED)], capture_output=True, timeout=250 + 10 * KILLS, check=False
        )
    finally:
        shutil.rmtree(ring, ignore_errors=True)
    assert ended.returncode == 0, ended.stderr.decode()[-4000:]
    found = json.loads(ended.stdout)
    assert found["kills"] == KILLS
    assert found["boot"] > KILLS // 2
    # A third of the lives is killed only after a first step: so much has traded on any machine.
    assert found["new"] > found["fill"] > KILLS // 4
    figures.append(
        f"core kills={KILLS} seed={SEED} lost=0 doubled=0 ids_reused=0 journals={found['journals']}"
        f" boots={found['boot']} intents={found['intent']} orders_at_venue={found['new']} "
        f"acknowledged={found['acknowledged']} fills={found['fill']} "
        f"seconds={time.monotonic() - began:.0f}"
    )
