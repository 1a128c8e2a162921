"""Names beside points."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from edgetl.reports.placing import Box, gap, place

AREA = Box(48, 50, 262, 360)
NAMES = tuple(
    f"{kind}-{precision}"
    for kind in ("tflite", "onnx", "openvino")
    for precision in ("int8", "float32", "mixed")
)
points = st.tuples(st.floats(min_value=48, max_value=310), st.floats(min_value=60, max_value=400))


@given(st.lists(points, min_size=1, max_size=len(NAMES)))
def test_no_name_covers_another_or_leaves_the_picture(spots: list[tuple[float, float]]) -> None:
    boxes = place(NAMES[: len(spots)], spots, 7.5, AREA)
    assert len(boxes) == len(spots)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(box.inside(AREA) for box in boxes)


@given(st.lists(points, min_size=1, max_size=len(NAMES)))
def test_no_name_covers_a_point(spots: list[tuple[float, float]]) -> None:
    boxes = place(NAMES[: len(spots)], spots, 7.5, AREA)
    assert all(gap(spot, box) > 0 for spot, box in itertools.product(spots, boxes))


def test_a_name_that_has_room_stands_beside_its_point() -> None:
    (box,) = place(["tflite-int8"], [(150.0, 200.0)], 7.5, AREA)
    assert 7.5 < gap((150.0, 200.0), box) < 15
