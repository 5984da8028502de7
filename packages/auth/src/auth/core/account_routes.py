"""The routes of accounts: which providers is the user linked with."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, status

from auth.core.client import AuthClient
from auth.core.dependencies import Dependencies
from auth.core.edge import http_errors
from auth.core.views import AccountView
from proto import AccountProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


def add_account_routes[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    router: APIRouter,
    dependencies: Dependencies[UserT, AccountT, SessionT, OAuthStateT],
) -> None:
    """Add `GET /accounts` and `DELETE /accounts/{provider}`."""

    @router.get("/accounts")
    async def list_accounts(
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
    ) -> list[AccountView]:
        """Return the user's accounts, the oldest first."""
        with http_errors(request):
            return [AccountView.of(account) for account in await client.list_accounts(user)]

    @router.delete(
        "/accounts/{provider}",
        status_code=status.HTTP_204_NO_CONTENT,
        dependencies=[Depends(dependencies.same_origin)],
    )
    async def unlink_account(
        provider: str,
        request: Request,
        client: Annotated[AuthClient[UserT, AccountT, SessionT, OAuthStateT], Depends(dependencies.client)],
        user: Annotated[UserT, Depends(dependencies.user)],
    ) -> None:
        """Remove the user's account at a provider, unless it is the last one."""
        with http_errors(request):
            await client.unlink_account(user, provider)
