"""A program that runs goes over to the next version, and says so."""

import signal
from collections.abc import Callable
from pathlib import Path

from versions import export

import edgetl
from examples.running import Camera, Script

Start = Callable[..., Script]


def test_it_goes_over_to_the_next_version_while_it_runs(start: Start, camera: Camera, tmp_path: Path) -> None:
    store = tmp_path / "store"
    digests = []
    for number in (0, 1):
        digests.append(edgetl.install(export(tmp_path / "exported", number), store).digest)
        edgetl.activate(store)
        if number == 0:
            script = start("follow_updates.py", store, camera.url)
            camera.show("ant")
            assert script.line() == f"{digests[0][:12]} ant"
    assert script.wait_for(f"{digests[1][:12]} bee")[0] == f"now version {digests[1][:12]}"
    script.send(signal.SIGINT)
    assert script.end() == (0, "stopped\n", "")
