import pytest

from edgetl import limits
from edgetl.converters import bundling
from edgetl.errors import UsageError


def test_labels_that_no_manifest_may_hold_are_refused_before_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = [f"label number {number}" for number in range(3000)]
    with pytest.raises(UsageError, match=r"3000 labels do not fit .*: set EDGETL_MAX_MANIFEST_BYTES higher"):
        bundling.refuse_too_many_labels(labels)
    bundling.refuse_too_many_labels(labels[:1000])
    monkeypatch.setattr(limits, "current", lambda: limits.Limits(manifest_bytes=200_000))
    bundling.refuse_too_many_labels(labels)
