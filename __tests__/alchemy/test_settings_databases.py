from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from belgie.alchemy.databases import Databases
from belgie.alchemy.settings import DatabaseSettings, PostgresSettings, SqliteSettings
from proto import UnavailableError

CANARY = "hunter2-canary"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def _give(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"BELGIE_DATABASE_{name}", value)


def test_the_environment_names_the_databases(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(
        monkeypatch,
        ANALYTICS__URL="postgresql://u:p@analytics/d",
        ANALYTICS__POOL_SIZE="3",
        READ_MODEL__DATABASE="read.db",
        DATABASE="main.db",
    )
    databases = Databases()
    assert set(databases.databases) == {"analytics", "default", "read_model"}
    analytics = databases.databases["analytics"]
    assert isinstance(analytics, PostgresSettings)
    assert (analytics.host, analytics.pool_size) == ("analytics", 3)
    assert databases["read_model"].settings == DatabaseSettings(type="sqlite", database="read.db")
    assert databases["default"].settings == DatabaseSettings(type="sqlite", database="main.db")
    assert databases["default"] is databases.databases["default"].runtime


def test_without_variables_there_is_no_database() -> None:
    assert Databases().databases == {}
    with pytest.raises(KeyError):
        Databases()["main"]


def test_a_named_database_takes_nothing_from_the_one_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, URL=f"postgresql://u:{CANARY}@main/d", PASSWORD=CANARY, OTHER__TYPE="postgres", OTHER__HOST="o")
    with pytest.raises(ValidationError) as caught:
        Databases()
    assert {line["loc"][-1] for line in caught.value.errors()} == {"database", "username", "password"}
    assert "BELGIE_DATABASE_OTHER__PASSWORD" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert CANARY not in caught.value.json()


def test_the_replica_of_the_database_without_a_name_is_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, URL="postgresql://u:p@main/d", REPLICA__HOST="r", OTHER__URL="postgresql://u:p@o/d")
    _give(monkeypatch, OTHER__REPLICA__HOST="s")
    databases = Databases()
    assert set(databases.databases) == {"default", "other"}
    hosts = {}
    for name, settings in databases.databases.items():
        assert isinstance(settings, PostgresSettings)
        assert settings.replica_settings is not None
        hosts[name] = settings.replica_settings.host
    assert hosts == {"default": "r", "other": "s"}


def test_one_name_described_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, DATABASE="x.db", DEFAULT__DATABASE="y.db")
    with pytest.raises(ValidationError, match="describe the same database"):
        Databases()


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, A__DATABASE="env.db", B__DATABASE="b.db", C__BUSY_TIMEOUT="1")
    own = DatabaseSettings(type="sqlite", database="own.db")
    databases = Databases({"a": own, "c": {"type": "sqlite", "database": "c.db"}, "d": "sqlite:///d.db"})
    assert databases.databases["a"] is own
    assert databases.databases["b"] == DatabaseSettings(type="sqlite", database="b.db")
    assert databases.databases["c"] == DatabaseSettings(type="sqlite", database="c.db", busy_timeout=1)
    assert databases.databases["d"] == DatabaseSettings(type="sqlite", database="d.db")


def test_a_file_may_name_databases(tmp_path: Path) -> None:
    (tmp_path / "prod.env").write_text("BELGIE_DATABASE_A__DATABASE=a.db\nOTHER=1\n")
    databases = Databases(env_file=tmp_path / "prod.env")
    assert databases.databases == {"a": DatabaseSettings(type="sqlite", database="a.db")}


@pytest.mark.parametrize("wrong", [3, [CANARY], {"type": "sqlite", "nonsense": CANARY}, f"mysql://{CANARY}"])
def test_wrong_settings_are_refused_without_being_shown(wrong: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Databases({"a": wrong})
    assert CANARY not in str(caught.value)
    assert CANARY not in caught.value.json()


async def test_they_start_and_stop_with_the_application(
    sqlite_file_settings: SqliteSettings, postgres_settings: PostgresSettings
) -> None:
    databases = Databases({"one": sqlite_file_settings, "two": postgres_settings})
    app = FastAPI(lifespan=databases.lifespan)
    async with app.router.lifespan_context(app):
        assert {name: runtime.connections.idle for name, runtime in databases.runtimes.items()} == {"one": 1, "two": 1}
    assert {runtime.connections.idle for runtime in databases.runtimes.values()} == {0}
    await databases["one"].ping()
    await databases.dispose()
    assert databases["one"].connections.idle == 0


async def test_one_that_does_not_answer_stops_the_start(
    sqlite_file_settings: SqliteSettings, unused_tcp_port: int
) -> None:
    absent = f"postgresql://u:p@127.0.0.1:{unused_tcp_port}/d"
    databases = Databases({"one": sqlite_file_settings, "two": absent})
    with pytest.raises(UnavailableError):
        async with databases.lifespan(wait=0.1):
            pytest.fail("the application must not start")
    assert databases["one"].connections.idle == 0
