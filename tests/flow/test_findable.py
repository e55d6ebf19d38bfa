"""Which arguments a handler may have indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from leasehold.core.errors import BadApplication
from leasehold.core.secret import Secret
from leasehold.flow.registry import Registry


def transcribe(episode: str, source: dict[str, str], login: Secret, keys: list[Secret] | None, token: str) -> None:
    """Do nothing."""


def anything(**given: str) -> None:
    """Do nothing."""


def test_declared_arguments_are_kept_once() -> None:
    handler = Registry().add(transcribe, find=["episode", "source.bucket", "episode"])
    assert handler.find == ("episode", "source.bucket")
    assert Registry().add(transcribe).find == ()
    assert Registry().add(anything, find=["colour"]).find == ("colour",)
    assert Registry().add_command("convert", "ffmpeg -i {source}", find=["source"]).find == ("source",)


@pytest.mark.parametrize(
    ("find", "sentence"),
    [
        (["epsiode"], "has no argument 'epsiode', which find= names. Did you mean 'episode'?"),
        (["colour"], "has no argument 'colour', which find= names. It takes: episode, source"),
        ("episode", "has find='episode': give a list of up to 8 argument names"),
        (["episode"] * 9, "give a list of up to 8 argument names"),
        (["login"], "has find= with 'login', which is shown to nobody"),
        (["keys"], "has find= with 'keys', which is shown to nobody"),
        (["token"], "has find= with 'token', which is shown to nobody"),
        (["source.password"], "has find= with 'source.password', which is shown to nobody"),
        (["source..bucket"], "args.source..bucket names no argument"),
    ],
)
def test_what_cannot_be_found_is_refused_at_once(find: Sequence[str], sentence: str) -> None:
    with pytest.raises(BadApplication) as refused:
        Registry().add(transcribe, find=find)
    assert sentence in str(refused.value)


def test_hints_that_are_no_text_are_looked_at_too() -> None:
    function: Callable[..., object] = lambda login: login  # noqa: E731 - its hints are set below
    function.__annotations__ = {"login": list[Secret] | None}
    with pytest.raises(BadApplication, match="is shown to nobody"):
        Registry().add(function, name="login", find=["login"])


def test_a_command_is_asked_for_its_placeholders() -> None:
    with pytest.raises(BadApplication, match="has no argument 'target'"):
        Registry().add_command("convert", "ffmpeg -i {source}", find=["target"])
