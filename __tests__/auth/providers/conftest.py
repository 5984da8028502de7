"""A provider on loopback, and what `Auth` gives to a provider's settings."""

import os
from collections.abc import Iterator

import pytest
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.world import World
from __tests__.auth.providers.fake import FakeProvider

from auth.core.settings import HTTPSettings
from auth.providers import ProviderContext, ProviderHTTP


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of belgie's from outside."""
    for name in os.environ:
        if name.startswith("BELGIE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def fake_server() -> Iterator[FakeProvider]:
    world = World("fake provider")
    provider = FakeProvider()
    provider.url = f"http://127.0.0.1:{world.serve(provider)}"
    yield provider
    world.stop()


@pytest.fixture
def server(fake_server: FakeProvider) -> FakeProvider:
    """The provider's server, with nothing to answer yet."""
    fake_server.reset()
    return fake_server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(clock: Clock) -> ProviderContext:
    """As an application on loopback has it."""
    http = ProviderHTTP(HTTPSettings(timeout=5), loopback=True)
    return ProviderContext(provider_id="theirs", http=http, clock=clock)
