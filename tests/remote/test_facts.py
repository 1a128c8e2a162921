import pytest

from edgetl.errors import DeviceError
from edgetl.remote.answers import Python
from edgetl.remote.facts import Wanted, check_room, choose_python

WANTED = Wanted(("tflite", "onnx"), room_bytes=20_000_000)
EVERYTHING = ["numpy", "PIL", "click", "ai_edge_litert"]


def python(
    path: str = "python3", version: tuple[int, int, int] = (3, 11, 2), *, modules: list[str], bits: int = 64
) -> Python:
    return Python(path, version, frozenset(modules), bits)


def refusal(*pythons: Python, given: str | None = None) -> str:
    with pytest.raises(DeviceError) as refused:
        choose_python(WANTED, pythons, given)
    return str(refused.value)


def test_the_first_python_that_has_everything_is_taken() -> None:
    bare = python(modules=["numpy"])
    assert choose_python(WANTED, [bare, python("~/edgetl/bin/python", modules=EVERYTHING)], None) == (
        "~/edgetl/bin/python"
    )


def test_one_engine_of_those_that_run_a_variant_is_enough() -> None:
    assert (
        choose_python(WANTED, [python(modules=["numpy", "PIL", "click", "onnxruntime"])], None) == "python3"
    )


def test_an_engine_for_another_format_will_not_do() -> None:
    assert "lacks ai-edge-litert in python3" in refusal(python(modules=["numpy", "PIL", "click", "openvino"]))


def test_a_bundle_for_the_fake_engine_needs_no_library() -> None:
    assert choose_python(Wanted(("fake",), 0), [python(modules=["numpy", "PIL", "click"])], None) == "python3"


SIGNED = Wanted(("tflite",), 0, is_signed=True)


def test_for_a_signed_bundle_a_python_that_checks_signatures_is_preferred_and_not_required() -> None:
    without, having = (
        python(path, modules=[*EVERYTHING, *more]) for path, more in (("a", []), ("b", ["securesystemslib"]))
    )
    assert choose_python(SIGNED, [without, having], None) == "b"
    assert choose_python(SIGNED, [without], None) == "a"
    assert choose_python(WANTED, [without], None) == "a"


def test_the_line_to_type_for_a_signed_bundle_has_what_checks_signatures() -> None:
    assert "securesystemslib" in SIGNED.modules
    with pytest.raises(DeviceError) as refused:
        choose_python(SIGNED, [python(modules=[])], None)
    assert str(refused.value).endswith("click ai-edge-litert securesystemslib")
    checking = python("~/edgetl/bin/python", modules=["numpy", "PIL", "click", "securesystemslib"])
    with pytest.raises(DeviceError) as refused:
        choose_python(SIGNED, [checking], None)
    assert str(refused.value).endswith("pip install ai-edge-litert")


def test_what_is_missing_is_named_with_the_line_that_makes_an_environment() -> None:
    told = refusal(python(modules=["numpy", "PIL"]))
    assert told.startswith("lacks click, ai-edge-litert in python3")
    assert told.endswith(
        "type: python3 -m venv ~/edgetl && "
        "~/edgetl/bin/pip install numpy 'pillow>=10.3,<13' click ai-edge-litert"
    )


def test_an_environment_that_is_there_gets_what_it_lacks() -> None:
    told = refusal(
        python(modules=[]), python("/home/pi/my env/bin/python", modules=["numpy", "PIL", "click"])
    )
    assert told.endswith("type: '/home/pi/my env/bin/python' -m pip install ai-edge-litert")


def test_a_home_folder_is_still_one_in_the_line_to_type() -> None:
    told = refusal(python("~/my venv/bin/python", modules=["numpy", "PIL", "click"]))
    assert told.endswith("type: ~/'my venv/bin/python' -m pip install ai-edge-litert")


def test_a_32_bit_system_is_told_the_engine_that_it_can_have() -> None:
    told = refusal(python("/home/pi/edgetl/bin/python", modules=["numpy", "PIL", "click"], bits=32))
    assert told.endswith("-m pip install tflite-runtime 'numpy<2'")


def test_an_old_python_is_too_old_whatever_it_has() -> None:
    assert refusal(python(version=(3, 9, 2), modules=EVERYTHING)).startswith("has Python 3.9.2 at python3")


def test_a_python_that_does_not_run_is_no_python() -> None:
    assert "no Python that runs at /opt/none" in refusal(Python("/opt/none"), given="/opt/none")


def test_room_is_needed_for_all_that_is_copied() -> None:
    check_room(WANTED, "/var/tmp", 20_000_000)
    with pytest.raises(DeviceError, match=r"has 20\.0 MB free in /var/tmp, and 20\.0 MB are needed"):
        check_room(WANTED, "/var/tmp", 19_999_999)


def test_a_device_that_lets_nobody_write_is_refused() -> None:
    with pytest.raises(DeviceError, match="no folder that can be written"):
        check_room(WANTED, None, 0)


def test_the_modules_looked_for_are_those_of_the_package_and_its_engines() -> None:
    assert WANTED.modules == ("numpy", "PIL", "click", "ai_edge_litert", "tflite_runtime", "onnxruntime")
