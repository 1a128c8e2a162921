import importlib.metadata
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


@pytest.mark.parametrize("name", ["numpy", "pillow", "Pillow", "typing-extensions", "typing_extensions"])
def test_a_version_is_what_importlib_says(name: str) -> None:
    assert extras.version(name) == importlib.metadata.version(name)


def test_what_is_not_installed_has_no_version() -> None:
    assert extras.version("no-such-package-anywhere") is None


def test_a_package_of_the_system_has_a_version_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)  # as apt installs: a file, without a dist-info folder
    (tmp_path / "oldstyle-1.24.2.egg-info").write_text(
        "Metadata-Version: 2.1\nName: oldstyle\nVersion: 1.24.2\n"
    )
    assert extras.version("oldstyle") == "1.24.2"
