"""A fixed piece of work is laid beside the inferences, in its own time and not in theirs."""

from edgetl.benchmarks.running import yardstick


def test_it_is_laid_on_after_every_so_many_seconds_of_inference() -> None:
    infer, told = yardstick.beside(lambda: yardstick.EVERY_S / 2)
    assert [infer() for _ in range(7)] == [yardstick.EVERY_S / 2] * 7
    found = told()
    assert found.after == (2, 4, 6)
    assert len(found.taken_s) == 3
    assert all(0 < seconds < 1 for seconds in found.taken_s)


def test_a_slow_model_has_one_after_each_inference() -> None:
    infer, told = yardstick.beside(lambda: 10 * yardstick.EVERY_S)
    for _ in range(3):
        infer()
    assert told().after == (1, 2, 3)


def test_it_says_what_the_work_is_and_whose() -> None:
    _, told = yardstick.beside(lambda: 0.0)
    assert "48 x 48 float32, numpy " in told().work
    assert told().taken_s == ()
