import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from pydantic import SecretStr, ValidationError
from sqlalchemy import NullPool, make_url

from belgie.alchemy.pool import LoopBoundPool
from belgie.alchemy.postgres import connect_arguments, postgres_url, server_settings
from belgie.alchemy.settings import DatabaseSettings, PostgresSettings
from belgie.alchemy.tls import tls_argument


def _settings(**values: Any) -> PostgresSettings:
    given = {"host": "db.example", "database": "app", "username": "ada", "password": "p@ss", **values}
    return PostgresSettings.model_validate(given)


def test_the_engine_has_sqlalchemy_s_url() -> None:
    engine = _settings(port=5433).engine
    assert engine.url == make_url("postgresql+asyncpg://ada:p%40ss@db.example:5433/app")
    assert "p@ss" not in str(engine.url)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"host": "::1"}, "postgresql+asyncpg://ada:p%40ss@[::1]:5432/app"),
        ({"host": "/run/postgresql"}, "postgresql+asyncpg://ada:p%40ss@/app?host=/run/postgresql"),
        ({"host": "a:1,b", "port": 2}, "postgresql+asyncpg://ada:p%40ss@/app?host=a:1&host=b:2"),
        ({"password": ""}, "postgresql+asyncpg://ada@db.example:5432/app"),
    ],
)
def test_every_kind_of_host_has_a_url(values: dict[str, Any], expected: str) -> None:
    assert postgres_url(_settings(**values)) == make_url(expected)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("h", ("h", 5432)),
        ("h:7", ("h", 7)),
        ("::1", ("::1", 5432)),
        ("[::1]:7", ("::1", 7)),
        ("a:1,b,[::1]:3", (["a", "b", "::1"], [1, 5432, 3])),
        ("/run/postgresql", ("/run/postgresql", 5432)),
    ],
)
def test_asyncpg_gets_the_hosts_one_by_one(host: str, expected: Any) -> None:
    arguments = connect_arguments(_settings(host=host))
    assert (arguments["host"], arguments["port"]) == expected


def test_the_pool_is_what_the_settings_say() -> None:
    pool = _settings(pool_size=3, max_overflow=4, pool_timeout=1.5).engine.pool
    assert isinstance(pool, LoopBoundPool)
    assert (pool.size(), pool.timeout()) == (3, 1.5)
    assert pool._max_overflow == 4
    assert pool._recycle == 3600
    assert pool._pre_ping


def test_without_a_pool_every_use_connects() -> None:
    settings = _settings(pool="null")
    assert isinstance(settings.engine.pool, NullPool)
    assert settings.runtime.connections.in_use == 0


def test_behind_a_transaction_pooler_nothing_is_prepared_twice() -> None:
    arguments = connect_arguments(_settings(pool="pgbouncer"))
    assert arguments["statement_cache_size"] == arguments["prepared_statement_cache_size"] == 0
    names = {arguments["prepared_statement_name_func"]() for _ in range(100)}
    assert len(names) == 100
    assert arguments["server_settings"] == {"application_name": "belgie"}


def test_statements_are_cached_unless_told_otherwise() -> None:
    assert connect_arguments(_settings())["statement_cache_size"] == 100
    assert "prepared_statement_name_func" not in connect_arguments(_settings())
    assert connect_arguments(_settings(statement_cache_size=7))["prepared_statement_cache_size"] == 7
    assert "prepared_statement_name_func" in connect_arguments(_settings(statement_cache_size=0))


def test_timeouts_are_in_seconds() -> None:
    arguments = connect_arguments(_settings(connect_timeout=3, command_timeout=None))
    assert (arguments["timeout"], arguments["command_timeout"]) == (3.0, None)
    found = server_settings(_settings(statement_timeout=1.5, lock_timeout=0.0001, idle_in_transaction_timeout=60))
    assert found["statement_timeout"] == "1500ms"
    assert found["lock_timeout"] == "1ms"
    assert found["idle_in_transaction_session_timeout"] == "60000ms"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"password_file": __file__}, "password_file"),
        ({"ssl_root_cert": __file__}, "ssl_root_cert"),
        ({"ssl": "disable", "ssl_cert": __file__}, "ssl_cert"),
        ({"ssl": "verify-ca", "ssl_root_cert": "system"}, "ssl_root_cert"),
        ({"ssl": "require", "ssl_key": __file__}, "ssl_key"),
        ({"pool": "pgbouncer", "statement_cache_size": 10}, "statement_cache_size"),
        ({"pool": "pgbouncer", "search_path": "app"}, "search_path"),
        ({"pool": "pgbouncer", "read_only": True}, "read_only"),
        ({"pool": "pgbouncer", "statement_timeout": 1}, "statement_timeout"),
        ({"pool": "pgbouncer", "options": "-c jit=off"}, "options"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _settings(**values)
    assert [line["loc"] for line in caught.value.errors()] == [(field,)]
    assert f"BELGIE_DATABASE_{field.upper()}" in str(caught.value)


@pytest.mark.parametrize("values", [{"host": "/run/postgresql"}, {"password_file": __file__}])
def test_a_password_is_not_needed_where_something_else_proves_who_asks(values: dict[str, Any]) -> None:
    given = {"host": "h", "database": "d", "username": "u", **values}
    assert PostgresSettings.model_validate(given).password.get_secret_value() == ""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def root_cert(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "root.pem")
    return tmp_path / "root.pem"


def test_the_modes_that_ask_for_nothing_are_asyncpg_s() -> None:
    assert tls_argument(_settings(ssl="disable")) is False
    assert tls_argument(_settings(ssl="prefer")) == "prefer"
    assert tls_argument(_settings(ssl="allow")) == "allow"


@pytest.mark.parametrize(
    ("mode", "with_root", "verify", "hostname"),
    [
        ("require", False, ssl.CERT_NONE, False),
        ("require", True, ssl.CERT_REQUIRED, False),
        ("verify-ca", True, ssl.CERT_REQUIRED, False),
        ("verify-ca", False, ssl.CERT_REQUIRED, False),
        ("verify-full", True, ssl.CERT_REQUIRED, True),
        ("verify-full", False, ssl.CERT_REQUIRED, True),
    ],
)
def test_the_other_modes_verify_as_libpq_does(
    mode: str, root_cert: Path, verify: ssl.VerifyMode, *, with_root: bool, hostname: bool
) -> None:
    context = tls_argument(_settings(ssl=mode, **({"ssl_root_cert": root_cert} if with_root else {})))
    assert isinstance(context, ssl.SSLContext)
    assert (context.verify_mode, context.check_hostname) == (verify, hostname)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    if with_root:
        assert len(context.get_ca_certs()) == 1


def test_the_system_s_certificates_can_be_asked_for() -> None:
    context = tls_argument(_settings(ssl="verify-full", ssl_root_cert="system"))
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname


def test_a_key_may_have_a_password_and_a_wrong_one_never_asks_on_the_terminal(
    authority: trustme.CA, tmp_path: Path
) -> None:
    certificate = authority.issue_cert("ada")
    (tmp_path / "cert.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    given = {"ssl": "require", "ssl_cert": tmp_path / "cert.pem", "ssl_key": tmp_path / "key.pem"}
    assert isinstance(tls_argument(_settings(**given, ssl_key_password="sesame")), ssl.SSLContext)
    for wrong in ({"ssl_key_password": "wrong"}, {}):
        with pytest.raises(ssl.SSLError):
            tls_argument(_settings(**given, **wrong))


def test_a_replica_has_what_the_primary_has_save_for_what_it_says() -> None:
    primary = _settings(port=5433, pool_size=3, replica={"host": "replica.example", "pool_size": 9})
    replica = primary.replica_settings
    assert isinstance(replica, PostgresSettings)
    assert (replica.host, replica.port, replica.pool_size, replica.username) == ("replica.example", 5433, 9, "ada")
    assert replica.password == primary.password
    assert replica.read_only
    assert replica.replica is None
    assert replica.replica_settings is None


def test_a_replica_may_have_another_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    from_file = _settings(replica={"host": "r", "password_file": tmp_path / "secret"}).replica_settings
    assert from_file is not None
    assert (from_file.password, from_file.password_file) == (SecretStr(""), tmp_path / "secret")
    primary = _settings(password="", password_file=tmp_path / "secret", replica="postgresql://bob:own@r:7/app")
    from_url = primary.replica_settings
    assert from_url is not None
    assert (from_url.password, from_url.password_file) == (SecretStr("own"), None)
    assert (from_url.username, from_url.host, from_url.port) == ("bob", "r", 7)


def test_the_environment_describes_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "postgresql://u:p@h/d")
    monkeypatch.setenv("BELGIE_DATABASE_REPLICA__HOST", "r")
    settings = DatabaseSettings()
    assert isinstance(settings, PostgresSettings)
    assert settings.replica_settings is not None
    assert settings.replica_settings.host == "r"
    monkeypatch.delenv("BELGIE_DATABASE_REPLICA__HOST")
    monkeypatch.setenv("BELGIE_DATABASE_REPLICA__URL", "postgresql://v:q@s/e")
    settings = DatabaseSettings()
    assert isinstance(settings, PostgresSettings)
    assert settings.replica_settings is not None
    assert (settings.replica_settings.host, settings.replica_settings.username) == ("s", "v")


def test_without_a_replica_the_runtime_is_its_own() -> None:
    runtime = _settings().runtime
    assert runtime.replica is runtime
    sqlite = DatabaseSettings(type="sqlite", database=":memory:").runtime
    assert sqlite.replica is sqlite
    with_replica = _settings(replica={"host": "r"}).runtime
    assert with_replica.replica is with_replica.replica
    assert with_replica.replica is not with_replica
