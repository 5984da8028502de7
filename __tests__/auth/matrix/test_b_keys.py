"""Section B of the attack matrix: the key set: rotation, floods, and bodies without end."""

import asyncio
import json
import secrets
import time
import tracemalloc
from collections.abc import Callable

import pytest
from __tests__.auth.hostile import raw
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.keys import ec_key, rsa_key
from __tests__.auth.hostile.knobs import MISSING, Answer
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site

type Turn = Callable[[HostileProvider], None]


ELLIPTIC = ec_key("an-elliptic-key")


async def refuses(browser: Browser, row: Row) -> None:
    """The sign-in reaches the token endpoint once more and ends at the error page."""
    row.token_hits["op"] = row.token_hits.get("op", 0) + 1
    assert_er(await browser.sign_in(), "invalid_id_token")


async def test_b13_rotated_key_is_fetched_once(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("before")).sign_in())
    assert op.hits["jwks"] == 1
    site.stage.clock.advance(61)  # a refetch is allowed once a minute
    new = rsa_key("the-next-key")
    op.knobs.keys = (op.key, new)
    op.knobs.signer = new
    assert_ok(await site.browser(person("after")).sign_in())
    assert op.hits["jwks"] == 2


async def test_b14_random_key_ids_do_not_hammer_the_key_set(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=101)
    assert_ok(await site.browser(person("warm")).sign_in())
    site.stage.clock.advance(61)
    op.knobs.header = {"kid": lambda: secrets.token_hex(8)}
    urls = [(browser := site.browser(), await browser.reach_callback()) for _ in range(100)]
    answers = await asyncio.gather(*(browser.callback(url) for browser, url in urls))
    for answer in answers:
        assert_er(answer, "invalid_id_token")
    assert op.hits["jwks"] <= 2


async def test_b14_cold_key_set_is_fetched_by_one(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=20, sessions=20)
    urls = [(browser := site.browser(person(f"p{number}")), await browser.reach_callback()) for number in range(20)]
    op.knobs.delays = {"jwks": 0.2}
    answers = await asyncio.gather(*(browser.callback(url) for browser, url in urls))
    for answer in answers:
        assert_ok(answer)
    assert op.hits["jwks"] == 1
    assert op.hits["discovery"] == 1


async def test_b15_no_key_id_and_one_key(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.header = {"kid": MISSING}
    assert_ok(await browser.sign_in())


async def test_b15_no_key_id_and_one_fitting_key_of_several(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.keys = (ELLIPTIC, op.key)
    op.knobs.header = {"kid": MISSING}
    assert_ok(await browser.sign_in())


async def test_b15_no_key_id_and_no_fitting_key(row: Row, op: HostileProvider, site: Site) -> None:
    for members in [{"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}, {"n": "AQAB"}, {"n": 7}]:
        op.turn_honest()
        site.stage.clock.forget()
        browser = site.browser()
        with case(members):
            op.knobs.jwks = {"keys": [op.key.public_jwk(**members), ELLIPTIC.public_jwk()]}
            op.knobs.header = {"kid": MISSING}
            await refuses(browser, row)


async def test_b15_key_id_of_another_kind_of_key(browser: Browser, row: Row, op: HostileProvider) -> None:
    op.knobs.keys = (op.key, ELLIPTIC)
    op.knobs.header = {"kid": ELLIPTIC.kid}
    await refuses(browser, row)


async def test_b15_strange_key_id(row: Row, op: HostileProvider, site: Site) -> None:
    for kid in [7, None, ["a"], {"a": 1}, "", "../../../etc/passwd", "' OR 1=1--"]:
        site.stage.clock.advance(61)
        op.turn_honest()
        browser = site.browser()
        with case(kid):
            op.knobs.header = {"kid": kid}
            await refuses(browser, row)


@pytest.mark.parametrize(
    "behaviour", [raw.fifty_megabytes, raw.never_ends, raw.gzip_bomb], ids=["fifty-mb", "never-ends", "gzip-bomb"]
)
async def test_b18_key_set_without_end(site: Site, row: Row, op: HostileProvider, behaviour: raw.Behaviour) -> None:
    row.expects(token_hits=1)
    server = raw.RawServer(behaviour)
    op.knobs.metadata = {"jwks_uri": server.serve(site.stage.outside)}
    browser = site.browser()
    url = await browser.reach_callback()
    tracemalloc.start()
    started = time.monotonic()
    try:
        answer = await browser.callback(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_er(answer, "provider_unavailable")
    assert time.monotonic() - started < 5
    assert peak < 20 * raw.MEBIBYTE


@pytest.mark.parametrize("number", [101, 100_000])
async def test_b18_too_many_keys(site: Site, row: Row, op: HostileProvider, number: int) -> None:
    row.expects(token_hits=1)
    few = [{"kty": "oct", "k": "AA", "kid": str(index)} for index in range(number - 1)]
    body = json.dumps({"keys": [*few, op.key.public_jwk()]}).encode()
    op.knobs.answers = {"jwks": Answer(body=body)}
    assert_er(await site.browser().sign_in(), "provider_unavailable")


async def test_b19_no_key_set_when_cold(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=8)
    for answer in [
        Answer(500),
        Answer(404, b"{}"),
        Answer(200, b"<html>"),
        Answer(200, b"{}"),
        Answer(200, b"[]"),
        Answer(200, b'{"keys": {}}'),
        Answer(200, b'{"keys": null}'),
        Answer(302, headers={"location": "/jwks-elsewhere"}),
    ]:
        op.turn_honest()
        site.stage.clock.forget()
        with case(answer):
            op.knobs.answers = {"jwks": answer}
            assert_er(await site.browser().sign_in(), "provider_unavailable")
            assert op.hits["elsewhere"] == 0


async def test_b19_key_set_down_when_warm(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("first")).sign_in())
    op.knobs.answers = {"jwks": Answer(503), "discovery": Answer(503)}
    site.stage.clock.advance(3000)
    assert_ok(await site.browser(person("second")).sign_in())


async def test_b19_keys_are_forgotten_after_an_hour(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("first")).sign_in())
    site.stage.clock.advance(3601)
    assert_ok(await site.browser(person("second")).sign_in())
    assert op.hits["jwks"] == 2
