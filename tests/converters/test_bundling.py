import pytest

from edgetl import limits
from edgetl.converters import bundling
from edgetl.errors import UsageError
from edgetl.wording import is_one_line


def test_labels_that_no_manifest_may_hold_are_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = [f"label number {number}" for number in range(3000)]
    with pytest.raises(UsageError, match=r"3000 labels do not fit .*: set EDGETL_MAX_MANIFEST_BYTES higher"):
        bundling.refuse_too_many_labels(labels)
    bundling.refuse_too_many_labels(labels[:1000])
    monkeypatch.setattr(limits, "current", lambda: limits.Limits(manifest_bytes=200_000))
    bundling.refuse_too_many_labels(labels)


def test_a_kind_that_no_device_can_be_is_refused() -> None:
    bundling.refuse_strange_kinds(["gate", "Pi-4.b_2"])
    for kind in ("", "pi 4", "gate\n", "\udce9", "a" * 65):
        with pytest.raises(UsageError, match="is no kind of a device: give 1 to 64 letters") as caught:
            bundling.refuse_strange_kinds(["gate", kind])
        assert str(caught.value).isprintable()


def test_names_of_folders_layers_and_machines_are_written_as_a_manifest_takes_them() -> None:
    assert bundling._on_one_line("Käfer, Libellen") == "Käfer, Libellen"
    for odd in ("a\nb", "a\u202eb", "a\udce9", "a\x1b[2J", "a\0"):
        assert is_one_line(bundling._on_one_line(odd))
