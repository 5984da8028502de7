"""Section G of the attack matrix: who somebody is, and which addresses are one."""

from uuid import UUID

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import User


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


async def test_g01_one_normal_form_of_an_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=6)
    await site.signed_in()
    for address in SAME_ADDRESS:
        with case(address):
            twin = site.browser(person("mallory", email=address, email_verified=False))
            assert_er(await twin.sign_in("evil"), "account_not_linked")
            assert await emails(site) == ["alice@people.example"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("e\u0301va@people.example", "\u00e9va@people.example"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
        ("a@B\u00dcCHER.example", "a@b\u00fccher.example"),
    ],
    ids=["nfc", "idna", "idna-case"],
)
async def test_g01_unicode_forms_are_one_address(site: Site, row: Row, first: str, second: str) -> None:
    row.expects(users=1, sessions=1, evil_token_hits=1)
    await site.signed_in(email=first)
    twin = site.browser(person("mallory", email=second, email_verified=False))
    assert_er(await twin.sign_in("evil"), "account_not_linked")


async def test_g01_invisible_characters(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=17)
    await site.signed_in()
    for character in ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u034f", "\u115f"]:
        for place in ["local", "domain"]:
            with case((character, place)):
                address = f"ali{character}ce@people.example" if place == "local" else f"alice@peo{character}ple.example"
                twin = site.browser(person("mallory", email=address))
                assert_er(await twin.sign_in(), "invalid_email", "account_not_linked")
                assert await emails(site) == ["alice@people.example"]


@pytest.mark.parametrize(
    ("letter", "plain"),
    [("\u0130", "i"), ("\u0131", "i"), ("\u017f", "s"), ("\u1e9e", "ss"), ("\uff41", "a"), ("\u212a", "k")],
    ids=["dotted-i", "dotless-i", "long-s", "sharp-s", "full-width", "kelvin"],
)
async def test_g01_only_ascii_letters_are_folded(site: Site, row: Row, letter: str, plain: str) -> None:
    row.expects(users=2, sessions=2)
    await site.signed_in("first", email=f"{plain}@people.example")
    await site.signed_in("second", email=f"{letter}@people.example")
    assert len(set(await emails(site))) == 2


@pytest.mark.parametrize("domain", ["people.ex\u0430mple", "\u0440eople.example"], ids=["mixed-script", "cyrillic-er"])
async def test_g03_homograph_domain(site: Site, row: Row, domain: str) -> None:
    row.expects(users=2, sessions=2)
    await site.signed_in()
    await site.signed_in("mallory", email=f"alice@{domain}")
    stored = domain.encode("idna").decode()  # Python's own, older rules agree on these
    assert stored.count("xn--") == 1
    assert await emails(site) == sorted(["alice@people.example", f"alice@{stored}"])


async def test_g05_address_that_is_none(site: Site, row: Row) -> None:
    row.expects(token_hits=33)
    for address in [
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
    ]:
        with case(address):
            browser = site.browser(person("mallory", email=address))
            assert_er(await browser.sign_in(), "invalid_email")


async def test_g05_no_address(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=7)
    for address in [MISSING, None, 7, "", ["a@people.example"], {"a": 1}, True]:
        op.turn_honest()
        with case(address):
            op.knobs.claims = {"email": address}
            op.knobs.userinfo_members = {"email": address}
            assert_er(await site.browser().sign_in(), "email_required", "invalid_email")


async def test_g06_plus_tags_and_dots_are_different_people(site: Site, row: Row) -> None:
    addresses = ["alice@gmail.example", "a.lice@gmail.example", "alice+x@gmail.example", "alice@googlemail.example"]
    row.expects(users=4, sessions=4)
    for number, address in enumerate(addresses):
        await site.signed_in(f"p{number}", email=address)
    assert await emails(site) == sorted(addresses)


async def test_g10_same_subject_with_a_new_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2, token_hits=2)
    before = await site.signed_in("alice")
    after = await site.signed_in("alice", email="alice.new@people.example")
    assert (await before.me()).json()["id"] == (await after.me()).json()["id"]
    (user,) = await site.rows(User)
    assert user.email in {"alice@people.example", "alice.new@people.example"}


async def test_g10_an_unproved_new_address_changes_nothing(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2)
    await site.signed_in("alice")
    await site.signed_in("alice", email="boss@people.example", email_verified=False)
    (user,) = await site.rows(User)
    assert (user.email, user.email_verified) == ("alice@people.example", True)


async def test_g10_a_new_address_that_somebody_has(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=3, token_hits=3)
    await site.signed_in("alice")
    await site.signed_in("bob")
    await site.signed_in("alice", email="bob@people.example")
    assert await emails(site) == ["alice@people.example", "bob@people.example"]


async def test_g10_new_subject_with_an_old_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    await site.signed_in("alice")
    heir = site.browser(person("somebody-new", email="alice@people.example"))
    assert_er(await heir.sign_in(), "account_not_linked")


async def test_g11_subjects_differ_by_case(site: Site, row: Row) -> None:
    row.expects(users=3, sessions=3)
    for number, subject in enumerate(["abc", "ABC", "Abc"]):
        await site.signed_in(subject, sub=subject, email=f"p{number}@people.example")


@pytest.mark.parametrize(
    "twins",
    [("a", "a "), ("e\u0301", "\u00e9"), ("1", "01"), ("a", "\u0430"), ("a%", "ab"), ("a_", "ab"), ("\u212a", "K")],
    ids=["space", "nfc", "zero", "homograph", "percent", "underscore", "kelvin"],
)
async def test_g11_subjects_are_compared_to_the_letter(site: Site, row: Row, twins: tuple[str, str]) -> None:
    row.expects(users=2, sessions=2)
    for number, subject in enumerate(twins):
        await site.signed_in("twin", sub=subject, email=f"p{number}@people.example")


async def test_g11_same_subject_at_two_issuers(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=1, evil_token_hits=1)
    first = await site.signed_in("same", "op", email="first@people.example")
    second = await site.signed_in("same", "evil", email="second@people.example")
    assert (await first.me()).json()["id"] != (await second.me()).json()["id"]


async def test_g11_a_renamed_provider_is_another_one(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    await (await launch()).signed_in("alice")
    renamed = await launch(providers={"renamed": op, "op": op})
    stranger = renamed.browser(person("alice", email_verified=False))
    assert_er(await stranger.sign_in("renamed"), "account_not_linked")


async def test_g00_the_user_is_the_subject_and_nothing_else(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=2)
    first = await site.signed_in("alice", preferred_username="alice", oid="1")
    second = await site.signed_in("alice", preferred_username="bob", oid="2", name="Somebody")
    ids = {UUID((await browser.me()).json()["id"]) for browser in (first, second)}
    assert len(ids) == 1
