"""What must hold after every row of the matrix, whatever the row was about."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx
from __tests__.auth.hostile.browser import Exchange, query_of
from __tests__.auth.hostile.outcomes import assert_ok
from __tests__.auth.hostile.provider import person
from __tests__.auth.hostile.records import Records
from __tests__.auth.hostile.site import Counts, Site, Stage

SESSION_COOKIES = ("belgie_session", "__Host-belgie_session")
_SHORTEST_SECRET = 16
_UNTIL_CACHES_EXPIRE = 3 * 3600
_LONG = 20 * 24 * 3600
NOTHING = Counts(0, 0, 0)


@dataclass
class Row:
    """A row's expectations, stated by its test, and the check of the invariants after it."""

    stage: Stage
    records: Records
    sites: list[Site] = field(default_factory=list)
    expected: Counts = NOTHING
    token_hits: dict[str, int] = field(default_factory=dict)
    server_errors: frozenset[int] = frozenset()
    refreshes: bool = False
    honest_provider: str = "op"
    client: httpx.AsyncClient | None = None

    def expects(
        self,
        *,
        users: int = 0,
        accounts: int | None = None,
        sessions: int = 0,
        token_hits: int | None = None,
        evil_token_hits: int = 0,
        server_errors: Iterable[int] = (),
        refreshes: bool = False,
    ) -> None:
        """State what the row leaves behind.

        Args:
            users: rows in the table.
            accounts: rows; as many as users if not given.
            sessions: rows.
            token_hits: requests at the provider's token endpoint; as many as sessions if not given.
            evil_token_hits: requests at the second provider's token endpoint.
            server_errors: the 5xx statuses that the row may cause.
            refreshes: whether a session cookie may be set again outside a sign-in.
        """
        self.expected = Counts(users, users if accounts is None else accounts, sessions)
        self.token_hits = {"op": sessions if token_hits is None else token_hits, "evil": evil_token_hits}
        self.server_errors = frozenset(server_errors)
        self.refreshes = refreshes

    @property
    def site(self) -> Site:
        return self.sites[-1]

    async def check(self) -> None:
        """Assert every invariant; the last is that an honest person can sign in now."""
        counts = await self.site.counts()
        assert counts == self.expected, f"{counts}, expected {self.expected}"
        for provider in (self.stage.op, self.stage.evil):
            expected = self.token_hits.get(provider.name, 0)
            assert provider.token_hits == expected, f"{provider.name}: {provider.token_hits} hits, expected {expected}"
        exchanges = [exchange for site in self.sites for exchange in site.exchanges]
        for exchange in exchanges:
            self._check_exchange(exchange)
        self._check_secrets(exchanges)
        for site in self.sites:
            assert await site.checked_out() == 0, "a connection was not given back"
        await self._check_honest_sign_in()

    def _check_exchange(self, exchange: Exchange) -> None:
        response = exchange.response
        seen = (exchange.method, exchange.path, response.status_code)
        assert response.status_code < 500 or response.status_code in self.server_errors, seen
        sets_session = any(cookie.name in SESSION_COOKIES and not cookie.removes for cookie in exchange.cookies)
        if sets_session and not self.refreshes:
            assert response.status_code == 303, f"a session cookie was set: {seen}"
            assert exchange.path.endswith("/callback"), f"a session cookie was set: {seen}"
            assert "error" not in query_of(response.headers["location"]), f"a session cookie was set: {seen}"
        if exchange.path.startswith("/auth/") and not _is_routers_own(exchange):
            assert response.headers.get("cache-control") == "no-store", seen
            assert response.headers.get("referrer-policy") == "no-referrer", seen
            assert response.headers.get("x-content-type-options") == "nosniff", seen

    def _check_secrets(self, exchanges: list[Exchange]) -> None:
        secrets = self._canaries(exchanges)
        bodies = {f"the body of {one.method} {one.path}": one.response.text for one in exchanges}
        headers = {
            f"a header of {one.method} {one.path}": str(
                [pair for pair in one.response.headers.multi_items() if pair[0] != "set-cookie"]
            )
            for one in exchanges
            if not one.path.endswith(("/signin", "/link"))  # these send the state to the provider
        }
        records = {f"a record of {line.logger}: {line.text[:400]}": line.everything for line in self.records.lines}
        for places in (bodies, headers, records):
            everything = "\n".join(places.values())
            for secret in secrets:
                if secret in everything:
                    place = next(place for place, text in places.items() if secret in text)
                    msg = f"a secret is in {place}"
                    raise AssertionError(msg)

    def _canaries(self, exchanges: list[Exchange]) -> set[str]:
        """Code, state, verifier, nonce, tokens, client secret, cookie values, application secret."""
        issued = {secret for provider in self.stage.providers for secret in provider.issued}
        cookies = {cookie.value for exchange in exchanges for cookie in exchange.cookies}
        starts = [query_of(exchange.response.headers.get("location", "")) for exchange in exchanges]
        flow = {start[name] for start in starts for name in ("state", "nonce") if name in start}
        configured = {secret for site in self.sites for secret in site.auth.settings.secrets}
        everything = issued | cookies | flow | configured
        return {secret for secret in everything if len(secret) >= _SHORTEST_SECRET}

    async def _check_honest_sign_in(self) -> None:
        past = self.stage.clock.offset
        self.stage.reset()
        if 0 < past < _LONG:  # later than the row, so that nothing it left in a cache is still believed
            self.stage.clock.advance(past)
        self.stage.clock.advance(_UNTIL_CACHES_EXPIRE)
        browser = self.site.browser(person("an-honest-person"))
        assert_ok(await browser.sign_in(self.honest_provider))
        me = await browser.me()
        assert me.status_code == 200, f"an honest person is not signed in: {me.status_code} {me.text}"


def _is_routers_own(exchange: Exchange) -> bool:
    """Is this the answer of the application's router, for a path or method that no route of ours has?"""
    response = exchange.response
    return response.status_code in {404, 405, 307} and response.text in {
        "",
        '{"detail":"Not Found"}',
        '{"detail":"Method Not Allowed"}',
    }
