"""Sections B and G of the attack matrix: what is true of Google alone."""

from typing import Any

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch

from auth import GoogleProviderSettings


def google(op: HostileProvider, **options: Any) -> GoogleProviderSettings:
    return GoogleProviderSettings(issuer=op.issuer, client_id=op.client_id, client_secret=op.client_secret, **options)


async def test_g14_the_hosted_domain_is_a_verified_claim(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=7)
    site = await launch(providers={"google": google(op, hd="corp.example"), "op": op})
    for hd in [MISSING, None, "", "other.example", "CORP.example", "corp.example.evil", ["corp.example"]]:
        with case(hd):
            op.knobs.claims = {"hd": hd}
            op.knobs.userinfo_members = {"hd": "corp.example"}
            browser = site.browser(person("mallory", email="mallory@corp.example"))
            assert_er(await browser.sign_in("google"), "access_denied")
            asked = op.requests("authorize")[-1]
            assert asked.query["hd"] == "corp.example"


async def test_g14_a_user_of_the_hosted_domain(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(providers={"google": google(op, hd="corp.example"), "op": op})
    op.knobs.claims = {"hd": "corp.example"}
    assert_ok(await site.browser().sign_in("google"))


@pytest.mark.parametrize("provider", ["google", "op"])
async def test_b06_googles_second_spelling_is_googles_alone(
    launch: Launch, row: Row, op: HostileProvider, provider: str
) -> None:
    site = await launch(providers={"google": google(op), "op": op})
    op.knobs.claims = {"iss": "accounts.google.com"}
    if provider == "google":
        row.expects(users=1, sessions=1)
        assert_ok(await site.browser().sign_in(provider))
    else:
        row.expects(token_hits=1)
        assert_er(await site.browser().sign_in(provider), "invalid_id_token")
