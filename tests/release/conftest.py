"""edgetl's wheel, built once."""

from pathlib import Path

import build_wheel
import pytest


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout, as ``make wheels`` builds it."""
    return build_wheel.build(root, tmp_path_factory.mktemp("wheel"))
