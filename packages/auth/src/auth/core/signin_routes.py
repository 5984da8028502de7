"""The routes of the flow: to the provider, and back."""

from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, HTTPException, Request, Response, status

from auth.core.client import AuthClient
from auth.core.context import AuthContext
from auth.core.dependencies import Dependencies
from auth.core.edge import failure, http_errors, see_other
from auth.core.errors import SECURITY_HEADERS, public_code
from auth.core.events import log_refusal, logger
from auth.core.exceptions import OAuthError
from auth.core.origin import check_navigation
from auth.core.signin import Answer, Claimed, SignIn
from proto import AccountProtocol, BelgieError, DBConnection, OAuthStateProtocol, SessionProtocol, UserProtocol

_MAXIMUM_FORM: Final = 64 * 1024


class SignInAnswers[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Carries a browser through the flow: what each step answers."""

    def __init__(self, context: AuthContext[UserT, AccountT, SessionT, OAuthStateT]) -> None:
        self._context = context
        self._signin = SignIn(context)

    async def begin(self, db: DBConnection, provider: str, request: Request, link_to: UserT | None) -> Response:
        """Send the browser to the provider."""
        with http_errors(request, provider=_known(self._context, provider)):
            registered = self._context.provider(provider)
            redirect_url = _redirect_url(request)
            self._signin.check_redirect(redirect_url)
        session_id = self._context.session_cookie.read(request) if registered.answers_by_post else None
        try:
            started = await self._signin.start(
                db, provider, redirect_url=redirect_url, link_to=link_to, session_id=session_id
            )
        except BelgieError as error:
            return self._failed(error, provider)
        response = see_other(started.url)
        self._context.flow_cookies.set(response, started.flow, request, cross_site=registered.answers_by_post)
        return response

    async def finish(self, db: DBConnection, provider: str, request: Request) -> Response:
        """Take the provider's answer, if it belongs to a flow of this browser: sign in, or say why not."""
        with http_errors(request, provider=_known(self._context, provider)):
            registered = self._context.provider(provider)
            answer = await _read_answer(request, by_post=registered.answers_by_post)
            claimed = await self._signin.claim(db, provider, answer, request)
        response = await self._complete(db, claimed, answer, request)
        self._context.flow_cookies.delete(response, claimed.flow, cross_site=registered.answers_by_post)
        return response

    async def _complete(
        self,
        db: DBConnection,
        claimed: Claimed[UserT],
        answer: Answer,
        request: Request,
    ) -> Response:
        try:
            result = await self._signin.complete(db, claimed, answer, request)
        except BelgieError as error:
            return self._failed(error, claimed.registered.id)
        except Exception:  # noqa: BLE001  whatever it was, the browser is told, and stays signed out
            logger.exception("a sign-in broke", extra={"event": "broken", "provider": claimed.registered.id})
            return failure("internal_error", self._context.settings.urls.error_redirect)
        response = see_other(self._signin.destination(claimed, result))
        if result is not None:
            self._context.session_cookie.set(response, result.session.id)
        return response

    def _failed(self, error: BelgieError, provider: str) -> Response:
        log_refusal(error, provider=provider)
        return failure(public_code(error), self._context.settings.urls.error_redirect)


def add_signin_routes[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    router: APIRouter,
    context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
) -> None:
    """Add `GET /provider/{id}/signin`, `POST /provider/{id}/link` and the callback."""
    answers = SignInAnswers(context)

    @router.get("/provider/{provider}/signin", status_code=status.HTTP_303_SEE_OTHER, response_class=Response)
    async def begin_signin(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
    ) -> Response:
        """Send the browser to the provider; `redirect_url` is where it goes when it is signed in."""
        with http_errors(request):
            check_navigation(request)
        return await answers.begin(client.db, provider, request, None)

    @router.post(
        "/provider/{provider}/link",
        status_code=status.HTTP_303_SEE_OTHER,
        response_class=Response,
        dependencies=[Depends(dependencies.same_origin)],
    )
    async def begin_link(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
    ) -> Response:
        """Send the signed-in user's browser to a further provider."""
        return await answers.begin(client.db, provider, request, user)

    @router.api_route(
        "/provider/{provider}/callback",
        methods=["GET", "POST"],
        status_code=status.HTTP_303_SEE_OTHER,
        response_class=Response,
        include_in_schema=False,
    )
    async def callback(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
    ) -> Response:
        """Take the provider's answer, and sign the browser in."""
        return await answers.finish(client.db, provider, request)


def _known(context: AuthContext[Any, Any, Any, Any], provider: str) -> str | None:
    """Return the id if the application has such a provider: what a stranger writes into a path is not logged."""
    return provider if provider in context.providers else None


def _redirect_url(request: Request) -> str | None:
    values = request.query_params.getlist("redirect_url")
    if len(values) > 1:
        raise OAuthError("invalid_redirect")
    return values[0] if values else None


async def _read_answer(request: Request, *, by_post: bool) -> Answer:
    """Return the parameters of the provider's answer, from where this provider puts them."""
    if (request.method == "POST") != by_post:
        allow = "POST" if by_post else "GET"
        raise HTTPException(status.HTTP_405_METHOD_NOT_ALLOWED, headers={**SECURITY_HEADERS, "Allow": allow})
    pairs = parse_qsl(await _read_form(request)) if by_post else request.query_params.multi_items()
    answer: dict[str, list[str]] = {}
    for name, value in pairs:
        answer.setdefault(name, []).append(value)
    return answer


async def _read_form(request: Request) -> str:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAXIMUM_FORM:
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, headers=dict(SECURITY_HEADERS))
    return body.decode("utf-8", "replace")
