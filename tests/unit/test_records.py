"""Records that never change: what the type checker holds is not asked here, the rest is."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest

from smtpgate.model import Address
from smtpgate.store.api import Changes


def test_a_record_is_compared_hashed_copied_and_pickled_by_what_it_holds() -> None:
    one, same = Address("Alice", "alice@customer.example"), Address("Alice", "alice@customer.example")
    assert one == same
    assert one is not same
    assert {one: 1}[same] == 1
    assert replace(one, name="Bob") != one
    assert pickle.loads(pickle.dumps(one)) == one
    assert [field.name for field in fields(one)] == list(Address.__slots__)


def test_a_record_takes_no_field_that_it_does_not_have() -> None:
    with pytest.raises(AttributeError):
        Changes().outcome = "held"  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        Changes(outcome="held")  # type: ignore[call-arg]
