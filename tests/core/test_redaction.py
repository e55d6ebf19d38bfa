"""What nobody is shown: by the name it stands under, by its mark, and wherever it turns up again."""

import json
import pickle

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from leasehold.core.redaction import HIDDEN, Redaction, bytes_without, plain, spelled, without
from leasehold.core.secret import Secret
from leasehold.core.wire import quarantined

USUAL = Redaction()


@pytest.mark.parametrize(
    "name",
    [
        *("password", "Password", "PASSWORD", "db_password", "dbPassword", "DB-PASSWORD", "db password"),
        *("token", "api_token", "apiToken", "secret", "client_secret", "Authorization", "api_key", "API-Key", "apikey"),
        *("aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "private_key", "credentials", "session_cookie", "$secret"),
    ],
)
def test_these_names_hide_what_stands_under_them(name: str) -> None:
    assert USUAL.hides(name)


@pytest.mark.parametrize(
    "name", ["", "source", "token_count", "tokens", "passwords_file", "key", "author", "secretary", "é"]
)
def test_these_do_not(name: str) -> None:
    assert not USUAL.hides(name)


def test_names_can_be_added() -> None:
    assert not USUAL.hides("patient_id")
    assert Redaction(["pin", "patient-id"]).hides("patientId")


def test_a_name_is_one_however_it_is_written() -> None:
    assert {plain(name) for name in ("apiKey", "ApiKey", "api_key", "API-KEY", "api key")} == {"api_key"}


def test_json_is_shown_without_what_is_hidden_and_else_as_it_was_written() -> None:
    assert USUAL.shown('{"source": "a.wav"}') == '{"source": "a.wav"}'
    text = '{"db":{"password":"hunter2","host":"h"},"rows":[{"token":7}],"key":{"$secret":"s3cr3t"},"n":null}'
    assert json.loads(USUAL.shown(text)) == {
        "db": {"password": HIDDEN, "host": "h"},
        "rows": [{"token": HIDDEN}],
        "key": HIDDEN,
        "n": None,
    }


def test_what_should_be_json_and_is_not_is_covered_all_the_same() -> None:
    assert USUAL.shown('{"password":"hunter2",') == '{"password":"***",'


def test_the_values_that_are_hidden_are_found_wherever_they_nest() -> None:
    text = json.dumps(
        {
            "password": "hunter2",
            "token": {"deep": ["abcd", 12345, None, True]},
            "x": [{"$secret": "marked"}],
            "pwd": "abc",
            "open": "open",
        }
    )
    assert USUAL.secrets(text) == ["hunter2", "marked", "12345", "abcd"]


def test_a_value_is_looked_for_as_it_may_be_spelled() -> None:
    secret = 'a"b\n\u00e9'
    found = spelled([secret])
    for text in (secret, repr(secret), json.dumps(secret), json.dumps(secret, ensure_ascii=False)):
        assert without(f"it was {text}!", found) in {f"it was {HIDDEN}!", f"it was '{HIDDEN}'!", f'it was "{HIDDEN}"!'}
        assert HIDDEN.encode() in bytes_without(text.encode(), found)


def test_one_that_is_part_of_another_leaves_nothing_of_it() -> None:
    assert without("abcdefgh abcd", spelled(["abcd", "abcdefgh"])) == f"{HIDDEN} {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password":"hunter2","x":1}', '{"password":"***","x":1}'),
        ('{"args": {"db_password" : "hun\\"ter2", "x": 1', '{"args": {"db_password" : "***", "x": 1'),
        ('{"token":12345,"x":"y"}', '{"token":"***","x":"y"}'),
        ('{"token":"cut in the mid', '{"token":"***"'),
        ('{"$secret":"s"}', '{"$secret":"***"}'),
        ("no JSON at all", "no JSON at all"),
    ],
)
def test_damaged_json_is_covered_as_far_as_one_can_tell(text: str, shown: str) -> None:
    assert USUAL.blurred(text) == shown
    assert quarantined("queue", text, "damaged").body == shown


# --- Secret


class Login(BaseModel):
    user: str
    password: Secret


def test_a_secret_says_nothing_of_itself() -> None:
    secret = Secret("hunter2")
    assert (str(secret), repr(secret), f"{secret}") == ("***", "Secret('***')", "***")
    assert "hunter2" not in repr(Login(user="ann", password=secret))
    assert secret.reveal() == "hunter2"


def test_secrets_are_equal_by_what_they_hold() -> None:
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


def test_no_secret_is_pickled() -> None:
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        pickle.dumps(Secret("a"))


def test_it_travels_under_its_mark_and_is_itself_again() -> None:
    login = TypeAdapter(Login)
    written = login.dump_json(Login(user="ann", password=Secret("hunter2")))
    assert written == b'{"user":"ann","password":{"$secret":"hunter2"}}'
    assert login.validate_json(written).password == Secret("hunter2")
    assert Login.model_validate({"user": "ann", "password": "hunter2"}).password == Secret("hunter2")


@pytest.mark.parametrize("value", [7, None, ["hunter2"], {"$secret": 7}, {"$secret": "x", "y": 1}])
def test_what_is_none_is_refused_without_a_word_of_it(value: object) -> None:
    with pytest.raises(ValidationError, match="a secret is a text"):
        TypeAdapter(Secret).validate_python(value)
