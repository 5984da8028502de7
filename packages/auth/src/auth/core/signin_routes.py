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
from auth.core.signin import Answer, Claimed, SignedIn, SignIn
from proto import AccountProtocol, BelgieError, DBConnection, OAuthStateProtocol, SessionProtocol, UserProtocol

_MAXIMUM_FORM: Final = 64 * 1024


def add_signin_routes[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    router: APIRouter,
    context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
    signin: SignIn[UserT, AccountT, SessionT, OAuthStateT],
) -> None:
    """Add `GET /provider/{id}/signin`, `POST /provider/{id}/link` and the callback."""

    async def begin(request: Request, db: DBConnection, provider: str, link_to: UserT | None) -> Response:
        started = await signin.start(db, provider, redirect_url=_redirect_url(request), link_to=link_to)
        response = see_other(started.url)
        by_post = context.provider(provider).answers_by_post
        context.flow_cookies.set(response, started.flow, request, cross_site=by_post)
        return response

    @router.get("/provider/{provider}/signin", status_code=status.HTTP_303_SEE_OTHER, response_class=Response)
    async def begin_signin(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
    ) -> Response:
        """Send the browser to the provider; `redirect_url` is where it goes when it is signed in."""
        with http_errors(request, provider=_known(context, provider)):
            check_navigation(request)
            return await begin(request, client.db, provider, None)

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
        with http_errors(request, provider=_known(context, provider)):
            return await begin(request, client.db, provider, user)

    async def callback(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
    ) -> Response:
        """Take the provider's answer, and sign the browser in."""
        with http_errors(request, provider=_known(context, provider)):
            registered = context.provider(provider)
            answer = await _read_answer(request, by_post=registered.answers_by_post)
            claimed = await signin.claim(client.db, provider, answer, request)
        response = await finish(client, claimed, answer, request)
        context.flow_cookies.delete(response, claimed.flow, cross_site=registered.answers_by_post)
        return response

    async def finish(
        client: AuthClient[UserT, AccountT, SessionT, OAuthStateT],
        claimed: Claimed[UserT],
        answer: Answer,
        request: Request,
    ) -> Response:
        try:
            result = await signin.complete(client.db, claimed, answer, request)
        except BelgieError as error:
            log_refusal(error, provider=claimed.registered.id)
            return failure(public_code(error), context.settings.urls.error_redirect)
        except Exception:  # noqa: BLE001  whatever it was, the browser is told, and stays signed out
            logger.exception("a sign-in broke", extra={"event": "broken", "provider": claimed.registered.id})
            return failure("internal_error", context.settings.urls.error_redirect)
        return signed_in(claimed, result)

    def signed_in(claimed: Claimed[UserT], result: SignedIn[UserT, SessionT] | None) -> Response:
        response = see_other(signin.destination(claimed, result))
        if result is not None:
            context.session_cookie.set(response, result.session.id)
        return response

    path = "/provider/{provider}/callback"
    router.add_api_route(
        path,
        callback,
        methods=["GET", "POST"],
        status_code=status.HTTP_303_SEE_OTHER,
        response_class=Response,
        include_in_schema=False,
    )


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
