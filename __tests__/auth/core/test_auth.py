"""Putting `Auth` together: what fits, and what is refused before the first request."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, NoConnection, NoDatabase
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

from auth import Auth, AuthSettings, ConfigurationError, CookieSettings, Hooks
from auth.core.capabilities import Capabilities
from auth.providers import (
    AuthorizationRequest,
    CodeExchange,
    GoogleProviderSettings,
    OIDCProviderSettings,
    Profile,
    TokenSet,
)
from belgie.alchemy import AlchemyAdapter, DatabaseSettings

SECRET = "canary-application-secret-0123456789"


def settings(**arguments: Any) -> AuthSettings:
    return AuthSettings.model_validate({"secret": SECRET, "base_url": "https://app.example/api", **arguments})


def oidc(**arguments: Any) -> OIDCProviderSettings:
    return OIDCProviderSettings.model_validate({"issuer": "https://op.example", "client_id": "id", **arguments})


def make(**arguments: Any) -> Auth[Any, Any, Any, Any]:
    options: dict[str, Any] = {"settings": settings(), "adapter": DictAdapter(), "db": NoDatabase(), **arguments}
    return Auth(**options)


class OwnProvider:
    """A provider of the application's own."""

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        return f"https://op.example/?state={request.state}"

    async def check_issuer(self, issuer: str | None) -> None:
        """It sends none."""

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        return TokenSet(access_token=exchange.code, token_type="bearer")

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        return Profile(provider_account_id=tokens.access_token)


class WithoutDependency:
    """Something that is no database."""


class AdapterWithDependency(DictAdapter):
    async def dependency(self) -> AsyncGenerator[NoConnection]:
        yield NoConnection()


def test_without_a_database_there_is_no_auth() -> None:
    bare = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState)
    for adapter, db in ((DictAdapter(), None), (bare, None), (DictAdapter(), WithoutDependency())):
        with pytest.raises(ConfigurationError, match="no database: pass db= to Auth") as raised:
            make(adapter=adapter, db=db)
        assert raised.value.code == "configuration_error"


def test_the_database_is_the_adapters_or_the_one_that_is_passed() -> None:
    runtime = DatabaseSettings(type="sqlite", database=":memory:").runtime
    models: dict[str, Any] = {"user": User, "account": Account, "session": Session, "oauth_state": OAuthState}
    for adapter, db in (
        (AdapterWithDependency(), None),
        (DictAdapter(), NoDatabase()),
        (AlchemyAdapter(**models, db=runtime), None),
        (AlchemyAdapter(**models), runtime),
        (AlchemyAdapter(**models), runtime.settings),
    ):
        assert make(adapter=adapter, db=db).adapter is adapter


def test_an_adapter_that_lacks_a_method_is_refused_by_its_name() -> None:
    class Incomplete(DictAdapter):
        delete_oauth_state = None  # type: ignore[assignment]  which is the point

    with pytest.raises(ConfigurationError, match=r"lacks methods of proto\.AdapterProtocol: delete_oauth_state$"):
        make(adapter=Incomplete())
    with pytest.raises(ConfigurationError, match=r"create_user.*delete_user"):
        make(adapter=object())


@pytest.mark.parametrize("provider_id", ["", "Google", "a b", "a/b", "../a", "ä", "-a", "_a", "a" * 65, "a?", "a\n"])
def test_the_id_of_a_provider_can_stand_in_a_url(provider_id: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a provider's id of a-z, 0-9, - and _"):
        make(providers={provider_id: oidc()})


@pytest.mark.parametrize("provider_id", ["google", "a", "0", "my-op_2", "a" * 64])
def test_an_id_of_letters_and_digits_is_accepted(provider_id: str) -> None:
    assert list(make(providers={provider_id: oidc()}).providers) == [provider_id]


@pytest.mark.parametrize("provider", [None, "google", object(), GoogleProviderSettings, {"issuer": "x"}])
def test_what_is_no_provider_is_refused(provider: Any) -> None:
    with pytest.raises(ConfigurationError, match="provider 'op': expected its settings"):
        make(providers={"op": provider})


def test_the_redirect_uri_is_the_callback_unless_the_settings_say_otherwise() -> None:
    own = "https://app.example/other/callback"
    auth = make(providers={"one": oidc(), "two": oidc(redirect_uri=own), "three": OwnProvider()})
    assert {name: one.redirect_uri for name, one in auth.providers.items()} == {
        "one": "https://app.example/api/auth/provider/one/callback",
        "two": own,
        "three": "https://app.example/api/auth/provider/three/callback",
    }


@pytest.mark.parametrize(
    "redirect_uri",
    ["", "/callback", "http://app.example/callback", "https://user@app.example/", "ftp://app.example/", "https://"],
)
def test_a_redirect_uri_that_would_leak_the_code_is_refused(redirect_uri: str) -> None:
    with pytest.raises(ConfigurationError, match="provider 'op': redirect_uri: expected"):
        make(providers={"op": oidc(redirect_uri=redirect_uri)})


def test_a_redirect_uri_on_loopback_may_be_http() -> None:
    auth = make(providers={"op": oidc(redirect_uri="http://127.0.0.1:9000/callback")})
    assert auth.providers["op"].redirect_uri == "http://127.0.0.1:9000/callback"


@pytest.mark.parametrize("issuer", ["http://op.example", "http://127.0.0.1:9000"])
def test_c07_a_provider_without_https_is_refused_unless_all_is_on_loopback(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="provider 'op': issuer: expected https"):
        make(providers={"op": oidc(issuer=issuer)})
    local = settings(base_url="http://127.0.0.1:8000")
    if "127.0.0.1" in issuer:
        assert "op" in make(settings=local, providers={"op": oidc(issuer=issuer)}).providers
    else:
        with pytest.raises(ConfigurationError, match="expected https"):
            make(settings=local, providers={"op": oidc(issuer=issuer)})


def test_sign_in_buttons_have_a_label() -> None:
    google = GoogleProviderSettings(client_id="id")
    auth = make(providers={"google": google, "plain": oidc(), "named": oidc(label="Our own"), "own": OwnProvider()})
    labels = {name: one.label for name, one in auth.providers.items()}
    assert labels == {"google": "Google", "plain": "plain", "named": "Our own", "own": "own"}


def test_hooks_that_cannot_run_are_refused_at_once() -> None:
    wrong: Any = "greet"
    with pytest.raises(ConfigurationError, match="on_signup: expected a function"):
        make(hooks=Hooks(on_signup=wrong))


def test_what_an_adapter_offers_is_found_out_once() -> None:
    plain: Any = Capabilities[Any, Any, Any].of(DictAdapter())
    offered = ("account_user", "user_sessions", "user_accounts", "state_cleanup", "transactions", "identities")
    assert [getattr(plain, name) for name in offered] == [None] * len(offered)
    runtime = DatabaseSettings(type="sqlite", database=":memory:").runtime
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
    full: Any = Capabilities[Any, Any, Any].of(adapter)
    assert all(getattr(full, name) is adapter for name in offered)


async def test_without_transactions_a_block_is_a_block() -> None:
    class Counting(NoConnection):
        touched = 0

        async def commit(self) -> None:
            self.touched += 1

        rollback = close = commit

    connection = Counting()
    async with Capabilities[Any, Any, Any].of(DictAdapter()).transaction(connection):
        pass
    with pytest.raises(LookupError):
        async with Capabilities[Any, Any, Any].of(DictAdapter()).transaction(connection):
            raise LookupError
    assert connection.touched == 0


async def test_the_session_cookie_can_be_made_for_a_session_or_its_id() -> None:
    auth, db = make(), NoConnection()
    adapter: Any = auth.adapter
    user = await adapter.create_user(db, "ada@example.org")
    session = await auth.sessions.create_session(db, user.id)
    value = auth.session_cookie(session)
    assert value == auth.session_cookie(session.id)
    assert value.startswith(f"{session.id.hex}.")
    given, taken = Response(), Response()
    auth.set_session_cookie(given, session)
    auth.delete_session_cookie(taken)
    assert given.headers["set-cookie"].startswith(f"belgie_session={value};")
    assert "max-age=2592000" in given.headers["set-cookie"].lower()
    assert "max-age=0" in taken.headers["set-cookie"].lower()


def test_the_name_of_the_cookie_has_the_prefix_that_is_asked_for() -> None:
    assert make().session_cookie_name == "belgie_session"
    prefixed = make(settings=settings(cookie=CookieSettings(name="sid", host_prefix=True)))
    assert prefixed.session_cookie_name == "__Host-sid"


def test_the_routes_are_those_that_the_adapter_can_serve() -> None:
    always = {
        ("GET", "/auth/provider/{provider}/signin"),
        ("POST", "/auth/provider/{provider}/link"),
        ("GET", "/auth/session"),
        ("POST", "/auth/signout"),
    }
    capable = {
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/{session_id}"),
        ("GET", "/auth/accounts"),
        ("DELETE", "/auth/accounts/{provider}"),
    }
    runtime = DatabaseSettings(type="sqlite", database=":memory:").runtime
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
    assert documented(make()) == always
    assert documented(make(adapter=adapter)) == always | capable


def documented(auth: Auth[Any, Any, Any, Any]) -> set[tuple[str, str]]:
    app = FastAPI()
    app.include_router(auth.router)
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_the_router_is_made_once() -> None:
    auth = make()
    assert auth.router is auth.router


def test_j03_the_description_of_the_api_names_the_cookie_and_no_secret() -> None:
    auth = make(providers={"op": oidc(client_secret="canary-client-secret")})
    app = FastAPI()
    app.include_router(auth.router)
    with TestClient(app) as client:
        text = client.get("/openapi.json").text
        document: dict[str, Any] = client.get("/openapi.json").json()
    assert "canary" not in text
    assert "callback" not in text
    schemes = document["components"]["securitySchemes"]
    assert schemes == {"belgie_session": {"type": "apiKey", "in": "cookie", "name": "belgie_session"}}
    assert document["paths"]["/auth/session"]["get"]["security"]
