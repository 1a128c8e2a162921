"""The ladder tries the fastest first, stops at the first that is good enough, and says what each cost."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.converters import ladder
from edgetl.converters.aware.fit import Fitted
from edgetl.converters.formats import FORMATS, Format
from edgetl.converters.ladder import MOST_FLOAT_MACS, climb, worst_layers
from edgetl.converters.request import Recipe
from edgetl.converters.results import Equalised, LayerError
from edgetl.converters.workshop import Attempt, Base, Workshop
from edgetl.errors import ConversionError
from edgetl.manifest import Arithmetic, FileEntry, Interval, Score, Variant
from edgetl.progress import Progress

BASE, EVEN = (Base(Path(name), Path(name), None) for name in ("model.keras", "equalised.keras"))
TRAINED = BASE.with_tuned(Path("tuned"))


def layer(index: int, error: float, macs: int) -> LayerError:
    return LayerError(index, f"conv{index}", "Conv", (8, 4, 3, 3), macs, error)


# Layer 2 makes half of the error, 5 a quarter, 1 a sixth; each is a twentieth of the work or less.
ERRORS = (
    layer(0, 0.01, 4000),
    layer(1, 0.16, 300),
    layer(2, 0.50, 500),
    layer(3, 0.04, 4000),
    layer(4, 0.04, 800),
    layer(5, 0.25, 100),
)


class Notes(Progress):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, text: str) -> None:
        self.said.append(text)


@dataclass
class Photos:
    photos: Sequence[int] = tuple(range(40))


Answer = float | str | ConversionError
"""A drop in points, why it was not scored, or why it could not be made."""
Key = tuple[str, str, int]
"""Precision, what is special and the number of layers in float."""


def key(precision: str, base: Base, recipe: Recipe) -> Key:
    kind = "equalised" if base is EVEN else "trained" if base is TRAINED else recipe.ranges
    return precision, kind, len(recipe.float_layers)


@dataclass
class Shop:
    """Stands for the workshop: each rung's outcome is written down beforehand."""

    answers: Mapping[Key, Answer] = field(default_factory=dict)
    other: Answer = 5.0
    errors: Callable[[], tuple[LayerError, ...]] = lambda: ERRORS
    even: Callable[[], tuple[Base, Equalised] | None] = lambda: (EVEN, Equalised(12, 7.5))
    calibrating: Photos = field(default_factory=Photos)
    progress: Notes = field(default_factory=Notes)
    asked: list[Key] = field(default_factory=list)
    recipes: list[Recipe] = field(default_factory=list)
    raced: dict[str, bool] = field(default_factory=dict)
    measured: list[Base] = field(default_factory=list)
    quantize_aware: bool = False
    fitted: Callable[[], Fitted | None] = lambda: Fitted(TRAINED, "trained", np.zeros((1, 2), np.float32))

    def make(
        self,
        format_: Format,
        precision: str,
        base: Base,
        recipe: Recipe,
        words: str,
        *,
        faster_than_float: bool = False,
    ) -> Attempt | str:
        place = key(precision, base, recipe)
        self.asked.append(place)
        self.recipes.append(recipe)
        self.raced[precision] = faster_than_float
        answer = self.answers.get(place, self.other)
        if isinstance(answer, ConversionError):
            raise answer
        if isinstance(answer, str):
            return answer
        return attempt(format_, precision, base, recipe, words, answer)

    def equalised(self, formats: Sequence[str]) -> tuple[Base, Equalised] | None:
        assert tuple(formats) == ("tflite", "onnx")
        return self.even()

    def trained(self, base: Base, formats: Sequence[str]) -> Fitted | None:
        assert tuple(formats) == ("tflite", "onnx")
        return self.fitted()

    def layer_errors(self, base: Base) -> tuple[LayerError, ...]:
        self.measured.append(base)
        return self.errors()


def attempt(format_: Format, precision: str, base: Base, recipe: Recipe, words: str, drop: float) -> Attempt:
    name = f"{format_.name}-{precision}"
    score = Score("test", 100, Interval(0.9, 0.8, 0.95), Interval(drop, drop - 1, drop + 1), 0.97)
    variant = Variant(
        name,
        format_.name,
        precision,
        (FileEntry("model", "0" * 64, 4_000_000),),
        score,
        0.1,
        words,
        Arithmetic(precision, 0.9, 0.95, ()),
    )
    reason = f"{name} loses {drop:.1f} points" if drop > 1 else None
    outputs = np.zeros((1, 2), np.float32)
    return Attempt(variant, Path("out"), outputs, 3.0, {}, reason, None, base, recipe)


def climbed(shop: Shop, format_: str = "tflite") -> Attempt:
    return climb(FORMATS[format_], cast(Workshop, shop), BASE, ("tflite", "onnx"))


IN_INT8: list[Key] = [
    ("int8", "extremes", 0),
    ("int8", "averaged", 0),
    ("int8", "equalised", 0),
    ("int8", "extremes", 1),
    ("int8", "extremes", 2),
    ("int8", "extremes", 3),
]


@pytest.mark.parametrize(
    ("format_", "last"),
    [
        ("tflite", [("int16x8", "extremes", 0), ("float16", "extremes", 0)]),
        ("onnx", [("dynamic", "extremes", 0), ("float16", "extremes", 0)]),
        ("openvino", [("float16", "extremes", 0)]),
    ],
)
def test_rungs_go_from_int8_to_half_precision(format_: str, last: list[Key]) -> None:
    shop = Shop()
    climbed(shop, format_)
    assert shop.asked == [*IN_INT8, *last]


def test_int8_that_is_good_enough_ends_the_climb_without_a_word() -> None:
    shop = Shop(other=0.3)
    best = climbed(shop)
    assert best.variant.name == "tflite-int8"
    assert best.recipe == Recipe()
    assert shop.asked == IN_INT8[:1]
    assert shop.progress.said == []
    assert shop.measured == []


@pytest.mark.parametrize("last", range(1, 6))
def test_the_climb_stops_at_the_first_rung_that_fits(last: int) -> None:
    shop = Shop({IN_INT8[last]: 0.4})
    best = climbed(shop)
    assert shop.asked == IN_INT8[: last + 1]
    assert best.reason is None
    assert key("int8", best.base, best.recipe) == IN_INT8[last]
    assert shop.progress.said[-1].endswith(": good enough")
    assert sum("over the limit" in note for note in shop.progress.said) == last


def test_each_rung_tells_its_number_its_drop_and_its_cost() -> None:
    shop = Shop({IN_INT8[1]: 0.4})
    climbed(shop)
    cost = "agreement 97.0 %, 4.00 MB, 95.0 % of the multiply-accumulates in int8, 3.00 s"
    assert shop.progress.said == [
        (
            f"tflite rung 1: int8, every layer: drop +5.0 points (+4.0 to +6.0), {cost}: over the limit, "
            "tflite-int8 loses 5.0 points"
        ),
        (
            f"tflite rung 2: int8, ranges averaged over 40 photos: drop +0.4 points (-0.6 to +1.4), {cost}: "
            "good enough"
        ),
    ]


def test_ranges_are_averaged_over_all_calibration_photos() -> None:
    shop = Shop(calibrating=Photos(range(333)))
    climbed(shop)
    assert shop.recipes[1] == Recipe(ranges="averaged", pictures=333)


def test_the_layers_left_in_float_are_named_with_their_share_of_error_and_work() -> None:
    shop = Shop()
    climbed(shop)
    (first, *_) = [note for note in shop.progress.said if "in float, " in note]
    assert first == (
        "tflite: in float, layer 2 (Conv 8 x 4 x 3 x 3): 50.0 % of the error, "
        "5.2 % of the multiply-accumulates"
    )
    assert [sorted(recipe.float_layers) for recipe in shop.recipes[3:6]] == [[2], [2, 5], [1, 2, 5]]
    assert any("1 of 6 layers in float: drop" in note for note in shop.progress.said)


def test_layers_go_to_float_in_the_best_int8_so_far() -> None:
    shop = Shop({IN_INT8[1]: 2.0})
    climbed(shop)
    assert shop.asked[3] == ("int8", "averaged", 1)
    assert shop.recipes[3] == Recipe(ranges="averaged", pictures=40, float_layers=frozenset({2}))
    assert any(
        "int8, ranges averaged over 40 photos; 1 of 6 layers in float" in note for note in shop.progress.said
    )
    assert shop.measured == [BASE]


def test_layers_are_measured_in_the_equalised_model_where_that_is_the_best() -> None:
    shop = Shop({IN_INT8[2]: 2.0})
    climbed(shop)
    assert shop.measured == [EVEN]
    assert shop.asked[3:6] == [("int8", "equalised", count) for count in (1, 2, 3)]


def test_a_model_without_channels_to_equalise_leaves_that_rung_out_and_says_so() -> None:
    shop = Shop(even=lambda: None)
    climbed(shop)
    assert ("int8", "equalised", 0) not in shop.asked
    assert "tflite: no channels to equalise, that rung is left out" in shop.progress.said


def test_a_rung_that_cannot_be_made_is_told_and_passed() -> None:
    shop = Shop({IN_INT8[0]: ConversionError("no such kernel"), IN_INT8[1]: 0.2})
    best = climbed(shop)
    assert best.recipe.ranges == "averaged"
    assert shop.progress.said[0] == "tflite rung 1: int8, every layer: not possible (no such kernel)"


def test_without_any_int8_no_layers_are_measured() -> None:
    broken = ConversionError("int8 is broken")
    shop = Shop(dict.fromkeys(IN_INT8, broken))
    climbed(shop)
    assert shop.measured == []
    assert shop.asked == [*IN_INT8[:3], ("int16x8", "extremes", 0), ("float16", "extremes", 0)]


def test_a_rung_slower_than_float32_is_told_and_passed() -> None:
    slow = "not scored: 30.0 ms a picture here, and float32 takes 9.00 ms"
    shop = Shop({("int16x8", "extremes", 0): slow, ("float16", "extremes", 0): 0.0})
    best = climbed(shop)
    assert best.variant.precision == "float16"
    assert f"tflite rung 7: int16x8, every layer: {slow}" in shop.progress.said


def test_only_rungs_that_may_be_slow_race_with_float32() -> None:
    tflite, onnx = Shop(), Shop()
    climbed(tflite)
    climbed(onnx, "onnx")
    assert tflite.raced == {"int8": False, "int16x8": True, "float16": False}
    assert onnx.raced == {"int8": False, "dynamic": True, "float16": False}


def test_where_nothing_fits_the_smallest_drop_is_given_with_its_reason() -> None:
    shop = Shop({IN_INT8[4]: 1.5})
    best = climbed(shop)
    assert len(shop.asked) == 8
    assert len(best.recipe.float_layers) == 2
    assert best.reason == "tflite-int8 loses 1.5 points"


def test_among_equal_drops_the_largest_agreement_is_the_best() -> None:
    made = [attempt(FORMATS["onnx"], "int8", BASE, Recipe(), str(share), 3.0) for share in (0.5, 0.8, 0.6)]
    scores = [replace(cast(Score, item.variant.score), agreement=float(item.variant.recipe)) for item in made]
    scored = [
        replace(item, variant=replace(item.variant, score=score))
        for item, score in zip(made, scores, strict=True)
    ]
    assert ladder._best(scored).variant.recipe == "0.8"


def test_where_nothing_can_be_made_it_says_so() -> None:
    shop = Shop(other=ConversionError("broken"))
    with pytest.raises(ConversionError, match=r"no rung of the ladder could be made for onnx; add --debug"):
        climbed(shop, "onnx")


def broken() -> Any:
    raise ConversionError("its process was ended by SIGKILL")


def test_a_model_that_cannot_be_equalised_climbs_on() -> None:
    shop = Shop({("float16", "extremes", 0): 0.0}, even=broken)
    assert climbed(shop).variant.precision == "float16"
    assert ("int8", "extremes", 3) in shop.asked
    assert any("equalis" in note and "SIGKILL" in note for note in shop.progress.said)


def test_a_model_whose_layers_cannot_be_measured_climbs_on() -> None:
    shop = Shop({("float16", "extremes", 0): 0.0}, errors=broken)
    assert climbed(shop).variant.precision == "float16"
    assert any("layers" in note and "SIGKILL" in note for note in shop.progress.said)


TRAINED_INT8: Key = ("int8", "trained", 0)


def test_int8_is_trained_behind_all_that_needs_no_training_and_before_any_layer_goes_to_float() -> None:
    shop = Shop(quantize_aware=True)
    climbed(shop)
    assert shop.asked[:5] == [*IN_INT8[:3], TRAINED_INT8, IN_INT8[3]]


def test_int8_that_is_good_enough_is_not_trained() -> None:
    shop = Shop({IN_INT8[2]: 0.4}, quantize_aware=True, fitted=broken)
    assert climbed(shop).base is EVEN


def test_the_head_of_a_tflite_file_stays_as_it_was_trained_and_other_formats_solve_theirs() -> None:
    shops = {name: Shop({TRAINED_INT8: 0.4}, quantize_aware=True) for name in ("tflite", "onnx", "openvino")}
    made = {name: climbed(shop, name) for name, shop in shops.items()}
    assert all(attempt.base is TRAINED for attempt in made.values())
    corrected = {name: attempt.recipe.correct_head for name, attempt in made.items()}
    assert corrected == {"tflite": False, "onnx": True, "openvino": True}


def test_it_is_said_how_much_a_trained_file_is_what_was_simulated() -> None:
    shop = Shop({TRAINED_INT8: 0.4}, quantize_aware=True)
    climbed(shop)
    said = "the file answers as it was trained to on 1 of 1 photos, its probabilities within 0"
    assert f"tflite rung 4: int8, trained: {said}" in shop.progress.said


@pytest.mark.parametrize("fitted", [lambda: None, broken])
def test_training_that_fails_or_gains_nothing_is_told_and_passed(fitted: Callable[[], Fitted | None]) -> None:
    shop = Shop(quantize_aware=True, fitted=fitted)
    climbed(shop)
    assert shop.asked[:4] == IN_INT8[:4]
    assert any("gained nothing" in note or "SIGKILL" in note for note in shop.progress.said)


@pytest.mark.parametrize(("drop", "base"), [(0.4, TRAINED), (7.0, BASE)])
def test_of_int8_alone_the_better_is_kept(drop: float, base: Base) -> None:
    shop = Shop({TRAINED_INT8: drop}, quantize_aware=True)
    untrained = attempt(FORMATS["tflite"], "int8", BASE, Recipe(), "every layer", 5.0)
    found = ladder.retrained(FORMATS["tflite"], cast(Workshop, shop), BASE, ("tflite", "onnx"), untrained)
    assert found.base is base


def test_the_worst_layers_come_first_and_stay() -> None:
    groups = [[item.index for item in group] for group in worst_layers(ERRORS)]
    assert groups == [[2], [2, 5], [2, 5, 1]]


def test_a_layer_that_is_most_of_the_work_stays_in_int8() -> None:
    errors = (layer(0, 0.9, 9000), layer(1, 0.06, 500), layer(2, 0.04, 500))
    assert [[item.index for item in group] for group in worst_layers(errors)] == [[1, 2]]


def test_layers_without_error_give_no_rung() -> None:
    assert list(worst_layers([layer(0, 0.0, 10), layer(1, 0.0, 10)])) == []
    assert list(worst_layers([])) == []


@given(st.lists(st.tuples(st.floats(0, 10, allow_subnormal=False), st.integers(1, 10**7)), max_size=30))
def test_groups_grow_within_the_budget_and_none_comes_twice(rows: list[tuple[float, int]]) -> None:
    errors = [layer(index, error, macs) for index, (error, macs) in enumerate(rows)]
    groups = [tuple(item.index for item in group) for group in worst_layers(errors)]
    total = sum(item.macs for item in errors)
    by_index = {item.index: item for item in errors}
    for group in groups:
        assert group
        assert len(set(group)) == len(group)
        assert sum(by_index[index].macs for index in group) <= MOST_FLOAT_MACS * total
        # Whoever stays in int8 though its error is larger would have broken the budget.
        order = [item.index for item in sorted(errors, key=lambda item: -item.error)]
        for place, index in enumerate(order[: order.index(group[-1])]):
            if index not in group:
                before = sum(by_index[other].macs for other in order[:place] if other in group)
                assert before + by_index[index].macs > MOST_FLOAT_MACS * total
    for smaller, larger in itertools.pairwise(groups):
        assert set(smaller) < set(larger)
    assert len(groups) <= len(ladder._EXPLAINED)


def test_matrix_products_are_no_rung_of_their_own() -> None:
    errors = [
        LayerError(0, "head", "Gemm", (2, 64), 100, 0.9),
        LayerError(1, "stem", "Conv", (8, 3, 3, 3), 100, 0.1),
    ]
    padding = [LayerError(2 + n, f"c{n}", "Conv", (8, 8, 3, 3), 1000, 0.0) for n in range(3)]
    assert [[layer.name for layer in chosen] for chosen in worst_layers([*errors, *padding])] == [["stem"]]
