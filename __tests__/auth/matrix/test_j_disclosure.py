"""Section J of the attack matrix: texts, descriptions and logs."""

import pickle
from typing import Any

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.records import Records
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Launch, Site
from examples.alchemy.auth_models import Account, OAuthState, Session, User

from auth import OIDCProviderSettings

XSS = "<script>alert('canary-xss')</script>"


def views(value: Any) -> list[str]:
    """Every way in which an object becomes text."""
    texts = [
        repr(value),
        str(value),
        f"{value}",
        repr([value]),
        repr(vars(value)) if hasattr(value, "__dict__") else "",
    ]
    if hasattr(value, "model_dump"):
        texts += [str(value.model_dump()), value.model_dump_json(), str(dict(value))]
    return texts


def test_j01_settings_show_no_secret(op: HostileProvider, site: Site) -> None:
    provider = OIDCProviderSettings(issuer=op.issuer, client_id=op.client_id, client_secret=op.client_secret)
    for value in (site.auth.settings, provider, site.auth, site.runtime.settings, site.adapter):
        for text in views(value):
            assert SECRET not in text
            assert op.client_secret not in text
    for registered in site.auth.providers.values():
        for text in views(registered) + views(registered.provider):
            assert op.client_secret not in text


async def test_j01_rows_show_no_token_and_no_address(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_tokens="encrypt")
    browser = await site.signed_in()
    await browser.start()
    rows = [one for model in (User, Account, Session, OAuthState) for one in await site.rows(model)]
    for one in rows:
        for text in (repr(one), str(one)):
            assert "people.example" not in text
            for name in ("access_token", "refresh_token", "id_token", "code_verifier", "state"):
                value = getattr(one, name, None)
                assert not value or value not in text


async def test_j01_errors_of_settings_show_no_secret() -> None:
    from pydantic import ValidationError  # noqa: PLC0415 - only here

    from auth import AuthSettings  # noqa: PLC0415 - only here

    with pytest.raises(ValidationError) as caught:
        AuthSettings(secret="canary-short-secret", base_url="nonsense")
    assert "canary-short-secret" not in str(caught.value)
    assert "canary-short-secret" not in repr(caught.value)
    with pytest.raises(ValidationError) as caught:
        OIDCProviderSettings(issuer="nonsense", client_secret="canary-client-secret")
    assert "canary-client-secret" not in str(caught.value)


def test_j01_settings_are_not_pickled(op: HostileProvider, site: Site) -> None:
    provider = OIDCProviderSettings(issuer=op.issuer, client_id=op.client_id, client_secret=op.client_secret)
    for value in (site.auth.settings, provider):
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(value)


async def test_j02_nothing_secret_is_logged_when_everything_goes_wrong(
    launch: Launch, row: Row, op: HostileProvider, records: Records
) -> None:
    """The shared invariants look for secrets in every record; this row makes many records of many kinds."""
    row.expects(users=1, sessions=1, token_hits=6)
    site = await launch(provider_tokens="encrypt")
    browser = await site.signed_in()
    for claims in ({"iss": "x"}, {"nonce": "x"}, {"exp": 1}, {"sub": None}, {"email": "not an address"}):
        op.knobs.claims = claims
        answer = await site.browser(person("mallory")).sign_in()
        assert answer.status_code == 303
    await browser.get("/me?token=canary")
    assert {line.logger.partition(".")[0] for line in records.lines} >= {"auth", "httpx", "httpcore", "sqlalchemy"}
    ours = records.of("auth")
    assert len([line for line in ours if line.extras.get("event") == "refused"]) == 5
    for line in ours:
        assert "people.example" not in line.everything, line


@pytest.mark.parametrize("error", [XSS, "access_denied"])
async def test_j02_one_record_for_each_event(
    *, site: Site, row: Row, op: HostileProvider, records: Records, error: str
) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    assert_ok(await browser.post("/auth/signout"))
    op.knobs.callback_params = {"code": MISSING, "error": error}
    assert await site.browser(person("bob")).sign_in()
    events = [line.extras.get("event") for line in records.of("auth")]
    for name in ("signup", "signin", "signout", "refused"):
        assert events.count(name) == 1, (name, events)


async def test_j03_the_description_shows_no_secret(site: Site, op: HostileProvider) -> None:
    answer = await site.browser().get("/openapi.json")
    assert answer.status_code == 200
    for canary in (SECRET, op.client_secret, op.client_id, op.issuer, "people.example"):
        assert canary not in answer.text
    schemes = answer.json()["components"]["securitySchemes"]
    assert {"type": "apiKey", "in": "cookie", "name": "belgie_session"}.items() <= next(iter(schemes.values())).items()
    assert answer.json()["paths"]["/me"]["get"]["security"]
    for path in answer.json()["paths"].values():
        for operation in path.values():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert not {"db", "request", "client", "user", "args", "kwargs"} & set(names)
    docs = await site.browser().get("/docs")
    assert SECRET not in docs.text


HOSTILE_TEXTS = [
    "a\r\nfake: record",
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "a\u2028b",
    "a\u0085b",
    "a\x00b",
    "x" * 5000,
    "%s %d {0}",
]


async def test_j05_log_injection(site: Site, op: HostileProvider, records: Records) -> None:
    for text in HOSTILE_TEXTS:
        with case(text):
            op.knobs.callback_params = {"code": MISSING, "error": text, "error_description": text}
            browser = site.browser()
            url = await browser.reach_callback()
            agent = (
                text.encode("ascii", "ignore")
                .replace(b"\r", b"")
                .replace(b"\n", b"")
                .replace(b"\0", b"")[:3000]
                .strip()
            )
            answer = await browser.client.get(
                browser.at(url),
                headers=[(b"user-agent", agent), (b"cookie", browser.jar.header(browser.at(url)).encode())],
            )
            assert_er(answer, "provider_error")
            ours = records.of("auth")
            assert ours
            for line in ours:
                for shown in (line.text, *(str(value) for value in line.extras.values())):
                    assert shown.isprintable(), (shown, line)
                    assert len(shown) < 400


@pytest.mark.parametrize("name", ["a\r\nb", "\x1b[31m", "\u2028", "x" * 5000])
async def test_j05_names_and_agents_are_harmless_when_stored(site: Site, row: Row, name: str) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser(person("alice", name=name))
    url = await browser.reach_callback()
    agent = f"agent {'x' * 3000}".encode() + b"\xff\x1b[31m"
    cookie = browser.jar.header(browser.at(url)).encode()
    raw = await browser.client.get(browser.at(url), headers=[(b"user-agent", agent), (b"cookie", cookie)])
    assert_ok(raw)
    (session,) = await site.rows(Session)
    assert session.user_agent is not None
    assert session.user_agent.isprintable()
    assert len(session.user_agent) <= 512
