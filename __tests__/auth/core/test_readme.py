"""The tables of the package's README say what the code does."""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, NoDatabase
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic_settings import BaseSettings

import auth as package
import proto
from auth import (
    Auth,
    AuthClient,
    AuthSettings,
    BelgieError,
    CookieSettings,
    Hooks,
    HTTPSettings,
    SessionSettings,
    URLSettings,
)
from auth.core.errors import ERRORS
from belgie.alchemy import AlchemyAdapter, DatabaseSettings

README = (Path(__file__).parents[3] / "packages" / "auth" / "README.md").read_text()
SOURCES = Path(str(package.__file__)).parent
WORDS = re.compile(r"`([^`]+)`")


def table(*header: str) -> list[list[str]]:
    """The rows of all tables with these columns."""
    lines = README.splitlines()
    rows: list[list[str]] = []
    for number, line in enumerate(lines):
        if cells(line) == list(header):
            for row in lines[number + 2 :]:
                if not row.startswith("|"):
                    break
                rows.append(cells(row))
    assert rows, header
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")] if line.startswith("|") else []


def quoted(cell: str) -> list[str]:
    return WORDS.findall(cell)


def test_the_error_codes_are_those_of_the_code_in_its_order() -> None:
    written = [
        (quoted(code)[0], int(status), meaning, remedy)
        for code, status, meaning, remedy in table("code", "status", "meaning", "what the user can do")
    ]
    assert written == [(code, one.status, one.meaning, one.remedy) for code, one in ERRORS.items()]


def test_every_setting_is_there_with_its_default() -> None:
    expected: dict[str, Any] = {}
    kinds: tuple[type[BaseSettings], ...] = (AuthSettings, SessionSettings, CookieSettings, URLSettings, HTTPSettings)
    for kind in kinds:
        for name, field in kind.model_fields.items():
            if kind is AuthSettings and name in {"session", "cookie", "urls", "http"}:
                continue
            variable = f"{kind.model_config.get('env_prefix')}{name}".upper()
            expected[variable] = "required" if field.is_required() else field.default
    written = {
        quoted(variable)[0]: json.loads(quoted(default)[0]) if quoted(default) else default
        for variable, default, _ in table("variable", "default", "meaning")
    }
    assert written == {name: list(one) if isinstance(one, tuple) else one for name, one in expected.items()}


def test_every_route_is_there() -> None:
    runtime = DatabaseSettings(type="sqlite", database=":memory:").runtime
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    routes = Auth(settings=settings, adapter=adapter).router.routes
    served = {(method, route.path) for route in routes if isinstance(route, APIRoute) for method in route.methods or ()}
    written = {
        (method, quoted(path)[0])
        for methods, path, _ in table("method", "path", "what it does")
        for method in quoted(methods)
    }
    assert written == served


def test_every_dependency_exists() -> None:
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    auth = Auth(settings=settings, adapter=DictAdapter(), db=NoDatabase())
    FastAPI().include_router(auth.router)
    for dependency, _, _ in table("dependency", "gives", "otherwise"):
        name = re.match(r"(?:Depends|Security)\(auth\.?(\w*)", quoted(dependency)[0])
        assert name is not None
        assert callable(getattr(auth, name[1]) if name[1] else auth)


def test_every_operation_of_the_client_is_named() -> None:
    methods = {name for name in vars(AuthClient) if not name.startswith("_")} - {"db"}
    sentence = re.search(r"^`AuthClient` has (.*?)\. ", README, re.MULTILINE | re.DOTALL)
    assert sentence is not None
    assert set(quoted(sentence[1])) == methods


def test_every_hook_is_there() -> None:
    assert [quoted(hook)[0] for hook, _, _ in table("hook", "when", "if it fails")] == [
        "on_signup",
        "on_delete",
        "on_signin",
        "on_signout",
    ]
    assert {one.name for one in fields(Hooks)} == {"on_signup", "on_delete", "on_signin", "on_signout"}


def test_every_event_of_the_log_is_there() -> None:
    source = "".join(path.read_text() for path in SOURCES.rglob("*.py"))
    logged = set(re.findall(r'log_event\("(\w+)"', source)) | set(re.findall(r'"event": "(\w+)"', source))
    rows = table("`event`", "level", "what happened, and what else the record has")
    assert {event for events, _, _ in rows for event in quoted(events)} == logged


def test_every_method_of_an_adapter_is_there() -> None:
    methods = [name for name in vars(proto.AdapterProtocol) if not name.startswith("_")]
    written = [method for _, names in table("about", "methods") for method in quoted(names)]
    assert sorted(written) == sorted(methods)
    assert len(written) == 17


def test_every_optional_protocol_is_there() -> None:
    needed = {
        "UserProtocol",
        "AccountProtocol",
        "SessionProtocol",
        "OAuthStateProtocol",
        "AdapterProtocol",
        "DatabaseProtocol",
    }
    optional = {name for name in proto.__all__ if name.endswith("Protocol")} - needed
    assert {quoted(protocol)[0] for protocol, _ in table("optional protocol", "without it")} == optional


def test_every_error_class_is_named() -> None:
    classes = {
        name
        for name in package.__all__
        if isinstance(one := getattr(package, name), type) and issubclass(one, BelgieError)
    }
    paragraph = re.search(r"^In Python they are classes: (.*?)\n\n", README, re.MULTILINE | re.DOTALL)
    assert paragraph is not None
    assert {word for word in quoted(paragraph[1]) if word.endswith("Error")} == classes


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\b(BELGIE_[A-Z_]+)\b", README))))
def test_no_variable_is_named_that_nothing_reads(name: str) -> None:
    known = {quoted(variable)[0] for variable, _, _ in table("variable", "default", "meaning")}
    assert name in known | {"BELGIE_GOOGLE_CLIENT_ID", "BELGIE_GOOGLE_CLIENT_SECRET"}
