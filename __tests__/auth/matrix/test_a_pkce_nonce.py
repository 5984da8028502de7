"""Section A of the attack matrix: PKCE and nonce."""

import asyncio

import pytest
from __tests__.auth.hostile.browser import NAVIGATION, Browser, query_of, with_query
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site


async def test_a08_pkce_is_never_downgraded(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(users=1, sessions=5)
    for methods in [MISSING, ["plain"], [], "S256", ["S256", "plain"]]:
        op.seen.clear()
        op.turn_honest()
        site.stage.clock.forget()
        browser = site.browser()
        with case(methods):
            op.knobs.metadata = {"code_challenge_methods_supported": methods}
            op.knobs.checks_pkce = False
            assert_ok(await browser.sign_in())
            (asked,) = op.requests("authorize")
            assert asked.query["code_challenge_method"] == "S256"
            assert asked.query["response_type"] == "code"
            assert len(asked.query["code_challenge"]) == 43
            (exchange,) = op.requests("token")
            assert 43 <= len(exchange.form["code_verifier"]) <= 128


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # chance is not the database's affair
async def test_a08_a_thousand_flows_share_nothing(browser: Browser) -> None:
    starts = []
    for _ in range(20):
        batch = (browser.raw("GET", "/auth/provider/op/signin", list(NAVIGATION.items())) for _ in range(50))
        starts += await asyncio.gather(*batch)
    queries = [query_of(start.headers["location"]) for start in starts]
    for name in ("state", "nonce", "code_challenge"):
        values = {query[name] for query in queries}
        assert len(values) == 1000, name
        assert all(len(value) >= 43 for value in values), name  # 256 bits in base64url


@pytest.mark.parametrize("checks_pkce", [True, False], ids=["pkce", "no-pkce"])
async def test_a09_code_injection(site: Site, row: Row, op: HostileProvider, checks_pkce: bool) -> None:
    row.expects(token_hits=1)
    op.knobs.checks_pkce = checks_pkce
    victim, attacker = site.browser(person("victim")), site.browser(person("attacker"))
    stolen = query_of(await victim.reach_callback())["code"]
    url = await attacker.reach_callback()
    answer = await attacker.callback(with_query(url, code=stolen))
    assert_er(answer, "token_exchange_failed" if checks_pkce else "invalid_id_token")


async def test_a10_wrong_nonce(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(token_hits=8)
    for nonce in [MISSING, None, "", "another", 0, True, ["a"], {"a": "b"}]:
        op.turn_honest()
        browser = site.browser()
        with case(nonce):
            op.knobs.claims = {"nonce": nonce}
            assert_er(await browser.sign_in(), "invalid_id_token")


async def test_a10_nonce_in_a_list(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    start = await browser.start()
    op.knobs.claims = {"nonce": [query_of(start.headers["location"])["nonce"]]}
    assert_er(await browser.callback(await browser.authorize(start)), "invalid_id_token")


async def test_a10_old_id_token_in_a_new_flow(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    victim, attacker = site.browser(person("victim")), site.browser(person("victim"))
    assert_ok(await victim.sign_in())
    op.knobs.id_token = next(token for token in op.issued if token.count(".") == 2)
    assert_er(await attacker.sign_in(), "invalid_id_token")


async def test_a10_nonce_declared_unsupported(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    op.knobs.metadata = {"nonce_supported": False}
    op.knobs.claims = {"nonce": MISSING, "nonce_supported": False}
    assert_er(await browser.sign_in(), "invalid_id_token")


@pytest.mark.parametrize("methods", [MISSING, ["plain"], []], ids=["missing", "plain", "none"])
async def test_a08_pkce_can_be_demanded(launch: Launch, op: HostileProvider, methods: object) -> None:
    """The description is read at the first sign-in, so the policy speaks then, and not when the application starts."""
    site = await launch(provider_options={"require_pkce": True})
    op.knobs.metadata = {"code_challenge_methods_supported": methods}
    browser = site.browser()
    assert_er(await browser.start(), "provider_misconfigured")
    assert len(browser.jar) == 0
