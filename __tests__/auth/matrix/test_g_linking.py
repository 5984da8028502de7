"""Section G of the attack matrix: when an account becomes a user's, and when it does not."""

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_error_json, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import Account, User

from auth import LinkingPolicy


async def test_g07_only_true_means_verified(site: Site, row: Row, evil: HostileProvider) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=12)
    await site.signed_in("victim")
    for verified in [False, MISSING, "false", "true", "True", 1, 0, None, "", [], [True], {"verified": True}]:
        with case(verified):
            evil.knobs.claims = {"email_verified": verified}
            attacker = site.browser(person("mallory", email="victim@people.example"))
            assert_er(await attacker.sign_in("evil"), "account_not_linked")


async def test_g07_both_sides_verified(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=2, token_hits=1, evil_token_hits=1)
    await site.signed_in()
    await site.signed_in("alice", "evil")


@pytest.mark.parametrize("verified", [False, "true", 1, None])
async def test_g07_a_new_user_is_stored_as_what_was_proved(
    site: Site, row: Row, op: HostileProvider, verified: object
) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"email_verified": verified}
    assert_ok(await site.browser().sign_in())
    (user,) = await site.rows(User)
    assert user.email_verified is False


async def test_g08_pre_registered_address(site: Site, row: Row) -> None:
    """The attacker signs up with the victim's address, unproved; the victim comes with proof and is not let into it."""
    row.expects(users=1, sessions=1, token_hits=1, evil_token_hits=1)
    attacker = site.browser(person("mallory", email="victim@people.example", email_verified=False))
    assert_ok(await attacker.sign_in("evil"))
    victim = site.browser(person("victim"))
    assert_er(await victim.sign_in("op"), "account_not_linked")
    assert victim.session_cookie is None


async def test_g08_a_trusted_provider_still_has_to_say_verified(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=1, evil_token_hits=1)
    site = await launch(linking=LinkingPolicy(trusted_providers=["op", "evil"]))
    await site.signed_in("victim")
    attacker = site.browser(person("mallory", email="victim@people.example", email_verified=False))
    assert_er(await attacker.sign_in("evil"), "account_not_linked")


async def test_g09_the_owner_links_while_signed_in(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=2, token_hits=1, evil_token_hits=3)
    owner = await site.signed_in("victim")
    unproved = person("victim-there", email="victim@people.example", email_verified=False)
    stranger = site.browser(unproved)
    assert_er(await stranger.sign_in("evil"), "account_not_linked")
    link = await owner.post("/auth/provider/evil/link?redirect_url=/settings")
    assert_ok(await owner.callback(await owner.authorize(link, unproved)), "/settings")
    assert {account["provider"] for account in (await owner.get("/auth/accounts")).json()} == {"op", "evil"}
    assert_ok(await stranger.sign_in("evil"))
    assert (await stranger.me()).json()["id"] == (await owner.me()).json()["id"]


async def test_g12_link_an_account_of_somebody_else(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=2)
    await site.signed_in("bob", "evil")
    alice = await site.signed_in("alice")
    link = await alice.post("/auth/provider/evil/link")
    assert_er(await alice.callback(await alice.authorize(link, person("bob"))), "account_in_use")
    assert [account["provider"] for account in (await alice.get("/auth/accounts")).json()] == ["op"]


async def test_g12_a_second_account_at_one_provider(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    alice = await site.signed_in("alice")
    link = await alice.post("/auth/provider/op/link")
    assert_er(
        await alice.callback(await alice.authorize(link, person("alice-too"))),
        "provider_already_linked",
        "account_in_use",
    )
    (account,) = await site.rows(Account)
    assert account.provider_account_id == "alice"


async def test_g13_the_last_account_stays(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    assert_error_json(await browser.delete("/auth/accounts/op"), 409, "last_account")


async def test_g13_unlink_one_of_two(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=1, sessions=2, token_hits=1, evil_token_hits=2)
    browser = await site.signed_in()
    twin = await site.signed_in("alice", "evil")
    assert (await browser.delete("/auth/accounts/evil")).status_code == 204
    assert_error_json(await browser.delete("/auth/accounts/op"), 409, "last_account")
    assert (await twin.me()).status_code == 200
    stranger = site.browser(person("alice", email_verified=False))
    assert_er(await stranger.sign_in("evil"), "account_not_linked")


async def test_g13_unlink_what_is_not_mine(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=1)
    await site.signed_in("bob", "evil")
    alice = await site.signed_in("alice")
    for provider in ["evil", "unknown", "%00", "' OR 1=1--", "a" * 500]:
        with case(provider):
            assert_error_json(await alice.delete(f"/auth/accounts/{provider}"), 404, "not_found")


async def test_g15_a_refused_sign_in_tells_nothing_about_the_user(site: Site, row: Row) -> None:
    """Whether the address belongs to a verified or an unverified user makes no difference to the answer."""
    row.expects(users=2, sessions=2, token_hits=2, evil_token_hits=2)
    await site.signed_in("verified")
    await site.signed_in("unverified", email_verified=False)
    answers = []
    for name in ("verified", "unverified"):
        attacker = site.browser(person("mallory", email=f"{name}@people.example", email_verified=False))
        answers.append(await attacker.sign_in("evil"))
    first, second = ((answer.status_code, answer.headers["location"], answer.content) for answer in answers)
    assert first == second
