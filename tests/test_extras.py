from pathlib import Path

import pytest

from edgetl import extras
from edgetl.errors import MissingPackageError


def test_an_installed_package_is_loaded() -> None:
    assert extras.load("json.decoder", extra="none", purpose="reading").JSONDecoder
    assert extras.is_installed("json")
    assert extras.version("numpy")


def test_a_missing_package_names_the_extra_that_installs_it() -> None:
    with pytest.raises(
        MissingPackageError, match=r"^running \.onnx files needs not_there: pip install 'edgetl\[onnx\]'$"
    ) as caught:
        extras.load("not_there.deeper", extra="onnx", purpose="running .onnx files")
    assert caught.value.name == "not_there"
    assert isinstance(caught.value, ImportError)
    assert not extras.is_installed("not_there.deeper")
    assert extras.version("not-there") is None


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("import missing_dependency_of_it", ModuleNotFoundError, "missing_dependency_of_it"),
        ("raise ImportError('libfoo.so.1: cannot open')", ImportError, r"libfoo\.so\.1"),
        ("raise RuntimeError('numpy is too new')", RuntimeError, "numpy is too new"),
    ],
)
def test_a_broken_package_shows_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "broken_package.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(error, match=words) as caught:
        extras.load("broken_package", extra="onnx", purpose="running .onnx files")
    assert not isinstance(caught.value, MissingPackageError)
    assert extras.is_installed("broken_package")
