from typing import Any

import pytest
from pydantic import ValidationError

from belgie.alchemy.settings import DatabaseSettings, PostgresSettings, SqliteSettings
from belgie.alchemy.url import join_host, parse_url, split_host

CANARY = "hunter2-canary"
BASE = {"type": "postgres", "host": "h", "username": "u", "password": "p", "database": "d"}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h/d", BASE),
        ("postgres://u:p@h/d", BASE),
        ("postgresql+asyncpg://u:p@h/d", BASE),
        ("  POSTGRES://u:p@h/d\n", BASE),
        ("postgresql://u:p@h:5433/d", {**BASE, "port": 5433}),
        (
            "postgresql://u%40x:p%40ss%2F%3A%23%25@h/my%20db",
            {**BASE, "username": "u@x", "password": "p@ss/:#%", "database": "my db"},
        ),
        ("postgresql://u:p@[::1]:5433/d", {**BASE, "host": "::1", "port": 5433}),
        ("postgresql://u:p@[2001:db8::7]/d", {**BASE, "host": "2001:db8::7"}),
        ("postgresql://u:p@a,b:5433/d", {**BASE, "host": "a,b:5433"}),
        ("postgresql://u:p@a:1,[::1]:2/d", {**BASE, "host": "a:1,[::1]:2"}),
        ("postgresql://u:p@/d?host=/run/postgresql", {**BASE, "host": "/run/postgresql"}),
        ("postgresql://u:p@%2Frun%2Fpostgresql/d", {**BASE, "host": "/run/postgresql"}),
        ("postgresql://u:p@/d?host=a:1&host=b:2", {**BASE, "host": "a:1,b:2"}),
        ("postgresql://u:p@/d?host=a,b&port=1,2", {**BASE, "host": "a:1,b:2"}),
        ("postgresql://u:p@/d?host=a,b&port=7", {**BASE, "host": "a:7,b:7"}),
        ("postgresql://u:p@h/d?port=7", {**BASE, "port": 7}),
        ("postgresql:///?host=h&user=u&password=p&dbname=d", BASE),
        (
            "postgresql://u:p@h/d?sslmode=verify-full&sslrootcert=/ca.pem",
            {**BASE, "ssl": "verify-full", "ssl_root_cert": "/ca.pem"},
        ),
        ("postgresql://u:p@h/d?ssl=require", {**BASE, "ssl": "require"}),
        ("postgresql://u:p@h/d?ssl=true", {**BASE, "ssl": "verify-full"}),
        (
            "postgresql://u:p@h/d?sslcert=/c&sslkey=/k&sslpassword=s",
            {**BASE, "ssl_cert": "/c", "ssl_key": "/k", "ssl_key_password": "s"},
        ),
        (
            "postgresql://u:p@h/d?connect_timeout=3&application_name=my%20app",
            {**BASE, "connect_timeout": "3", "application_name": "my app"},
        ),
        ("postgresql://u:p@h/d?options=-c%20jit%3Doff", {**BASE, "options": "-c jit=off"}),
        ("postgresql://u:p@h/d?target_session_attrs=read-write", {**BASE, "target_session_attrs": "read-write"}),
        ("postgresql://u:p@h/d?target_session_attrs=", BASE),
        ("postgresql://u:p@h/d?pgbouncer=true", {**BASE, "pool": "pgbouncer"}),
        ("postgresql://u:p@h/d?pgbouncer=false&channel_binding=prefer&gssencmode=disable", BASE),
        ("postgresql://u:p@h/d?client_encoding=UTF8&sslcompression=0&sslsni=1&sslnegotiation=postgres", BASE),
        ("postgresql://u:p@h/d?prepared_statement_cache_size=0", {**BASE, "statement_cache_size": "0"}),
        ("postgresql://u:@h/d", {**BASE, "password": ""}),
        ("postgresql://u@h/d", {key: value for key, value in BASE.items() if key != "password"}),
        ("sqlite://", {"type": "sqlite", "database": ":memory:"}),
        ("sqlite:///", {"type": "sqlite", "database": ":memory:"}),
        ("sqlite:///:memory:", {"type": "sqlite", "database": ":memory:"}),
        ("sqlite:///relative.db", {"type": "sqlite", "database": "relative.db"}),
        ("sqlite+aiosqlite:////absolute/app.db", {"type": "sqlite", "database": "/absolute/app.db"}),
        ("sqlite:///my app#1.db", {"type": "sqlite", "database": "my app#1.db"}),
        ("sqlite:///my%20app.db?busy_timeout=1.5", {"type": "sqlite", "database": "my app.db", "busy_timeout": "1.5"}),
        ("sqlite:////app.db?mode=ro", {"type": "sqlite", "database": "file:/app.db?mode=ro"}),
        ("sqlite:///file:app.db?mode=ro&uri=true", {"type": "sqlite", "database": "file:app.db?mode=ro"}),
        ("sqlite://?cache=shared", {"type": "sqlite", "database": "file::memory:?cache=shared"}),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: dict[str, Any]) -> None:
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://u:{c}@h/d", "must begin with postgresql://"),
        ("postgresql+psycopg://u:{c}@h/d", "must begin with postgresql://"),
        ("host=h password={c}", "must begin with postgresql://"),
        ("postgresql:u:{c}@h/d", "must begin with postgresql://"),
        ("postgresql://u:{c}#1@h/d", "percent-encoded"),
        ("postgresql://u:{c} 1@h/d", "percent-encoded"),
        ("postgresql://u:{c}@1@h/d", "more than one '@'"),
        ("postgresql://u:{c}/1@h/d", "percent-encoded"),
        ("postgresql://u:{c}%ff@h/d", "not UTF-8"),
        ("postgresql://u:{c}@h:0/d", "between 1 and 65535"),
        ("postgresql://u:{c}@h:99999999999999999999/d", "between 1 and 65535"),
        ("postgresql://u:{c}@h:٣/d", "between 1 and 65535"),
        ("postgresql://u:{c}@[::1/d", "brackets"),
        ("postgresql://u:{c}@[::1]x/d", "brackets"),
        ("postgresql://u:{c}@[nonsense:x:y]/d", "a host must be"),
        ("postgresql://u:{c}@a,,b/d", "a host must be"),
        ("postgresql://u:{c}@:5432/d", "a host must be"),
        ("postgresql://u:{c}@/d?host=a,b,c&port=1,2", "different number"),
        ("postgresql://u:{c}@h/d?channel_binding=require", "'channel_binding'"),
        ("postgresql://u:{c}@h/d?gssencmode=require", "'gssencmode'"),
        ("postgresql://u:{c}@h/d?client_encoding=latin1", "'client_encoding'"),
        ("postgresql://u:{c}@h/d?require_auth=scram-sha-256", "remove it"),
        ("postgresql://u:{c}@h/d?passfile=/x", "'passfile'"),
        ("postgresql://u:{c}@h/d?keepalives_idle=30", "'keepalives_idle'"),
        ("postgresql://u:{c}@h/d?service=x", "'service'"),
        ("sqlite://relative.db", "three slashes"),
        ("sqlite:///x.db?nonsense=1", "'nonsense'"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(url: str, expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        DatabaseSettings.from_url(url.format(c=CANARY))
    assert expected in str(caught.value)
    assert "url" in {line["loc"][0] for line in caught.value.errors()}
    assert CANARY not in str(caught.value)
    assert CANARY not in caught.value.json()


def test_a_url_makes_the_settings_of_its_kind() -> None:
    postgres = DatabaseSettings.from_url("postgresql://user:p%40ss@host:5433/db?sslmode=require")
    assert isinstance(postgres, PostgresSettings)
    assert (postgres.host, postgres.port, postgres.database, postgres.username) == ("host", 5433, "db", "user")
    assert (postgres.password.get_secret_value(), postgres.ssl) == ("p@ss", "require")
    sqlite = DatabaseSettings.from_url("sqlite:///app.db")
    assert isinstance(sqlite, SqliteSettings)
    assert sqlite.database == "app.db"
    assert PostgresSettings.from_url("postgresql://u@h/d").host == "h"


def test_a_keyword_beside_a_url_wins() -> None:
    settings = DatabaseSettings.from_url("postgresql://u:p@h/d?pool_size=3", host="other", echo=True, pool_size=4)
    assert isinstance(settings, PostgresSettings)
    assert (settings.host, settings.username, settings.echo, settings.pool_size) == ("other", "u", True, 4)
    assert DatabaseSettings(url="sqlite:///x.db", database="y.db") == DatabaseSettings(type="sqlite", database="y.db")


def test_a_url_of_the_other_kind_is_refused() -> None:
    for make in (
        lambda: PostgresSettings.from_url("sqlite://"),
        lambda: SqliteSettings(url="postgresql://u:p@h/d"),
        lambda: DatabaseSettings(type="sqlite", url="postgresql://u:p@h/d"),
    ):
        with pytest.raises(ValidationError, match="The URL is of another kind"):
            make()


def test_the_environment_s_url_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "postgres://u:p@h/d?pool_size=3")
    for settings in (DatabaseSettings(), DatabaseSettings.model_validate({}), PostgresSettings()):
        assert isinstance(settings, PostgresSettings)
        assert (settings.host, settings.database, settings.pool_size, settings.url) == ("h", "d", 3, None)


def test_a_single_variable_wins_over_the_environment_s_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "postgres://u:p@h/d")
    monkeypatch.setenv("BELGIE_DATABASE_PORT", "7")
    monkeypatch.setenv("BELGIE_DATABASE_PASSWORD", "other")
    settings = DatabaseSettings(database="argument")
    assert isinstance(settings, PostgresSettings)
    assert (settings.host, settings.port, settings.database) == ("h", 7, "argument")
    assert settings.password.get_secret_value() == "other"


def test_an_explicit_url_takes_nothing_from_the_environment_s_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "postgres://env:secret@h/d")
    settings = DatabaseSettings.from_url("postgresql://u@other/d")
    assert isinstance(settings, PostgresSettings)
    assert (settings.host, settings.username, settings.password.get_secret_value()) == ("other", "u", "")


def test_an_explicit_type_ignores_a_url_of_the_other_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "postgres://u:p@h/d")
    assert DatabaseSettings(type="sqlite", database=":memory:").database == ":memory:"
    assert SqliteSettings(database=":memory:").database == ":memory:"


def test_an_empty_url_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "")
    monkeypatch.setenv("BELGIE_DATABASE_DATABASE", "x.db")
    assert type(DatabaseSettings()) is SqliteSettings


def test_a_url_without_a_password_takes_the_variable_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_PASSWORD", "from-the-vault")
    settings = DatabaseSettings.from_url("postgresql://u@h/d")
    assert isinstance(settings, PostgresSettings)
    assert settings.password.get_secret_value() == "from-the-vault"


@pytest.mark.parametrize("missing", ["postgresql://u:p@/d", "postgresql://h/d", "postgresql://u:p@h"])
def test_a_url_may_leave_nothing_out_that_decides_whose_data_it_is(missing: str) -> None:
    with pytest.raises(ValidationError, match="Field required"):
        DatabaseSettings.from_url(missing)


@pytest.mark.parametrize(
    ("host", "port"), [("h", None), ("h", 5), ("::1", 5), ("fe80::1%eth0", None), ("/run/pg", None), ("/run/pg", 5)]
)
def test_a_host_is_joined_as_it_is_split(host: str, port: int | None) -> None:
    assert split_host(join_host(host, port)) == (host, port)
