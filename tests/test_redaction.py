"""No part of a password is left, however it is written; what is no secret stays."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenlayer.errors import InputError
from tokenlayer.redaction import (
    MASK,
    is_masked,
    is_secret_key,
    redacted,
    redacted_setting,
    redacted_settings,
    redacted_uri,
)

RESERVED = "/@':?#[]%&+ \"=;,|<>(){}!$*\\~`^.-_"
PARTS = ("Kaza7", "Lumo8", "Miro9")  # none of them occurs in anything else here
KEYS = [
    *("password", "PASSWORD", "pwd", "passwd", "token", "access_token", "api_key", "apikey", "secret", "client_secret"),
    *("access_key", "AWSAccessKeyId", "sig", "X-Amz-Signature", "sslpassword", "SharedAccessKey", "Pass%77ord"),
]
HOSTS = ["db.example.org", "127.0.0.1", "localhost", "[::1]"]


def between(*characters: str) -> st.SearchStrategy[str]:
    """A secret: three parts, with reserved characters before, between and behind them."""
    # A scheme in the middle of a password reads like the next URI.
    some = st.text(st.sampled_from(*characters), max_size=3).filter(lambda text: "://" not in text)
    return st.tuples(some, some, some, some).map(
        lambda signs: "".join(f"{sign}{part}" for sign, part in zip(signs, (*PARTS, ""), strict=True))
    )


raw = between(RESERVED)
encoded = raw.map(lambda text: quote(text, safe=""))
secrets = st.one_of(raw, encoded)
servers = st.builds(
    "{}{}".format,
    st.sampled_from(HOSTS),
    st.sampled_from(["", ":5000", "/runs", ":5432/runs", ":5432/runs?sslmode=require&connect_timeout=3"]),
)
schemes = st.sampled_from(["http", "https", "postgresql", "postgresql+psycopg2", "mysql", "s3", "ftp", "x-1.y"])
prose = st.text(st.sampled_from("abc ,.:;()é字/?&=-'\""), max_size=12).filter(lambda text: "://" not in text)


def hides(text: str) -> None:
    shown = redacted(text)
    assert [part for part in PARTS if part in shown] == []
    assert redacted(shown) == shown


@given(schemes, secrets, secrets, servers, prose, prose)
def test_user_and_password_go_and_the_server_stays(
    scheme: str, user: str, password: str, server: str, before: str, after: str
) -> None:
    uri = f"{scheme}://{user}:{password}@{server}"
    assert redacted_uri(uri) == f"{scheme}://{MASK}@{server}"
    assert redacted_uri(redacted_uri(uri)) == redacted_uri(uri)
    assert redacted_setting(f"tracking.uri={uri}") == f"tracking.uri={scheme}://{MASK}@{server}"
    text = f"{before} {uri} {after}"
    hides(text)
    assert redacted(text).endswith(f"{scheme}://{MASK}@{server} {after}")
    assert redacted(text).startswith(f"{before} ")


@given(schemes, secrets, servers)
def test_a_token_in_the_place_of_a_user_goes(scheme: str, token: str, server: str) -> None:
    hides(f"{scheme}://{token}@{server}")
    hides(f"see {scheme}://{token}@{server} there")
    assert redacted_uri(f"{scheme}://{token}@{server}") == f"{scheme}://{MASK}@{server}"


@given(
    st.lists(st.tuples(schemes, secrets, servers), min_size=2, max_size=4), st.sampled_from([" ", "\n", ", ", "' '"])
)
def test_each_of_several_uris_is_masked_by_itself(uris: list[tuple[str, str, str]], separator: str) -> None:
    text = separator.join(f"{scheme}://me:{password}@{server}" for scheme, password, server in uris)
    hides(text)
    assert redacted(text) == separator.join(f"{scheme}://{MASK}@{server}" for scheme, _, server in uris)


# Raw ones end the value: white space in a text, & before what looks like another key.
in_query = st.one_of(between(RESERVED.replace(" ", "").replace("&", "").replace("=", "")), encoded)


@given(st.sampled_from(KEYS), in_query, servers, prose)
def test_values_of_secret_keys_go(key: str, value: str, server: str, after: str) -> None:
    assume("?" not in server)
    for uri in (f"postgresql://{server}?{key}={value}&sslmode=require", f"sqlite:////a@b/c.db?timeout=3&{key}={value}"):
        before = uri.partition(key)[0]
        hides(f"{uri} {after}")
        assert redacted(f"{uri} {after}").startswith(f"{before}{key}={MASK}")
        assert redacted_uri(uri).startswith(f"{before}{key}={MASK}")
        assert redacted_uri(uri).endswith("&sslmode=require") == uri.endswith("&sslmode=require")


@given(st.sampled_from(KEYS), raw)
def test_a_setting_is_masked_to_its_end(key: str, value: str) -> None:
    assume("=" not in value)
    shown = redacted_uri(f"sqlite:///c.db?{key}={value}")
    assert [part for part in PARTS if part in shown] == []


@given(st.text())
def test_any_text_is_masked_once(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)
    assert redacted_uri(redacted_uri(text)) == redacted_uri(text)


@given(st.text(st.sampled_from("ab:/@?&=*# '\"\n."), max_size=40))
def test_any_text_like_a_uri_is_masked_once(text: str) -> None:
    for near in (text, f"http://{text}", f"uri={text}", f"http://h?token={text}"):
        assert redacted(redacted(near)) == redacted(near)
        assert redacted_uri(redacted_uri(near)) == redacted_uri(near)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:////home/a@b/mlflow.db",
        "http://127.0.0.1:5000/#/experiments/1/runs/2?workflowType=machine_learning",
        "mail a@b.org about http://example.org:80/x?page=2",
        "git@github.com:me/code.git",
        "x[a:b]@y, token=3, token_effects=null, model.max_token_length=5",
        "http://h/?max_tokens=5&design=new",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://me:secret@host:1/db", "postgresql://***@host:1/db"),
        ("https://token@host/x", "https://***@host/x"),
        ("postgresql://me:pw@host/db?password=a@b&x=1", "postgresql://***@host/db?password=***&x=1"),
        ("postgresql://host/db?password=a@b", "postgresql://host/db?password=***"),
        ("me:p/w@host:5432/db", "***@host:5432/db"),
        ("./a@b/mlruns", "./a@b/mlruns"),
        ("http:/me:pw@host", "***@host"),
        ("sqlite://me:pw@host/x", "sqlite://***@host/x"),
    ],
)
def test_uris(uri: str, shown: str) -> None:
    assert redacted_uri(uri) == shown
    assert redacted(f"tracking.uri={uri}") == f"tracking.uri={shown}"
    assert is_masked(shown) == (shown != uri)


def test_settings_are_masked_by_their_keys_too() -> None:
    content = {"tracking": {"uri": "http://me:p w@host", "tags": {"api_key": "abc"}}, "list": ["ftp://a:b@c", 3, None]}
    assert redacted_settings(content) == {
        "tracking": {"uri": "http://***@host", "tags": {"api_key": "***"}},
        "list": ["ftp://***@c", 3, None],
    }
    assert redacted_setting("+dataset.password='a b'") == "+dataset.password=***"
    assert redacted_setting("tracking.uri='http://me:p w@host'") == "tracking.uri='http://***@host'"
    assert redacted_setting("tracking.uri=${oc.env:MLFLOW_TRACKING_URI}") == (
        "tracking.uri=${oc.env:MLFLOW_TRACKING_URI}"
    )
    assert [key for key in ("max_token_length", "token_effects", "design", "seed") if is_secret_key(key)] == []


def test_an_input_error_holds_no_secret() -> None:
    assert str(InputError("nobody at http://me:pw@host:5000")) == "nobody at http://***@host:5000"


def test_what_is_left_is_the_same_server() -> None:
    parts = urlsplit(redacted_uri("postgresql://me:a%2Fb@db.example.org:5432/runs?sslmode=require"))
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("db.example.org", 5432, "/runs", "sslmode=require")
