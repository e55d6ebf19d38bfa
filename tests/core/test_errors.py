import inspect

from leasehold.core import errors


def test_the_tree_in_the_docstring_names_every_error() -> None:
    drawn = errors.__doc__ or ""
    missing = [name for name, found in inspect.getmembers(errors, inspect.isclass) if name not in drawn]
    assert missing == []
    assert all(issubclass(found, errors.LeaseholdError) for _, found in inspect.getmembers(errors, inspect.isclass))


def test_a_recoverable_error_may_say_when_to_try_again() -> None:
    assert errors.Recoverable("busy", after="5m").after == "5m"
    assert str(errors.Recoverable("busy")) == "busy"
    assert errors.Recoverable().after is None


def test_a_stale_edit_tells_what_happened_meanwhile() -> None:
    assert errors.StaleEdit("it has changed", [{"kind": "retried"}]).changes == [{"kind": "retried"}]
    assert errors.StaleEdit("it has changed").changes == ()


def test_a_taken_key_names_its_task_where_it_is_known() -> None:
    assert errors.KeyTaken("taken", "t1").task_id == "t1"
    assert errors.KeyTaken("taken").task_id is None
