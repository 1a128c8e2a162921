"""Order, bounds, errors and the end of work done on several items at a time; engines that are lent."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgetl.errors import ModelError
from edgetl.runtime.base import AbstractEngine, Images, Outputs
from edgetl.runtime.lending import Engines
from edgetl.runtime.many import in_order

PICTURE = np.zeros((1, 4, 4, 3), np.uint8)


# --- in_order ------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([0.0, 0.001, 0.003]), max_size=12), st.integers(1, 5))
def test_answers_come_in_the_order_of_the_items(pauses: list[float], workers: int) -> None:
    def work(numbered: tuple[int, float]) -> int:
        time.sleep(numbered[1])
        return numbered[0]

    assert list(in_order(enumerate(pauses), work, workers)) == list(range(len(pauses)))


def test_an_answer_does_not_wait_for_an_item_that_has_not_come() -> None:
    more = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        more.wait()
        yield 2

    answers = in_order(items(), lambda item: 10 * item, 4)
    assert next(answers) == 10  # while the second is still waited for
    more.set()
    assert list(answers) == [20]


@pytest.mark.parametrize("workers", [1, 3])
def test_only_so_many_items_are_taken_ahead(workers: int) -> None:
    received = 0
    ahead: list[int] = []
    full = threading.Event()

    def items() -> Iterator[int]:
        for number in range(200):
            ahead.append(number + 1 - received)
            if len(ahead) == 2 * workers:
                full.set()
            yield number

    for _ in in_order(items(), lambda item: item, workers):
        assert full.wait(30)  # although nobody asks for more
        received += 1
    assert received == 200
    # The answer that is handed over at the moment counts as not yet received.
    assert max(ahead) <= 2 * workers + 1


def test_what_work_raises_stands_in_the_place_of_its_answer() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise LookupError("three")
        return item

    answers = in_order(range(10), work, 4)
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(LookupError, match="three"):
        next(answers)
    assert list(answers) == []


@pytest.mark.parametrize("kind", [LookupError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_what_items_raise_comes_after_the_answers_before_it(kind: type[BaseException]) -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise kind

    answers = in_order(items(), lambda item: item, 3)
    assert [next(answers), next(answers)] == [1, 2]
    with pytest.raises(kind):
        next(answers)


def test_work_may_end_the_program() -> None:
    with pytest.raises(SystemExit):
        list(in_order([1], sys.exit, 2))


def test_closed_early_it_takes_no_more_and_waits_for_what_is_under_way() -> None:
    taken: list[int] = []
    began, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    def work(item: int) -> int:
        if item == 1:
            began.set()
            time.sleep(0.1)
            ended.set()
        return item

    answers = in_order(items(), work, 2)
    assert next(answers) == 0
    assert began.wait(30)
    answers.close()
    assert ended.is_set()
    count = len(taken)
    assert count < 10
    assert list(answers) == []
    assert len(taken) == count


def test_closed_early_it_does_not_wait_for_an_item() -> None:
    never = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        never.wait()

    answers = in_order(items(), lambda item: item, 2)
    assert next(answers) == 1
    answers.close()
    never.set()


def test_with_too_few_threads_those_that_start_do_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    left = [2]

    def start_or_not(thread: threading.Thread) -> None:
        if not left[0]:
            raise RuntimeError("can't start new thread")
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_or_not)
    assert list(in_order(range(20), lambda item: item, 8)) == list(range(20))
    with pytest.raises(MemoryError, match="no thread can be started"):
        list(in_order(range(20), lambda item: item, 8))


def ends(code: str) -> subprocess.CompletedProcess[str]:
    """What a program prints that ends without closing anything."""
    given = "import threading, time\nfrom edgetl.runtime.many import in_order\n"
    done = subprocess.run(
        [sys.executable, "-c", given + code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stderr == ""
    assert done.returncode == 0
    return done


def test_the_end_of_the_program_waits_for_what_is_under_way() -> None:
    # A thread that is inside an engine then would abort the process as it comes back.
    done = ends(
        "began = threading.Event()\n"
        "def work(item):\n"
        "    if item:\n"
        "        began.set(); time.sleep(0.2); print('ended', flush=True)\n"
        "answers = in_order(range(2), work, 2)\n"
        "next(answers); began.wait()\n"
    )
    assert done.stdout == "ended\n"


def test_the_end_of_the_program_does_not_wait_for_an_item() -> None:
    done = ends(
        "def items():\n"
        "    yield 1\n"
        "    threading.Event().wait()\n"
        "answers = in_order(items(), print, 2)\n"
        "next(answers)\n"
    )
    assert done.stdout == "1\n"


# --- Engines -------------------------------------------------------------------------------------


class Meeting(AbstractEngine):
    """Runs only when so many others run at the same time."""

    name = "fake"
    started: list["Meeting"]
    barrier: threading.Barrier

    def _load(self, files: Mapping[str, bytes]) -> None:
        self.input_shape = (4, 4, 3)
        self.started.append(self)

    def _run_one(self, image: Images) -> Outputs:
        self.barrier.wait(30)
        return (np.zeros((1, 2), np.float32),)

    def _free(self) -> None:
        pass


class Shared(Meeting):
    runs_in_parallel = True


@pytest.fixture(params=[Meeting, Shared])
def kind(request: pytest.FixtureRequest) -> type[Meeting]:
    kind: type[Meeting] = request.param
    kind.started, kind.barrier = [], threading.Barrier(1)
    return kind


def run_at_once(engines: Engines, callers: int) -> None:
    threads = [threading.Thread(target=engines.run, args=(PICTURE,)) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_as_many_engines_are_started_as_run_at_the_same_time(kind: type[Meeting]) -> None:
    engines = Engines(lambda: kind({}, num_threads=1))
    engines.allow(4)
    assert kind.started == []
    for _ in range(5):
        engines.run(PICTURE)
    assert len(kind.started) == 1
    kind.barrier = threading.Barrier(3)
    run_at_once(engines, 3)
    assert len(kind.started) == (1 if kind.runs_in_parallel else 3)
    engines.close()


def test_more_callers_than_allowed_take_turns(kind: type[Meeting]) -> None:
    engines = Engines(lambda: kind({}, num_threads=1))
    engines.allow(2)
    engines.allow(1)  # of another call: nothing is taken back
    kind.barrier = threading.Barrier(2)
    run_at_once(engines, 8)
    assert len(kind.started) == (1 if kind.runs_in_parallel else 2)
    engines.close()


def test_closed_engines_run_nothing_and_no_other_is_started(kind: type[Meeting]) -> None:
    engines = Engines(lambda: kind({}, num_threads=1))
    engines.allow(2)
    engines.run(PICTURE)
    engines.close()
    for _ in range(3):
        with pytest.raises(ModelError, match="the model is closed"):
            engines.run(PICTURE)
    engines.allow(5)
    with pytest.raises(ModelError, match="the model is closed"):
        engines.run(PICTURE)
    assert len(kind.started) == 1


def test_an_engine_that_does_not_start_leaves_its_place(kind: type[Meeting]) -> None:
    failures = [ModelError("no memory"), ModelError("no memory")]

    def start() -> AbstractEngine:
        if failures:
            raise failures.pop()
        return kind({}, num_threads=1)

    engines = Engines(start)
    engines.allow(1)
    for _ in range(2):
        with pytest.raises(ModelError, match="no memory"):
            engines.run(PICTURE)
    (answer,) = engines.run(PICTURE)
    assert answer.shape == (1, 2)
    engines.close()


def test_where_no_further_engine_starts_those_that_run_do_the_work() -> None:
    Meeting.started, Meeting.barrier = [], threading.Barrier(1)

    def start() -> AbstractEngine:
        if len(Meeting.started) == 2:
            raise ModelError("no memory")
        return Meeting({}, num_threads=1)

    engines = Engines(start)
    engines.allow(6)
    Meeting.barrier = threading.Barrier(2)
    run_at_once(engines, 12)  # two at a time, or the barrier breaks
    assert len(Meeting.started) == 2
    assert not Meeting.barrier.broken
    engines.close()
