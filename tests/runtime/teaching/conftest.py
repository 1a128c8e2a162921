"""A bundle to teach."""

from pathlib import Path

import pytest
import teachable

from edgetl.bundle import Bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """Three classes, with 40 exemplars each."""
    return teachable.write_bundle(tmp_path / "insects.edgetl")
