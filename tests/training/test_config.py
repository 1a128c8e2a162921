"""run.toml says what was asked for, and --config takes it back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import UsageError
from edgetl.training.config import TrainConfig, read_config

_text = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(
    st.builds(
        TrainConfig,
        data=_text,
        backbone=_text,
        size=st.none() | st.integers(32, 1024),
        width=st.floats(0.25, 2.0),
        weights=st.none() | _text,
        seed=st.integers(0, 2**31),
    )
)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, config: TrainConfig) -> None:
    file = tmp_path_factory.mktemp("config") / "run.toml"
    file.write_text(config.to_toml(), encoding="utf-8")
    assert TrainConfig(**read_config(file)) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed = 3", "has the unknown key 'speed': choose data, backbone"),
        ("size = 'large'", "gives size = 'large', which is not a int"),
        ("seed = true", "gives seed = True"),
        ("size = ", "is no TOML file"),
    ],
)
def test_refuses_what_is_no_option(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(file)
    assert message in str(caught.value)
    assert str(file) in str(caught.value)


def test_refuses_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_config(tmp_path / "run.toml")
