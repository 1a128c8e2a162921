"""The real commands, killed by a real SIGKILL: ``kills.py`` in a process of its own, as it forks."""

import os
import subprocess
import sys
from pathlib import Path

from deep import SEED, cases


def test_a_hundred_kills_at_random_moments_lose_nothing(root: Path, own_cache: Path) -> None:
    kills, minutes = cases(100, 5000), cases(3, 30)
    done = subprocess.run(
        [sys.executable, "-m", "faults.kills", f"--kills={kills}", f"--minutes={minutes}", f"--seed={SEED}"],
        env={**os.environ, "PYTHONPATH": str(root / "tests"), "EDGETL_CACHE": str(own_cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing half-written, nothing left behind" in done.stdout
