import copy
import pickle
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, PostgresSettings, SqliteSettings

CANARY = "hunter2-canary"
POSTGRES: dict[str, Any] = {
    "type": "postgres",
    "host": "db.example",
    "database": "app",
    "username": "ada",
    "password": CANARY,
}


class Application(BaseModel):
    database: DatabaseSettings
    debug: bool = False


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Any:
    def give(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"BELGIE_DATABASE_{name}", value)

    return give


def _refused(make: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        make()
    return caught.value


def _everything_said(error: ValidationError) -> str:
    return "".join([str(error), repr(error), str(error.errors()), error.json(), *traceback.format_exception(error)])


def test_the_type_decides_the_class() -> None:
    sqlite = DatabaseSettings(type="sqlite", database="./app.db", echo=True)
    postgres = DatabaseSettings(**POSTGRES)
    assert type(sqlite) is SqliteSettings
    assert (sqlite.database, sqlite.echo, sqlite.enable_foreign_keys) == ("./app.db", True, True)
    assert type(postgres) is PostgresSettings
    assert isinstance(sqlite, DatabaseSettings)
    assert isinstance(postgres, DatabaseSettings)


def test_postgres_has_the_documented_defaults() -> None:
    settings = PostgresSettings(**POSTGRES)
    assert settings.model_dump(include={"port", "pool_size", "max_overflow", "pool_timeout", "pool_recycle"}) == {
        "port": 5432,
        "pool_size": 5,
        "max_overflow": 10,
        "pool_timeout": 30.0,
        "pool_recycle": 3600,
    }
    assert settings.pool_pre_ping
    assert not settings.echo
    assert settings.password.get_secret_value() == CANARY


def test_without_a_type_it_is_sqlite(variables: Any) -> None:
    assert type(DatabaseSettings(database="x.db")) is SqliteSettings
    variables(DATABASE="y.db")
    for settings in (DatabaseSettings(), DatabaseSettings.model_validate({}), SqliteSettings()):
        assert type(settings) is SqliteSettings
        assert settings.database == "y.db"


def test_the_environment_gives_everything(variables: Any) -> None:
    variables(
        TYPE="postgres", HOST="h", PORT="6543", DATABASE="d", USERNAME="u", PASSWORD="p", POOL_SIZE="7", ECHO="true"
    )
    for settings in (DatabaseSettings(), DatabaseSettings.model_validate({}), PostgresSettings()):
        assert type(settings) is PostgresSettings
        assert (settings.host, settings.port, settings.database, settings.username) == ("h", 6543, "d", "u")
        assert (settings.password.get_secret_value(), settings.pool_size, settings.echo) == ("p", 7, True)


def test_another_prefix_reads_other_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_TYPE", "sqlite")
    monkeypatch.setenv("OTHER_DATABASE", "other.db")
    settings = DatabaseSettings(_env_prefix="OTHER_")
    assert isinstance(settings, SqliteSettings)
    assert settings.database == "other.db"
    error = _refused(lambda: DatabaseSettings(type="postgres", _env_prefix="OTHER_"))
    assert "OTHER_HOST" in str(error)


def test_a_file_of_variables_is_read_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("BELGIE_DATABASE_URL=postgresql://u:p@h/d\nBELGIE_DATABASE_PORT=7\nOTHER=1\n")
    settings = DatabaseSettings(_env_file=tmp_path / "prod.env")
    assert isinstance(settings, PostgresSettings)
    assert (settings.host, settings.port) == ("h", 7)


def test_an_argument_beats_the_environment(variables: Any) -> None:
    variables(TYPE="postgres", HOST="h", DATABASE="d", USERNAME="u", PASSWORD="p", ECHO="true")
    settings = DatabaseSettings(host="other", echo=False)
    assert isinstance(settings, PostgresSettings)
    assert (settings.host, settings.echo, settings.username) == ("other", False, "u")
    sqlite = DatabaseSettings(type="sqlite", database=":memory:")
    assert type(sqlite) is SqliteSettings


@pytest.mark.parametrize("name", ["host", "database", "username", "password"])
def test_a_missing_value_names_its_variable(name: str) -> None:
    error = _refused(lambda: DatabaseSettings(**{key: value for key, value in POSTGRES.items() if key != name}))
    assert [line["loc"] for line in error.errors()] == [(name,)]
    assert f"BELGIE_DATABASE_{name.upper()}" in str(error)
    assert "BELGIE_DATABASE_URL" in str(error)


def test_sqlite_without_a_database_names_the_variable() -> None:
    assert "BELGIE_DATABASE_DATABASE" in str(_refused(DatabaseSettings))


@pytest.mark.parametrize("wrong", ["mysql", "", 3, "postgresql://ada:hunter2-canary@h/d"])
def test_another_type_lists_the_two(wrong: Any, variables: Any) -> None:
    variables(TYPE=str(wrong))
    for make in (
        lambda: DatabaseSettings(type=wrong),
        lambda: DatabaseSettings.model_validate({"type": wrong}),
        lambda: Application.model_validate({"database": {"type": wrong, "database": "x"}}),
        DatabaseSettings,
    ):
        said = _everything_said(_refused(make))
        assert "postgres" in said
        assert "sqlite" in said
        assert CANARY not in said


def test_a_host_without_a_type_is_no_silent_sqlite(variables: Any) -> None:
    variables(HOST="db.example", DATABASE="app")
    assert "BELGIE_DATABASE_TYPE=postgres" in str(_refused(DatabaseSettings))
    error = _refused(lambda: DatabaseSettings(host="db.example", database="app"))
    assert "BELGIE_DATABASE_TYPE=postgres" in str(error)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", "x"),
        ("host", ""),
        ("host", "a:b:99999,c"),
        ("host", "[::1"),
        ("host", "x:y"),
        ("database", ""),
        ("database", "a\x00b"),
        ("pool_size", 0),
        ("max_overflow", -2),
        ("pool_timeout", 0),
        ("pool_timeout", float("inf")),
        ("pool_recycle", -2),
        ("command_timeout", -1),
        ("connect_timeout", float("nan")),
        ("statement_cache_size", -1),
        ("ssl", "yes"),
        ("pool", "static"),
        ("target_session_attrs", "fast"),
        ("password_file", "/nowhere/at/all"),
        ("ssl_root_cert", "/nowhere/at/all"),
        ("application_name", "a\x00"),
        ("replica", {"port": 1}),
        ("replica", {"host": "r", "hots": 1}),
        ("replica", "sqlite://"),
        ("replica", 3),
    ],
)
def test_a_wrong_value_names_field_and_variable(name: str, value: Any) -> None:
    error = _refused(lambda: DatabaseSettings(**{**POSTGRES, name: value}))
    assert {line["loc"][0] for line in error.errors()} == {name}
    assert f"BELGIE_DATABASE_{name.upper()}" in str(error)
    assert CANARY not in _everything_said(error)


def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant() -> None:
    assert "did you mean 'password'" in str(_refused(lambda: DatabaseSettings(**POSTGRES, pasword="x")))
    assert "Unknown setting 'zzz'" in str(_refused(lambda: DatabaseSettings(type="sqlite", database="x", zzz=1)))


def test_a_setting_of_the_other_kind_is_refused() -> None:
    error = _refused(lambda: DatabaseSettings.model_validate({"type": "sqlite", "database": "x", "host": "h"}))
    assert "'host' is a setting of type='postgres'" in str(error)


def test_it_is_a_union_in_the_application_s_own_model() -> None:
    made = Application.model_validate({"database": {"type": "sqlite", "database": "x.db"}})
    assert type(made.database) is SqliteSettings
    assert type(Application.model_validate({"database": POSTGRES}).database) is PostgresSettings
    assert type(Application.model_validate({"database": {"database": "x.db"}}).database) is SqliteSettings
    parsed = Application.model_validate_json('{"database": {"type": "sqlite", "database": "x.db"}}')
    assert parsed == made


def test_a_settings_object_in_a_model_stays_the_same_object() -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    assert Application(database=settings).database is settings
    adapter = TypeAdapter(dict[str, DatabaseSettings])
    assert adapter.validate_python({"main": settings})["main"] is settings


def test_a_url_stands_for_the_settings_in_a_model() -> None:
    made = Application.model_validate({"database": "postgresql://ada:p@h/d"})
    assert type(made.database) is PostgresSettings
    assert type(Application.model_validate({"database": {"url": "sqlite://"}}).database) is SqliteSettings


def test_the_application_s_settings_read_it_with_their_own_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    class Config(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="APP_", env_nested_delimiter="__")
        database: DatabaseSettings

    monkeypatch.setenv("APP_DATABASE__TYPE", "sqlite")
    monkeypatch.setenv("APP_DATABASE__DATABASE", "app.db")
    assert Config.model_validate({}).database == DatabaseSettings(type="sqlite", database="app.db")


def test_the_json_schema_is_a_tagged_union() -> None:
    schema = Application.model_json_schema()["properties"]["database"]
    assert schema["discriminator"]["propertyName"] == "type"
    assert set(schema["discriminator"]["mapping"]) == {"postgres", "sqlite"}
    assert DatabaseSettings.model_json_schema()["discriminator"]["propertyName"] == "type"
    assert "discriminator" in TypeAdapter(DatabaseSettings).json_schema()


def test_the_password_is_in_no_representation() -> None:
    settings = DatabaseSettings(**POSTGRES)
    url = DatabaseSettings.from_url(f"postgresql://ada:{CANARY}@h/d")
    for made in (settings, url):
        shown = [repr(made), str(made), made.model_dump_json(), str(made.model_dump()), repr(made.runtime)]
        assert CANARY not in "".join([*shown, repr(made.engine), str(made.engine.url), repr(made.engine.url)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "postgres", "password": CANARY},
        {**POSTGRES, "port": CANARY},
        {**POSTGRES, "password": {"secret": CANARY}},
        {**POSTGRES, "passwort": CANARY},
        {**POSTGRES, "type": "mysql"},
        {**POSTGRES, "type": CANARY},
        {**POSTGRES, "ssl": CANARY},
        {**POSTGRES, "replica": {"host": "r", "password": CANARY, "port": CANARY}},
        {**POSTGRES, "replica": {"url": f"postgresql://a:{CANARY}@h:x/d"}},
        {**POSTGRES, "replica": [CANARY]},
        {**POSTGRES, "password_file": CANARY},
        {"url": f"postgresql://ada:{CANARY}@h:port/d"},
        {"url": f"mysql://ada:{CANARY}@h/d"},
        {"url": f"postgresql://ada:{CANARY}@h"},
        {"url": f"postgresql://ada:{CANARY}@h/d?unknown=1"},
        {"url": CANARY},
        {"url": SecretStr(CANARY)},
        {7: CANARY},
        CANARY,
        SecretStr(CANARY),
        [CANARY],
        CANARY.encode(),
    ],
)
def test_no_validation_error_shows_the_input(wrong: Any) -> None:
    makers = [
        lambda: Application.model_validate({"database": wrong}),
        lambda: DatabaseSettings.model_validate(wrong),
        lambda: PostgresSettings.model_validate(wrong),
        lambda: TypeAdapter(list[DatabaseSettings]).validate_python([wrong]),
    ]
    if isinstance(wrong, dict) and 7 not in wrong:
        makers += [lambda: DatabaseSettings(**wrong)]
    for make in makers:
        assert CANARY not in _everything_said(_refused(make))


def test_no_error_from_the_environment_shows_a_value(variables: Any) -> None:
    variables(TYPE="postgres", PASSWORD=CANARY, PORT=CANARY, URL=f"postgres://x:{CANARY}@h:{CANARY}/d")
    assert CANARY not in _everything_said(_refused(DatabaseSettings))
    assert CANARY not in _everything_said(_refused(PostgresSettings))


def test_a_third_kind_of_database_is_refused() -> None:
    with pytest.raises(TypeError, match="derive from PostgresSettings or SqliteSettings"):
        type("OracleSettings", (DatabaseSettings,), {"__module__": __name__})


def test_the_application_may_extend_a_kind() -> None:
    class Tenant(SqliteSettings, frozen=True):
        tenant: str

    assert Tenant.model_validate({"database": "x.db", "tenant": "acme"}).tenant == "acme"


def test_settings_do_not_change() -> None:
    settings = DatabaseSettings(type="sqlite", database="x.db")
    with pytest.raises(ValidationError, match="frozen"):
        settings.echo = True  # type: ignore[misc] # ty: ignore[invalid-assignment] - that is the test


def test_equal_settings_are_equal_whether_or_not_an_engine_was_made() -> None:
    one, two = (DatabaseSettings(type="sqlite", database=":memory:") for _ in range(2))
    assert one.engine is not two.engine
    assert one == two
    assert hash(one) == hash(two)
    assert hash(one._slot) == hash(two._slot)
    assert one == DatabaseSettings(type="sqlite", database=":memory:")


@pytest.mark.parametrize(
    "duplicate",
    [
        copy.copy,
        copy.deepcopy,
        lambda settings: settings.model_copy(),
        lambda settings: settings.model_copy(deep=True),
        lambda settings: pickle.loads(pickle.dumps(settings)),
        lambda settings: DatabaseSettings.model_validate(settings.model_dump()),
    ],
)
def test_a_copy_has_a_runtime_of_its_own(duplicate: Any) -> None:
    for settings in (DatabaseSettings(type="sqlite", database="x.db"), DatabaseSettings(**POSTGRES)):
        runtime = settings.runtime
        copied = duplicate(settings)
        assert copied == settings
        assert copied.runtime is not runtime
        assert copied.runtime.settings is copied
        assert settings.runtime is runtime


def test_a_changed_copy_connects_elsewhere() -> None:
    settings = DatabaseSettings(type="sqlite", database="x.db")
    assert settings.engine.url.database == "x.db"
    assert settings.model_copy(update={"database": "y.db"}).engine.url.database == "y.db"


def test_a_settings_object_and_its_runtimes_share_one_engine() -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    runtime = DatabaseRuntime(settings)
    assert runtime is settings.runtime
    assert DatabaseRuntime(settings).engine is settings.engine
    assert runtime.session_maker is settings.session_maker
    assert runtime.dependency is settings.dependency
    assert settings.dependency is settings.dependency
    assert runtime.settings is settings
