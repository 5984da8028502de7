"""An open sign-in: what the browser holds, what the store holds, and how only the two together make one.

The browser gets a signed cookie with a random binder, one for each open sign-in, so that two tabs do not disturb each
other. The store gets a digest over the purpose, the provider, the state, the binder and, when an account is to be
linked, the user. One look-up by that digest checks them all, and neither half is of use without the other.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.core.settings import AuthSettings
from auth.session.cookie import cookie_values
from auth.utils.clock import Clock
from auth.utils.crypto import ValueSigner, digest, generate_token, keyed_digest

type FlowPurpose = Literal["signin", "link"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_CONTENT: Final = re.compile(
    r"(?P<purpose>signin|link)\.(?P<started>[0-9]{1,12})\.(?P<binder>[A-Za-z0-9_-]{43})(?:\.(?P<session>[0-9a-f]{32}))?"
)
_NAME_CHARACTERS: Final = 16
_NAME_END: Final = re.compile(r"[A-Za-z0-9_-]{16}")
_MAXIMUM_OPEN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One open sign-in, as its browser knows it.

    Attributes:
        purpose: to sign in, or to link a further account to the signed-in user.
        state: the `state` parameter.
        binder: what ties it to the browser.
        started: when it began, in seconds since 1970.
        session_id: the browser's session when it began, for a provider that answers by POST: browsers send the flow's
            cookie with that, but not the session's. It is a name, and opens nothing.
    """

    purpose: FlowPurpose
    state: str = field(repr=False)
    binder: str = field(repr=False)
    started: int
    session_id: UUID | None = None

    @property
    def nonce(self) -> str:
        """The nonce of this flow: derived, so that it need not be stored, and useless for guessing the state."""
        return keyed_digest(self.binder, "nonce", self.state)

    def stored_state(self, provider_id: str, user_id: UUID | None) -> str:
        """Return the digest under which the store knows this flow."""
        return digest("state", self.purpose, provider_id, self.state, self.binder, user_id.hex if user_id else "")


class FlowCookies:
    """Writes and reads the cookies of open sign-ins."""

    def __init__(self, settings: AuthSettings, clock: Clock) -> None:
        prefix = "__Host-" if settings.cookie.host_prefix else ""
        self._prefix = f"{prefix}belgie_flow_"
        self._secure = settings.secure_cookies
        self._max_age = settings.state_max_age
        self._clock = clock
        self._signer = ValueSigner(settings.secrets, "flow")

    def open(self, purpose: FlowPurpose, session_id: UUID | None = None) -> Flow:
        """Return a new flow."""
        return Flow(
            purpose=purpose,
            state=generate_token(),
            binder=generate_token(),
            started=int(self._clock().timestamp()),
            session_id=session_id,
        )

    def read(self, connection: HTTPConnection, state: str) -> Flow | None:
        """Return the flow with this state if it was opened in this browser; the store knows whether it is too old."""
        if not _TOKEN.fullmatch(state):
            return None
        values = cookie_values(connection.headers.getlist("cookie"), self._name(state))
        return self._parse(values[0], state) if len(values) == 1 else None

    def set(self, response: Response, flow: Flow, connection: HTTPConnection, *, cross_site: bool) -> None:
        """Give the browser the flow's cookie, and take back the oldest ones if it holds ten.

        Args:
            response: the answer that sends the browser to the provider.
            flow: the flow that begins.
            connection: the request, with the cookies of the flows that are open.
            cross_site: whether the provider answers by POST, with which browsers send `SameSite=None` cookies only.
        """
        for name in self._surplus(connection):
            self._write(response, name, "", 0, cross_site=cross_site)
        session = f".{flow.session_id.hex}" if flow.session_id is not None else ""
        value = self._signer.sign(f"{flow.purpose}.{flow.started}.{flow.binder}{session}")
        self._write(response, self._name(flow.state), value, self._max_age, cross_site=cross_site)

    def delete(self, response: Response, flow: Flow, *, cross_site: bool) -> None:
        """Take the flow's cookie back."""
        self._write(response, self._name(flow.state), "", 0, cross_site=cross_site)

    def _name(self, state: str) -> str:
        return self._prefix + digest("flow-cookie", state)[:_NAME_CHARACTERS]

    def _parse(self, value: str, state: str) -> Flow | None:
        content = self._signer.unsign(value)
        match = _CONTENT.fullmatch(content) if content is not None else None
        if match is None:
            return None
        purpose: FlowPurpose = "link" if match["purpose"] == "link" else "signin"
        return Flow(
            purpose=purpose,
            state=state,
            binder=match["binder"],
            started=int(match["started"]),
            session_id=UUID(match["session"]) if match["session"] else None,
        )

    def _surplus(self, connection: HTTPConnection) -> list[str]:
        """Return the names of the oldest flow cookies beyond nine; what is not ours counts as oldest."""
        ages: dict[str, int] = {}
        for header in connection.headers.getlist("cookie"):
            for pair in header.split(";"):
                name, _, value = pair.strip().partition("=")
                if name.startswith(self._prefix) and _NAME_END.fullmatch(name.removeprefix(self._prefix)):
                    flow = self._parse(value, "")
                    ages[name] = 0 if flow is None else flow.started
        return sorted(ages, key=lambda name: ages[name])[: max(0, len(ages) - _MAXIMUM_OPEN + 1)]

    def _write(self, response: Response, name: str, value: str, max_age: int, *, cross_site: bool) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self._secure or cross_site,
            httponly=True,
            samesite="none" if cross_site else "lax",
        )
