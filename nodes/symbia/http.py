"""Requests over HTTP, to public hosts unless it is allowed to go elsewhere."""

from __future__ import annotations

import asyncio
import math
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast
from urllib.parse import urlsplit

from streamflow.context import NodeContext
from streamflow.errors import MediaError
from streamflow.node import Node
from streamflow.nodes.checks import check_count

if TYPE_CHECKING:
    import httpx

    from streamflow.nodes.symbia.exchange import Call

_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_HEADER: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class HttpRequest(Node):
    """Makes a request for each item, and emits the answer.

    What the config leaves open comes from the item: a string is the URL, of a
    dict ``url``, ``method``, ``headers`` and ``body`` count. Any other item only
    sets the request off.

    The answer is a dict: ``status``, ``headers`` with names in lower case, and
    ``data``: what JSON says, if that is its type, else text, else bytes.

    The addresses of this machine, of local networks, of links and groups are
    refused, also behind a redirect, and whatever a name server says: the address
    that is checked is the one that is connected to. Proxies and cookies are not
    used, and at another host's redirect the ``headers`` are left out.

    Args:
        url: http or https.
        method: such as GET; POST if there is a body.
        headers: to be sent, by name.
        body: text or bytes as they are, anything else as JSON.
        timeout: seconds for all of an exchange.
        max_bytes: of an answer, at most.
        max_redirects: to follow, at most.
        allow_private: let requests go to any address.
        raise_for_status: whether an answer of status 400 and above is an error.

    Raises:
        ValueError: a parameter is out of its range.
    """

    reentrant = True

    def __init__(
        self,
        url: str | None = None,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        timeout: float = 30.0,
        max_bytes: int = 10_000_000,
        max_redirects: int = 5,
        *,
        allow_private: bool = False,
        raise_for_status: bool = True,
    ) -> None:
        check_count("max_bytes", max_bytes)
        if isinstance(max_redirects, bool) or max_redirects < 0:
            raise ValueError(f"max_redirects must be 0 or more, not {max_redirects}")
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
        given: dict[str, Any] = {"url": url, "method": method, "headers": headers, "body": body}
        self.config: dict[str, Any] = {
            name: value for name, value in given.items() if value is not None
        }
        _check(self.config)
        self.timeout, self.max_bytes, self.max_redirects = timeout, max_bytes, max_redirects
        self.allow_private, self.raise_for_status = allow_private, raise_for_status
        self._client: httpx.AsyncClient | None = None

    def initialize(self, ctx: NodeContext) -> None:
        """Make the client; it connects when the first request goes out."""
        from streamflow.nodes.symbia.exchange import new_client

        self._client = new_client(allow_private=self.allow_private)

    async def process(self, item: Any) -> dict[str, Any]:
        """Return the answer.

        Raises:
            MediaError: there was none, or not within the bounds.
            ValueError: the item asks for what cannot be.
        """
        import httpx

        from streamflow.nodes.symbia.exchange import exchange

        call = self._call(item)
        bounds = {"max_bytes": self.max_bytes, "max_redirects": self.max_redirects}
        try:
            async with asyncio.timeout(self.timeout):
                answer = await exchange(cast("httpx.AsyncClient", self._client), call, **bounds)
        except TimeoutError:
            raise MediaError(call.url, f"no whole answer within {self.timeout} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MediaError(call.url, str(error) or type(error).__name__) from error
        if self.raise_for_status and answer["status"] >= HTTPStatus.BAD_REQUEST:
            raise MediaError(call.url, f"the answer has status {answer['status']}")
        return answer

    def _call(self, item: Any) -> Call:
        from streamflow.nodes.symbia.exchange import Call

        asked: dict[Any, Any] = {}
        if isinstance(item, str):
            asked = {"url": item}
        elif is_dict(item):
            asked = item
        names = ("url", "method", "headers", "body")
        merged = {name: asked[name] for name in names if asked.get(name) is not None} | self.config
        _check(merged)
        if "url" not in merged:
            raise ValueError("there is no url, neither in the config nor in the item")
        body = merged.get("body")
        method = merged.get("method", "GET" if body is None else "POST").upper()
        return Call(method, merged["url"], dict(merged.get("headers", {})), body)

    async def cleanup(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def is_dict(value: Any) -> TypeGuard[dict[Any, Any]]:
    """Whether a value is a dict, of whatever."""
    return isinstance(value, dict)


def _check(given: dict[str, Any]) -> None:
    """Refuse what cannot be sent.

    Raises:
        ValueError: it names the parameter.
    """
    method, headers = given.get("method", "GET"), given.get("headers", {})
    if not isinstance(method, str) or not _METHOD.fullmatch(method.upper()):
        raise ValueError(f"method must be a name such as GET, not {method!r}")
    if "url" in given:
        _check_url(given["url"])
    if not is_dict(headers):
        raise ValueError(f"headers must be names and values, not {headers!r}")
    for name, value in headers.items():
        if not (isinstance(name, str) and _HEADER.fullmatch(name)):
            raise ValueError(f"headers cannot have the name {name!r}")
        if not (isinstance(value, str) and _VALUE.fullmatch(value)):
            # Not the value itself: it may be a secret.
            raise ValueError(f"headers[{name!r}] must be one line of ASCII text")


def _check_url(url: object) -> None:
    if not isinstance(url, str) or len(url) > 8_192:
        raise ValueError("url must be text of 8,192 characters at most")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"url cannot be {url!r}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"url must begin with http:// or https:// and a host, not {url!r}")
    if parts.username is not None or parts.password is not None:
        raise ValueError("url must hold no user or password; put them into headers")
