"""One request and its answer, followed through redirects, within bounds."""

from __future__ import annotations

import json
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NamedTuple

import httpx

from streamflow.errors import MediaError
from streamflow.nodes.symbia.transport import guarded_transport

TEXTUAL = ("text/", "+json", "/json", "+xml", "/xml", "javascript", "x-www-form-urlencoded")
"""Parts of the content types that are text."""


class Call(NamedTuple):
    """A request as it is asked for."""

    method: str
    url: str
    headers: dict[str, str]
    body: Any


def new_client(*, allow_private: bool) -> httpx.AsyncClient:
    """A client that keeps no cookies, heeds no environment, and asks for nothing compressed.

    What is not compressed cannot unpack to more than its size.
    """
    return httpx.AsyncClient(
        transport=guarded_transport(allow_private=allow_private),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"accept-encoding": "identity"},
        trust_env=False,
        timeout=None,  # noqa: S113 - the whole exchange has one
    )


def build(client: httpx.AsyncClient, call: Call) -> httpx.Request:
    """The request; a body that is no text or bytes goes as JSON."""
    if call.body is None or isinstance(call.body, str | bytes):
        return client.build_request(call.method, call.url, headers=call.headers, content=call.body)
    return client.build_request(call.method, call.url, headers=call.headers, json=call.body)


async def exchange(
    client: httpx.AsyncClient, call: Call, *, max_bytes: int, max_redirects: int
) -> dict[str, Any]:
    """Send a request, follow redirects, and read the answer.

    Returns:
        ``status``, ``headers`` (lower case) and ``data``: what JSON says, else text,
        else bytes.

    Raises:
        MediaError: the answer is too long, is compressed, or leads in circles.
        httpx.HTTPError: the exchange failed.
    """
    request = build(client, call)
    for _ in range(max_redirects + 1):
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None:
                return _answer(response, await _read(response, call.url, max_bytes))
        finally:
            await response.aclose()
        request = _follow(request, response.next_request, call)
    raise MediaError(call.url, f"more than {max_redirects} redirects")


def _follow(request: httpx.Request, following: httpx.Request, call: Call) -> httpx.Request:
    """The request that a redirect asks for, without what is meant for the first host alone."""
    before, after = request.url, following.url
    if after.scheme not in (before.scheme, "https"):
        raise MediaError(call.url, f"a redirect leads to {after.scheme}, away from https")
    if (after.scheme, after.host, after.port) != (before.scheme, before.host, before.port):
        for name in call.headers:
            following.headers.pop(name, None)
        # Where a header was Host or named a type of content, the request needs its own.
        following.headers["host"] = after.netloc.decode("ascii")
    return following


async def _read(response: httpx.Response, url: str, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise MediaError(url, f"the answer is compressed ({encoding}), which was not asked for")
    received = bytearray()
    async for chunk in response.aiter_raw():
        received += chunk
        if len(received) > max_bytes:
            raise MediaError(url, f"the answer is longer than {max_bytes} bytes")
    return bytes(received)


def _answer(response: httpx.Response, content: bytes) -> dict[str, Any]:
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "data": _data(content, kind, response.charset_encoding or "utf-8"),
    }


def _data(content: bytes, kind: str, charset: str) -> Any:
    if not any(part in kind for part in TEXTUAL):
        return content
    try:
        text = content.decode(charset, "replace")
    except LookupError:
        # Some know charsets that Python does not, and Python codecs that are none.
        text = content.decode("utf-8", "replace")
    if not kind.endswith(("/json", "+json")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
