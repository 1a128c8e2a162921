import inspect
import pickle

import pytest

from edgetl import errors

CLASSES = [
    value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__
]


def test_the_tree_on_top_of_the_file_is_the_tree_of_the_classes() -> None:
    drawn = errors.__doc__ or ""
    for error in CLASSES:
        assert error.__name__ in drawn
        builtins = [base.__name__ for base in error.__bases__ if base.__module__ == "builtins"]
        if error is not errors.EdgetlError and builtins:
            assert f"{error.__name__} ({', '.join(builtins)})" in drawn


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_ours_and_survives_the_way_from_a_child_process(
    error: type[errors.EdgetlError],
) -> None:
    raised = pickle.loads(pickle.dumps(error("the value, the rule, the way out")))
    assert isinstance(raised, errors.EdgetlError)
    assert type(raised) is error
    assert str(raised) == "the value, the rule, the way out"


def test_exit_codes_are_those_of_the_commands() -> None:
    codes = {error.__name__: error.exit_code for error in CLASSES if error.exit_code != 1}
    assert codes == {"UsageError": 2, "GateError": 3, "HostKeyError": 4}
