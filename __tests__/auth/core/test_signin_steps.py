"""The three steps of a sign-in, each refusal by itself: over a store of dictionaries and a provider of our own."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictUser, NoConnection, NoDatabase
from __tests__.auth.session.still_clock import StillClock
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth import Auth, AuthSettings, HookContext, Hooks, InvalidStateError, OAuthError
from auth.core.signin import SignIn, Started
from auth.providers import AuthorizationRequest, CodeExchange, Profile, TokenSet

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"
DB: Final = NoConnection()
MAX_AGE: Final = 600
STRANGER = UUID(int=1)


@dataclass
class Provider:
    """Says what it is told to say, and keeps what it was asked."""

    answers_by_post: bool = False
    subject: str = "ada-1"
    name: str | None = None
    asked: list[AuthorizationRequest] = field(default_factory=list)
    exchanged: list[CodeExchange] = field(default_factory=list)
    issuers: list[str | None] = field(default_factory=list)
    nonces: list[str] = field(default_factory=list)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        self.asked.append(request)
        return "https://provider.example/authorize"

    async def check_issuer(self, issuer: str | None) -> None:
        self.issuers.append(issuer)
        if issuer not in {None, "https://provider.example"}:
            raise OAuthError("issuer_mismatch")

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        self.exchanged.append(exchange)
        return TokenSet(access_token="at", token_type="Bearer")

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        self.nonces.append(nonce)
        email = f"{self.subject}@example.org"
        return Profile(provider_account_id=self.subject, email=email, email_verified=True, name=self.name)

    async def refresh(self, refresh_token: str) -> TokenSet:
        raise OAuthError("provider_token_expired")


class NamingProvider(Provider):
    """Tells the name in the browser's answer."""

    def name_in_answer(self, answer: object) -> str | None:
        return "From the answer"


class World:
    """An application, its provider and its clock."""

    def __init__(self, adapter: DictAdapter | None = None, **settings: Any) -> None:
        self.adapter = adapter or DictAdapter()
        self.clock = StillClock()
        self.provider, self.other, self.posting = Provider(), Provider(), Provider(answers_by_post=True)
        self.naming = NamingProvider()
        self.signed_in: list[HookContext[Any]] = []
        self.disabled: set[UUID] = set()
        self.auth: Auth[Any, Any, Any, Any] = Auth(
            settings=AuthSettings.model_validate({"secret": SECRET, "base_url": "https://app.example", **settings}),
            adapter=self.adapter,
            db=NoDatabase(),
            providers={"own": self.provider, "other": self.other, "posting": self.posting, "naming": self.naming},
            hooks=Hooks(on_signin=self.signed_in.append),
            is_active=lambda user: user.id not in self.disabled,
            clock=self.clock,
        )
        self.context = self.auth._context
        self.signin = SignIn(self.context)

    async def user(self, email: str = "ada@example.org") -> tuple[DictUser, UUID]:
        user = await self.adapter.create_user(DB, email)
        return user, (await self.context.sessions.create_session(DB, user.id)).id

    def browser(self, *flows: Started, session: UUID | None = None) -> HTTPConnection:
        response = Response()
        empty = HTTPConnection({"type": "http", "headers": []})
        for one in flows:
            self.context.flow_cookies.set(response, one.flow, empty, cross_site=False)
        if session is not None:
            self.context.session_cookie.set(response, session)
        cookies = [header.partition(";")[0] for header in response.headers.getlist("set-cookie")]
        headers = [(b"cookie", "; ".join(cookies).encode())]
        return HTTPConnection({"type": "http", "headers": headers, "client": ("203.0.113.7", 1)})

    async def refused(self, started: Started, browser: HTTPConnection, provider: str = "own") -> str:
        with pytest.raises(InvalidStateError) as caught:
            await self.signin.claim(DB, provider, {"state": [started.flow.state]}, browser)
        return caught.value.code


@pytest.fixture
def world() -> World:
    return World()


async def test_a_way_back_out_of_the_application_opens_no_flow(world: World) -> None:
    for target in ("//evil.example", "https://evil.example/", "javascript:x", ""):
        with pytest.raises(OAuthError) as caught:
            await world.signin.start(DB, "own", redirect_url=target)
        assert caught.value.code == "invalid_redirect"
    assert (world.adapter.states, world.provider.asked) == ({}, [])


async def test_a_flow_is_stored_by_its_digest_until_it_expires(world: World) -> None:
    started = await world.signin.start(DB, "own", redirect_url="/here")
    [stored] = world.adapter.states.values()
    assert stored.state == started.flow.stored_state("own", None)
    assert stored.redirect_url == "/here"
    assert stored.expires_at == world.clock.now + timedelta(seconds=MAX_AGE)
    [asked] = world.provider.asked
    assert (asked.state, asked.nonce) == (started.flow.state, started.flow.nonce)
    assert asked.redirect_uri == "https://app.example/auth/provider/own/callback"


async def test_an_answer_is_claimed_once(world: World) -> None:
    started = await world.signin.start(DB, "own", redirect_url="/here")
    browser = world.browser(started)
    claimed = await world.signin.claim(DB, "own", {"state": [started.flow.state]}, browser)
    assert (claimed.flow, claimed.redirect_url, claimed.link_to) == (started.flow, "/here", None)
    assert claimed.code_verifier
    assert claimed.session_id is None
    assert await world.refused(started, browser) == "invalid_state"


@pytest.mark.parametrize("state", [None, [], [""], ["x"], ["{}", "{}"], ["{}x"]])
async def test_an_answer_without_the_one_state_of_a_flow_is_nobodys(world: World, state: list[str] | None) -> None:
    started = await world.signin.start(DB, "own")
    answer = {} if state is None else {"state": [one.replace("{}", started.flow.state) for one in state]}
    with pytest.raises(InvalidStateError) as caught:
        await world.signin.claim(DB, "own", answer, world.browser(started))
    assert caught.value.code == "invalid_state"
    assert len(world.adapter.states) == 1


async def test_a_flow_belongs_to_its_browser_and_its_provider(world: World) -> None:
    started, another = await world.signin.start(DB, "own"), await world.signin.start(DB, "own")
    for browser in (world.browser(), world.browser(another)):
        assert await world.refused(started, browser) == "invalid_state"
    assert await world.refused(started, world.browser(started), "other") == "invalid_state"
    await world.signin.claim(DB, "own", {"state": [started.flow.state]}, world.browser(started))


async def test_only_the_caller_that_removes_the_row_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started = await world.signin.start(DB, "own")

    async def somebody_was_first(*_: object) -> bool:
        return False

    monkeypatch.setattr(world.adapter, "delete_oauth_state", somebody_was_first)
    assert await world.refused(started, world.browser(started)) == "invalid_state"


async def test_a_flow_ends_at_the_second_it_expires(world: World) -> None:
    for seconds, over in ((MAX_AGE - 1, False), (MAX_AGE, True), (MAX_AGE + 1, True)):
        started = await world.signin.start(DB, "own")
        world.clock.advance(seconds)
        if over:
            assert await world.refused(started, world.browser(started)) == "expired_state"
        else:
            await world.signin.claim(DB, "own", {"state": [started.flow.state]}, world.browser(started))
        assert world.adapter.states == {}


async def test_a_link_is_finished_by_the_user_who_began_it(world: World) -> None:
    user, session = await world.user()
    _, strangers = await world.user("mallory@example.org")

    async def begin() -> Started:
        return await world.signin.start(DB, "own", link_to=user, session_id=session)

    for shown in (None, STRANGER, strangers):
        started = await begin()
        assert await world.refused(started, world.browser(started, session=shown)) == "link_session_mismatch"
    started = await begin()
    world.disabled.add(user.id)
    assert await world.refused(started, world.browser(started, session=session)) == "link_session_mismatch"
    world.disabled.clear()
    browser = world.browser(started, session=session)
    answer = {"state": [started.flow.state], "code": ["c"]}
    claimed = await world.signin.claim(DB, "own", answer, browser)
    assert (claimed.link_to, claimed.session_id) == (user, session)
    assert await world.signin.complete(DB, claimed, answer, browser) is None
    [account] = world.adapter.accounts.values()
    assert account.user_id == user.id
    assert list(world.adapter.sessions) == [session, strangers]
    assert world.signed_in == []


async def test_the_session_in_the_flow_counts_only_where_the_answer_comes_without_the_sessions_cookie(
    world: World,
) -> None:
    _, session = await world.user()
    _, shown = await world.user("grace@example.org")
    for provider, cookie, expected in (
        ("own", None, None),
        ("own", shown, shown),
        ("posting", None, session),
        ("posting", shown, shown),
    ):
        started = await world.signin.start(DB, provider, session_id=session)
        browser = world.browser(started, session=cookie)
        claimed = await world.signin.claim(DB, provider, {"state": [started.flow.state]}, browser)
        assert claimed.session_id == expected


async def test_a_sign_in_asks_with_what_the_flow_began_with_and_tells_the_hook(world: World) -> None:
    _, old = await world.user("old@example.org")
    started = await world.signin.start(DB, "own")
    browser = world.browser(started, session=old)
    answer = {"state": [started.flow.state], "code": ["the-code"], "iss": ["https://provider.example"]}
    claimed = await world.signin.claim(DB, "own", answer, browser)
    result = await world.signin.complete(DB, claimed, answer, browser)
    assert result is not None
    assert result.is_new
    assert world.provider.issuers == ["https://provider.example"]
    assert world.provider.nonces == [started.flow.nonce]
    [exchanged] = world.provider.exchanged
    assert (exchanged.code, exchanged.code_verifier) == ("the-code", claimed.code_verifier)
    assert list(world.adapter.sessions) == [result.session.id]
    [told] = world.signed_in
    assert (told.user, told.request, told.provider) == (result.user, browser, "own")
    assert told.profile is not None


REFUSALS: list[tuple[dict[str, list[str]], str]] = [
    ({"code": ["c"], "iss": ["https://evil.example"]}, "issuer_mismatch"),
    ({"code": ["c"], "iss": ["https://provider.example", "https://provider.example"]}, "issuer_mismatch"),
    ({"error": ["x"], "iss": ["https://evil.example"]}, "issuer_mismatch"),
    ({"code": ["c"], "error": ["access_denied"]}, "access_denied"),
    ({"error": ["user_cancelled_login"]}, "access_denied"),
    ({"error": ["server_error"]}, "provider_error"),
    ({"error": ["access_denied", "access_denied"]}, "provider_error"),
    ({}, "invalid_callback"),
    ({"code": []}, "invalid_callback"),
    ({"code": [""]}, "invalid_callback"),
    ({"code": ["c", "c"]}, "invalid_callback"),
    ({"code": ["c\n"]}, "invalid_callback"),
    ({"code": ["é"]}, "invalid_callback"),
    ({"code": ["x" * 4097]}, "invalid_callback"),
]


@pytest.mark.parametrize(("answer", "code"), REFUSALS)
async def test_an_answer_that_is_refused_costs_no_token_request(
    world: World, answer: dict[str, list[str]], code: str
) -> None:
    started = await world.signin.start(DB, "own")
    browser = world.browser(started)
    claimed = await world.signin.claim(DB, "own", {"state": [started.flow.state]}, browser)
    with pytest.raises(OAuthError) as caught:
        await world.signin.complete(DB, claimed, answer, browser)
    assert caught.value.code == code
    assert (world.provider.exchanged, world.adapter.users, world.adapter.sessions) == ([], {}, {})


async def test_the_stored_way_back_is_checked_again() -> None:
    urls = {"signin_redirect": "/home", "signup_redirect": "/welcome"}
    plain, welcoming = World(urls={"signin_redirect": "/home"}), World(urls=urls)

    async def destination(of: World, target: str | None) -> list[str]:
        found: list[str] = []
        for _ in range(2):  # the first is a sign-up, the second is none
            started = await of.signin.start(DB, "own")
            [stored] = of.adapter.states.values()
            stored.redirect_url = target
            browser = of.browser(started)
            answer = {"state": [started.flow.state], "code": ["c"]}
            claimed = await of.signin.claim(DB, "own", answer, browser)
            found.append(of.signin.destination(claimed, await of.signin.complete(DB, claimed, answer, browser)))
        assert of.signin.destination(claimed, None) == found[1]
        of.adapter.users.clear()
        of.adapter.accounts.clear()
        return found

    for target in (None, "//evil.example", "https://evil.example/", "/auth/signout", "https://app.example/auth/x"):
        assert await destination(plain, target) == ["/home", "/home"]
        assert await destination(welcoming, target) == ["/welcome", "/home"]
    for target in ("/here", "https://app.example/here"):
        assert await destination(welcoming, target) == [target, target]


class Cleaning(DictAdapter):
    """Can clear away flows that nobody finished."""

    cleaned = 0

    async def delete_expired_oauth_states(self, db: object) -> int:
        self.cleaned += 1
        return 0


async def test_flows_that_nobody_finished_are_cleared_away_once_in_the_lifetime_of_a_flow() -> None:
    adapter = Cleaning()
    world = World(adapter)
    found: list[int] = []
    for seconds in (0, MAX_AGE - 1, 1, 0, MAX_AGE - 1, 1):
        world.clock.advance(seconds)
        await world.signin.start(DB, "own")
        found.append(adapter.cleaned)
    assert found == [0, 0, 1, 1, 1, 2]


async def test_a_name_in_the_answer_counts_only_where_the_profile_has_none(world: World) -> None:
    for subject, named, expected in (("a", None, "From the answer"), ("b", "Ada", "Ada")):
        world.naming.subject, world.naming.name = subject, named
        started = await world.signin.start(DB, "naming")
        answer = {"state": [started.flow.state], "code": ["c"]}
        browser = world.browser(started)
        claimed = await world.signin.claim(DB, "naming", answer, browser)
        result = await world.signin.complete(DB, claimed, answer, browser)
        assert result is not None
        assert result.user.name == expected


async def test_a_sign_up_is_told_once_and_a_sign_in_every_time(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="auth")
    for expected in (["signup", "signin"], ["signin"]):
        caplog.clear()
        started = await world.signin.start(DB, "own")
        answer = {"state": [started.flow.state], "code": ["c"]}
        browser = world.browser(started)
        await world.signin.complete(DB, await world.signin.claim(DB, "own", answer, browser), answer, browser)
        assert [vars(record)["event"] for record in caplog.records] == expected


async def test_no_step_shows_a_secret_of_the_flow(world: World) -> None:
    started = await world.signin.start(DB, "own", redirect_url="/here")
    claimed = await world.signin.claim(DB, "own", {"state": [started.flow.state]}, world.browser(started))
    shown = repr(started) + repr(claimed)
    for secret in (started.url, started.flow.state, started.flow.binder, started.flow.nonce, claimed.code_verifier):
        assert secret not in shown
