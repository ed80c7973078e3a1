"""Connections to public addresses only.

A name is looked up here, and what is checked is the very address that is
connected to: a second answer of the name server cannot slip in between.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from typing import Any, cast

import httpcore
import httpx

from streamflow.nodes.symbia.addresses import is_public

MAX_CONNECTIONS = 100
"""Connections that are open at once."""


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, after a look at where they go.

    Args:
        allow_private: let them go anywhere.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        # It is one, but for a type checker that cannot see anyio.
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            httpcore.ConnectError: it has no address, none that is public, or none answers.
        """
        last: Exception | None = None
        for address in await self._addresses(host, port):
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise httpcore.ConnectError(f"{host} does not answer: {last}")

    async def _addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        allowed = [a for a in addresses if self._allow_private or is_public(a)]
        if not allowed:
            raise httpcore.ConnectError(
                f"{host} is at {', '.join(addresses)}, which is no public address; "
                "set allow_private to let requests go there"
            )
        return allowed

    async def sleep(self, seconds: float) -> None:
        """Wait, between attempts."""
        await self._inner.sleep(seconds)


def guarded_transport(*, allow_private: bool) -> httpx.AsyncHTTPTransport:
    """A transport for an `httpx.AsyncClient` whose connections are guarded."""
    context = httpx.create_ssl_context(trust_env=False)
    transport = httpx.AsyncHTTPTransport(verify=context)
    # httpx has no parameter for the backend; the pool is what it hands all requests to.
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=MAX_CONNECTIONS,
        network_backend=GuardedBackend(allow_private=allow_private),
    )
    return transport
