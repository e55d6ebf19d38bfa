"""How queues may be named."""

from __future__ import annotations

import pytest

from leasehold.core.errors import UsageError
from leasehold.core.queues import check_queue, is_queue


@pytest.mark.parametrize("name", ["default", "media_eu-1", "A" * 64, "0"])
def test_letters_digits_and_two_signs_are_a_name(name: str) -> None:
    assert is_queue(name)
    check_queue(name, "handler 'work'")


@pytest.mark.parametrize("name", ["", "A" * 65, "media/eu", "two words", "näme", "media\n"])
def test_all_else_is_refused_with_whose_it_is_and_what_would_do(name: str) -> None:
    assert not is_queue(name)
    with pytest.raises(UsageError, match=r"of handler 'work': no worker could serve it\. Name it in 1 to 64 letters"):
        check_queue(name, "handler 'work'")
