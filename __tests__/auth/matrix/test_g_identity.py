"""Section G of the attack matrix: who somebody is, e-mail addresses, and linking."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from __tests__.auth.hostile.browser import ARRIVAL, Browser
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_e400, assert_er, assert_error_json, assert_ok, assert_u401
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site
from auth import GoogleProviderSettings, LinkingPolicy
from examples.alchemy.auth_models import Account, User

type Launch = Callable[..., Awaitable[Site]]


async def signed_in(site: Site, name: str = "alice", provider: str = "op", /, **claims: object) -> Browser:
    browser = site.browser(person(name, **claims))
    assert_ok(await browser.sign_in(provider))
    return browser


async def emails(site: Site) -> list[str]:
    return sorted(user.email for user in await site.rows(User))


SAME_ADDRESS = [
    "alice@people.example",
    "ALICE@PEOPLE.EXAMPLE",
    "Alice@People.Example",
    " alice@people.example",
    "alice@people.example ",
    "\talice@people.example\n",
]


@pytest.mark.parametrize("address", SAME_ADDRESS)
async def test_g01_one_normal_form_of_an_address(site: Site, row: Row, address: str) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=1)
    await signed_in(site)
    twin = site.browser(person("mallory", email=address, email_verified=False))
    assert_er(await twin.sign_in("evil"), "account_not_linked")
    assert await emails(site) == ["alice@people.example"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("e\u0301va@people.example", "\u00e9va@people.example"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
        ("a@B\u00dcCHER.example", "a@b\u00fccher.example"),
        ("k@people.example", "\u212a@people.example"),  # NFC makes the Kelvin sign a K
    ],
    ids=["nfc", "idna", "idna-case", "kelvin"],
)
async def test_g01_unicode_forms_are_one_address(site: Site, row: Row, first: str, second: str) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=1)
    await signed_in(site, email=first)
    twin = site.browser(person("mallory", email=second, email_verified=False))
    assert_er(await twin.sign_in("evil"), "account_not_linked")


@pytest.mark.parametrize("character", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u034f", "\u115f"])
@pytest.mark.parametrize("place", ["local", "domain"])
async def test_g01_invisible_characters(site: Site, row: Row, character: str, place: str) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    await signed_in(site)
    address = f"ali{character}ce@people.example" if place == "local" else f"alice@peo{character}ple.example"
    twin = site.browser(person("mallory", email=address))
    assert_er(await twin.sign_in(), "invalid_email", "account_not_linked")
    assert await emails(site) == ["alice@people.example"]


@pytest.mark.parametrize(
    ("letter", "plain"),
    [("\u0130", "i"), ("\u0131", "i"), ("\u017f", "s"), ("\u1e9e", "ss"), ("\uff41", "a")],
    ids=["dotted-i", "dotless-i", "long-s", "sharp-s", "full-width"],
)
async def test_g01_only_ascii_letters_are_folded(site: Site, row: Row, letter: str, plain: str) -> None:
    row.expects(users=2, sessions=2)
    await signed_in(site, "first", email=f"{plain}@people.example")
    await signed_in(site, "second", email=f"{letter}@people.example")
    assert len(set(await emails(site))) == 2


@pytest.mark.parametrize("domain", ["people.ex\u0430mple", "\u0440eople.example"], ids=["mixed-script", "cyrillic-er"])
async def test_g03_homograph_domain(site: Site, row: Row, domain: str) -> None:
    row.expects(users=2, sessions=2)
    await signed_in(site)
    await signed_in(site, "mallory", email=f"alice@{domain}")
    stored = domain.encode("idna").decode()  # Python's own, older rules agree on these
    assert stored.count("xn--") == 1
    assert await emails(site) == sorted(["alice@people.example", f"alice@{stored}"])


@pytest.mark.parametrize(
    "address",
    [
        "a@people.example,b@people.example",
        "a@people.example;b@people.example",
        "a@people.example b@people.example",
        '"a b"@people.example',
        '"a"@people.example',
        "a@people.example\r\nBcc: b@people.example",
        "a\r\n@people.example",
        "a(comment)@people.example",
        "Alice <a@people.example>",
        "<a@people.example>",
        "a@b@people.example",
        "@people.example",
        "a@",
        "a",
        "a@.example",
        "a@people..example",
        "a@-people.example",
        "a..b@people.example",
        ".a@people.example",
        "a.@people.example",
        "a@people.example.",
        "a@[127.0.0.1]",
        "a@people example",
        "a\x00@people.example",
        "a@people.example\x00",
        "\ud800@people.example",
        f"{'a' * 65}@people.example",
        f"a@{'b' * 64}.example",
        f"a@{'.'.join(['b' * 60] * 6)}.example",
        "a" * 400 + "@people.example",
        "mailto:a@people.example",
        "a%40b@people.example?x",
        "a\u2028@people.example",
    ],
)
async def test_g05_address_that_is_none(site: Site, row: Row, address: str) -> None:
    row.expects(token_hits=1)
    browser = site.browser(person("mallory", email=address))
    assert_er(await browser.sign_in(), "invalid_email")


@pytest.mark.parametrize("address", [MISSING, None, 7, "", ["a@people.example"], {"a": 1}, True])
async def test_g05_no_address(site: Site, row: Row, op: HostileProvider, address: object) -> None:
    row.expects(token_hits=1)
    op.knobs.claims = {"email": address}
    op.knobs.userinfo_members = {"email": address}
    assert_er(await site.browser().sign_in(), "email_required", "invalid_email")


async def test_g06_plus_tags_and_dots_are_different_people(site: Site, row: Row) -> None:
    addresses = ["alice@gmail.example", "a.lice@gmail.example", "alice+x@gmail.example", "alice@googlemail.example"]
    row.expects(users=4, sessions=4)
    for number, address in enumerate(addresses):
        await signed_in(site, f"p{number}", email=address)
    assert await emails(site) == sorted(addresses)


@pytest.mark.parametrize(
    "verified",
    [False, MISSING, "false", "true", "True", 1, 0, None, "", [], [True], {"verified": True}],
    ids=str,
)
async def test_g07_only_true_means_verified(site: Site, row: Row, evil: HostileProvider, verified: object) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=1)
    await signed_in(site, "victim")
    evil.knobs.claims = {"email_verified": verified}
    attacker = site.browser(person("mallory", email="victim@people.example"))
    assert_er(await attacker.sign_in("evil"), "account_not_linked")


async def test_g07_both_sides_verified(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=2, token_hits=1, evil_token_hits=1)
    await signed_in(site)
    await signed_in(site, "alice", "evil")


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
    await signed_in(site, "victim")
    attacker = site.browser(person("mallory", email="victim@people.example", email_verified=False))
    assert_er(await attacker.sign_in("evil"), "account_not_linked")


async def test_g09_the_owner_links_while_signed_in(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=2, token_hits=1, evil_token_hits=3)
    owner = await signed_in(site, "victim")
    unproved = person("victim-there", email="victim@people.example", email_verified=False)
    stranger = site.browser(unproved)
    assert_er(await stranger.sign_in("evil"), "account_not_linked")
    link = await owner.post("/auth/provider/evil/link?redirect_url=/settings")
    assert_ok(await owner.callback(await owner.authorize(link, unproved)), "/settings")
    assert {account["provider"] for account in (await owner.get("/auth/accounts")).json()} == {"op", "evil"}
    assert_ok(await stranger.sign_in("evil"))
    assert (await stranger.me()).json()["id"] == (await owner.me()).json()["id"]


async def test_g10_same_subject_with_a_new_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2, token_hits=2)
    before = await signed_in(site, "alice")
    after = await signed_in(site, "alice", email="alice.new@people.example")
    assert (await before.me()).json()["id"] == (await after.me()).json()["id"]
    (user,) = await site.rows(User)
    assert user.email in {"alice@people.example", "alice.new@people.example"}


async def test_g10_an_unproved_new_address_changes_nothing(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2)
    await signed_in(site, "alice")
    await signed_in(site, "alice", email="boss@people.example", email_verified=False)
    (user,) = await site.rows(User)
    assert (user.email, user.email_verified) == ("alice@people.example", True)


async def test_g10_a_new_address_that_somebody_has(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=3, token_hits=3)
    await signed_in(site, "alice")
    await signed_in(site, "bob")
    await signed_in(site, "alice", email="bob@people.example")
    assert await emails(site) == ["alice@people.example", "bob@people.example"]


async def test_g10_new_subject_with_an_old_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    await signed_in(site, "alice")
    heir = site.browser(person("somebody-new", email="alice@people.example"))
    assert_er(await heir.sign_in(), "account_not_linked")


async def test_g11_subjects_differ_by_case(site: Site, row: Row) -> None:
    row.expects(users=3, sessions=3)
    for number, subject in enumerate(["abc", "ABC", "Abc"]):
        await signed_in(site, subject, sub=subject, email=f"p{number}@people.example")


@pytest.mark.parametrize(
    "twins",
    [("a", "a "), ("e\u0301", "\u00e9"), ("1", "01"), ("a", "\u0430"), ("a%", "ab"), ("a_", "ab"), ("\u212a", "K")],
    ids=["space", "nfc", "zero", "homograph", "percent", "underscore", "kelvin"],
)
async def test_g11_subjects_are_compared_to_the_letter(site: Site, row: Row, twins: tuple[str, str]) -> None:
    row.expects(users=2, sessions=2)
    for number, subject in enumerate(twins):
        await signed_in(site, "twin", sub=subject, email=f"p{number}@people.example")


async def test_g11_same_subject_at_two_issuers(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=1)
    first = await signed_in(site, "same", "op", email="first@people.example")
    second = await signed_in(site, "same", "evil", email="second@people.example")
    assert (await first.me()).json()["id"] != (await second.me()).json()["id"]


async def test_g11_a_renamed_provider_is_another_one(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    await signed_in(await launch(), "alice")
    renamed = await launch(providers={"renamed": op, "op": op})
    stranger = renamed.browser(person("alice", email_verified=False))
    assert_er(await stranger.sign_in("renamed"), "account_not_linked")


async def test_g12_link_an_account_of_somebody_else(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=2)
    await signed_in(site, "bob", "evil")
    alice = await signed_in(site, "alice")
    link = await alice.post("/auth/provider/evil/link")
    assert_er(await alice.callback(await alice.authorize(link, person("bob"))), "account_in_use")
    assert [account["provider"] for account in (await alice.get("/auth/accounts")).json()] == ["op"]


async def test_g12_a_second_account_at_one_provider(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    alice = await signed_in(site, "alice")
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
    browser = await signed_in(site)
    assert_error_json(await browser.delete("/auth/accounts/op"), 409, "last_account")


async def test_g13_unlink_one_of_two(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=1, sessions=2, token_hits=1, evil_token_hits=2)
    browser = await signed_in(site)
    twin = await signed_in(site, "alice", "evil")
    assert (await browser.delete("/auth/accounts/evil")).status_code == 204
    assert_error_json(await browser.delete("/auth/accounts/op"), 409, "last_account")
    assert (await twin.me()).status_code == 200
    stranger = site.browser(person("alice", email_verified=False))
    assert_er(await stranger.sign_in("evil"), "account_not_linked")


@pytest.mark.parametrize("provider", ["evil", "unknown", "%00", "' OR 1=1--", "a" * 500])
async def test_g13_unlink_what_is_not_mine(site: Site, row: Row, provider: str) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=1)
    await signed_in(site, "bob", "evil")
    alice = await signed_in(site, "alice")
    assert_error_json(await alice.delete(f"/auth/accounts/{provider}"), 404, "not_found")


async def test_a16_link_flow_finished_after_sign_out(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    alice = await signed_in(site)
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("mallory"))
    assert_ok(await alice.post("/auth/signout"))
    answer = await alice.callback(url)
    assert_e400(answer, "invalid_state", "link_session_mismatch")


async def test_a16_link_flow_finished_by_another_user(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=2)
    browser = await signed_in(site)
    url = await browser.authorize(await browser.post("/auth/provider/evil/link"), person("mallory"))
    browser.user = person("bob")
    assert_ok(await browser.sign_in())
    assert_e400(await browser.callback(url), "invalid_state", "link_session_mismatch")


async def test_a16_sign_in_flow_links_nothing(site: Site, row: Row) -> None:
    """A victim who is signed in is made to finish the attacker's sign-in: nothing of theirs is linked."""
    row.expects(users=1, sessions=1)
    victim = await signed_in(site, "victim")
    attacker = site.browser(person("mallory"))
    url = await attacker.reach_callback("evil")
    assert_e400(await victim.callback(url), "invalid_state")
    assert [account["provider"] for account in (await victim.get("/auth/accounts")).json()] == ["op"]


async def test_a16_link_flow_of_another_browser(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    attacker, victim = await signed_in(site, "mallory"), await signed_in(site, "victim")
    url = await attacker.authorize(await attacker.post("/auth/provider/evil/link"), person("mallory"))
    assert_e400(await victim.callback(url), "invalid_state")
    (cookie,) = attacker.flow_cookies
    both = f"{victim.jar.header(victim.base)}; {cookie.name}={cookie.value}"
    stolen = await victim.raw("GET", url, [*ARRIVAL.items(), ("cookie", both)])
    assert_e400(stolen, "invalid_state", "link_session_mismatch")
    assert [account["provider"] for account in (await victim.get("/auth/accounts")).json()] == ["op"]


async def test_a16_a_link_flow_begins_no_session(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=1, token_hits=1, evil_token_hits=1)
    alice = await signed_in(site)
    before = alice.session_cookie
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("alice-there"))
    assert_ok(await alice.callback(url))
    assert alice.session_cookie == before
    assert (await alice.me()).status_code == 200


async def test_a16_linking_needs_a_session(site: Site) -> None:
    browser = site.browser()
    assert_u401(await browser.post("/auth/provider/op/link"))
    assert await site.states() == 0


def google(op: HostileProvider, **options: Any) -> GoogleProviderSettings:
    return GoogleProviderSettings(issuer=op.issuer, client_id=op.client_id, client_secret=op.client_secret, **options)


@pytest.mark.parametrize(
    "hd", [MISSING, None, "", "other.example", "CORP.example", "corp.example.evil", ["corp.example"]]
)
async def test_g14_the_hosted_domain_is_a_verified_claim(
    launch: Launch, row: Row, op: HostileProvider, hd: object
) -> None:
    row.expects(token_hits=1)
    site = await launch(providers={"google": google(op, hd="corp.example"), "op": op})
    op.knobs.claims = {"hd": hd}
    op.knobs.userinfo_members = {"hd": "corp.example"}
    browser = site.browser(person("mallory", email="mallory@corp.example"))
    assert_er(await browser.sign_in("google"), "access_denied")
    (asked,) = op.requests("authorize")
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


async def test_g15_a_refused_sign_in_tells_nothing_about_the_user(site: Site, row: Row) -> None:
    """Whether the address belongs to a verified or an unverified user makes no difference to the answer."""
    row.expects(users=2, sessions=2, token_hits=2, evil_token_hits=2)
    await signed_in(site, "verified")
    await signed_in(site, "unverified", email_verified=False)
    answers = []
    for name in ("verified", "unverified"):
        attacker = site.browser(person("mallory", email=f"{name}@people.example", email_verified=False))
        answers.append(await attacker.sign_in("evil"))
    first, second = ((answer.status_code, answer.headers["location"], answer.content) for answer in answers)
    assert first == second


async def test_g16_the_user_is_the_subject_and_nothing_else(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2)
    first = await signed_in(site, "alice", preferred_username="alice", oid="1")
    second = await signed_in(site, "alice", preferred_username="bob", oid="2", name="Somebody")
    ids = {UUID((await browser.me()).json()["id"]) for browser in (first, second)}
    assert len(ids) == 1
