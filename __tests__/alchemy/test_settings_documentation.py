import re
from pathlib import Path
from typing import get_type_hints

import pytest
from pydantic_core import PydanticUndefined

from belgie import alchemy
from belgie.alchemy.options import PostgresOptions, SqliteOptions
from belgie.alchemy.settings import DatabaseSettings, PostgresSettings, SqliteSettings

ROW = re.compile(r"^\| `BELGIE_DATABASE_(\w+)` \| ?(?:`(.*?)`|(required))? ?\|", re.MULTILINE)


@pytest.fixture(scope="module")
def readme() -> dict[str, list[tuple[str, str]]]:
    """The rows of each of the three tables: variable and default."""
    text = (Path(alchemy.__file__).with_name("README.md")).read_text()
    both, rest = text.split("\nPostgreSQL:\n")
    postgres, sqlite = rest.split("\nSQLite:\n")
    parts = {"both": both, "postgres": postgres, "sqlite": sqlite}
    return {name: [(row[0].lower(), row[1] or row[2]) for row in ROW.findall(part)] for name, part in parts.items()}


def _written(model: type[DatabaseSettings], name: str) -> str:
    default = model.model_fields[name].default
    if default is PydanticUndefined:
        return "required"
    if default is None or name == "type":
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_documentation_has_every_setting_with_its_default(readme: dict[str, list[tuple[str, str]]]) -> None:
    shared = set(DatabaseSettings.model_fields)
    for kind, model in (("postgres", PostgresSettings), ("sqlite", SqliteSettings)):
        own = [name for name in model.model_fields if name not in shared]
        assert {name for name, _ in readme[kind]} == set(own)
        assert {name for name, _ in readme["both"]} == shared
        for name, default in [*readme[kind], *readme["both"]]:
            assert default == _written(model, name), name


@pytest.mark.parametrize(("options", "model"), [(PostgresOptions, PostgresSettings), (SqliteOptions, SqliteSettings)])
def test_type_checkers_know_every_setting(options: type, model: type[DatabaseSettings]) -> None:
    assert {name for name in get_type_hints(options) if not name.startswith("_")} == set(model.model_fields)
