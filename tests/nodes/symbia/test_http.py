from __future__ import annotations

import asyncio
import gzip
import json
import pickle
import socket
from typing import Any

import pytest

import streamflow as sf
from streamflow.errors import MediaError, NodeError
from streamflow.nodes.symbia.expressions import Map
from streamflow.nodes.symbia.http import HttpRequest
from tests.nodes.symbia.server import answer, ask, redirect, serving


def local(url: str | None = None, **config: Any) -> HttpRequest:
    return HttpRequest(url, allow_private=True, **config)


async def test_the_answer_has_status_headers_and_data() -> None:
    async with serving({"/": answer(b'{"items": [1, 2]}', "X-Mark: yes")}) as server:
        value = await ask(local(server.url()))

    assert value["status"] == 200
    assert value["headers"]["x-mark"] == "yes"
    assert value["data"] == {"items": [1, 2]}


@pytest.mark.parametrize(
    ("body", "type", "data"),
    [
        (b"[1]", "application/vnd.x+json; charset=utf-8", [1]),
        (b"[1", "application/json", "[1"),
        (b"[" * 100_000, "application/json", "[" * 100_000),
        ("é".encode("latin-1"), "text/plain; charset=latin-1", "é"),
        (b"\xff", "text/plain", "�"),
        (b"a", "text/plain; charset=zlib", "a"),
        (b"a", "text/plain; charset=nonsense", "a"),
        (b"\x00\xff", "image/png", b"\x00\xff"),
    ],
)
async def test_data_is_json_text_or_bytes_by_the_content_type(
    body: bytes, type: str, data: Any
) -> None:
    async with serving({"/": answer(body, type=type)}) as server:
        value = await ask(local(server.url()))

    assert value["data"] == data


async def test_what_the_config_leaves_open_comes_from_the_item() -> None:
    async with serving({"/a": answer(), "/b": answer()}) as server:
        await ask(local(), server.url("/a"))
        item = {"url": server.url("/b"), "headers": {"X-A": "1"}, "body": {"n": 1}}
        await ask(local(), item)
        await ask(local(server.url("/a"), method="put", body="text"), item)

    first, second, third = server.asked
    assert first.startswith("GET /a ")
    assert second.startswith("POST /b ")
    assert "X-A: 1" in second
    assert json.loads(second.partition("\r\n\r\n")[2]) == {"n": 1}
    assert third.startswith("PUT /a ")
    assert third.endswith("\r\n\r\ntext")


async def test_nothing_compressed_is_asked_for_or_taken() -> None:
    bomb = gzip.compress(b"0" * 1_000_000)
    async with serving({"/": answer(bomb, "content-encoding: gzip")}) as server:
        with pytest.raises(MediaError, match=r"the answer is compressed \(gzip\)"):
            await ask(local(server.url()))

    assert "accept-encoding: identity" in server.asked[0].lower()


async def test_an_answer_beyond_the_bound_is_an_error() -> None:
    async with serving({"/": answer(b"x" * 1001)}) as server:
        assert await ask(local(server.url(), max_bytes=1001))
        with pytest.raises(MediaError, match="the answer is longer than 1000 bytes"):
            await ask(local(server.url(), max_bytes=1000))


async def test_an_answer_that_does_not_come_is_an_error() -> None:
    async with serving({"/": None}) as server:
        with pytest.raises(MediaError, match=r"no whole answer within 0\.05 s"):
            await ask(local(server.url(), timeout=0.05))


async def test_a_status_that_is_an_error_is_one_unless_told_otherwise() -> None:
    failed = answer(b'{"why": 1}', status="503 Service Unavailable")
    async with serving({"/": failed}) as server:
        with pytest.raises(MediaError, match="the answer has status 503"):
            await ask(local(server.url()))
        value = await ask(local(server.url(), raise_for_status=False))

    assert (value["status"], value["data"]) == (503, {"why": 1})


async def test_an_answer_that_is_no_http_is_an_error_that_names_the_url() -> None:
    async with serving({"/": b"nonsense\r\n\r\n"}) as server:
        with pytest.raises(MediaError, match=server.url()):
            await ask(local(server.url()))


async def test_nobody_there_is_an_error() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"

        with pytest.raises(MediaError, match=r"127\.0\.0\.1 does not answer"):
            await ask(local(url))


async def test_redirects_are_followed_up_to_a_number() -> None:
    answers = {"/a": redirect("/b"), "/b": redirect("/c"), "/c": answer(b"3")}
    async with serving({**answers}) as server:
        value = await ask(local(server.url("/a"), max_redirects=2))
        with pytest.raises(MediaError, match="more than 1 redirects"):
            await ask(local(server.url("/a"), max_redirects=1))

    assert value["data"] == 3


async def test_headers_do_not_follow_to_another_host() -> None:
    async with serving({"/": answer()}) as other:
        answers = {"/": redirect(other.url()), "/here": redirect("/there"), "/there": answer()}
        async with serving({**answers}) as server:
            headers = {"X-Api-Key": "secret", "Authorization": "secret"}
            await ask(local(server.url(), headers=headers))
            await ask(local(server.url("/here"), headers=headers))

    assert "secret" not in other.asked[0]
    assert f"host: 127.0.0.1:{other.port}" in other.asked[0].lower()
    assert all(request.count("secret") == 2 for request in server.asked)


async def test_cookies_are_not_kept() -> None:
    async with serving({"/": answer(b"{}", "set-cookie: a=b")}) as server:
        node = local(server.url())
        await ask(node)
        await ask(node)

    assert "cookie" not in server.asked[1].lower()


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1/")
    async with serving({"/": answer()}) as server:
        assert await ask(local(server.url()))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::]", "[::1]", "[::ffff:127.0.0.1]",
     "169.254.169.254", "10.0.0.1", "192.168.1.1", "100.64.0.1", "224.0.0.1", "[fe80::1]",
     "[64:ff9b::7f00:1]"],
)  # fmt: skip
async def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(MediaError, match=r"no public address; set allow_private|has no address"):
        await ask(HttpRequest(f"http://{host}:9/"))


async def test_a_redirect_to_an_address_that_is_not_public_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trusted(address: str) -> bool:
        return address == "127.0.0.1"

    # The test's own server stands for the public one.
    monkeypatch.setattr("streamflow.nodes.symbia.transport.is_public", trusted)
    async with serving({"/": redirect("http://169.254.169.254/secrets")}) as server:
        with pytest.raises(MediaError, match=r"169\.254\.169\.254, which is no public address"):
            await ask(HttpRequest(server.url()))


async def test_the_address_that_was_checked_is_the_one_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A name server that says something public first, and something private from then on.
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    lookups: list[str] = []
    connected: list[str] = []

    async def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        lookups.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    async def connect(self: Any, host: str, *args: Any) -> Any:
        connected.append(host)
        raise httpcore.ConnectError("out of the test's reach")

    import httpcore

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)

    with pytest.raises(MediaError, match=r"rebind\.example does not answer"):
        await ask(HttpRequest("http://rebind.example/"))

    assert (lookups, connected) == (["rebind.example"], ["93.184.216.34"])


async def test_the_next_address_is_tried_if_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        # Nobody listens at the first: the port is the server's, the address is not.
        found = ["127.0.0.2", "127.0.0.1"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with serving({"/": answer(b"1")}) as server:
        value = await ask(local(server.url(host="two.example")))

    assert value["data"] == 1
    assert "host: two.example" in server.asked[0].lower()


async def test_a_name_without_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int, **kwargs: Any) -> list[Any]:
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)

    with pytest.raises(MediaError, match=r"nowhere\.example has no address"):
        await ask(HttpRequest("http://nowhere.example/"))


async def test_a_redirect_away_from_https_is_refused() -> None:
    import httpx

    from streamflow.nodes.symbia.exchange import Call, exchange

    handler = httpx.MockTransport(
        lambda request: httpx.Response(302, headers={"location": "http://a.example/"})
    )
    call = Call("GET", "https://a.example/", {}, None)
    async with httpx.AsyncClient(transport=handler) as client:
        with pytest.raises(MediaError, match="a redirect leads to http, away from https"):
            await exchange(client, call, max_bytes=1, max_redirects=5)


async def test_it_works_in_a_pipeline_and_its_errors_take_the_nodes_policy() -> None:
    async with serving({"/": answer(b'{"items": [1]}')}) as server:
        pipeline = sf.Pipeline("fetch")
        fetch = pipeline.add(local(), id="fetch", error="route")
        pipeline.connect(fetch, pipeline.add(Map("value.data.items"), id="map"))
        fetch["error"] >> sf.node(lambda error: (error.error_type, error.item))
        run = asyncio.to_thread(pipeline.run, [server.url(), "ftp://a.example/"])
        report = await run

    assert report.results == [[1], ("ValueError", "ftp://a.example/")]


def test_an_item_without_a_url_fails() -> None:
    with pytest.raises(NodeError, match="there is no url, neither in the config nor in the item"):
        sf.Pipeline(HttpRequest()).run([5])


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"url": "ftp://a"}, "url must begin with http:// or https:// and a host, not 'ftp://a'"),
        ({"url": "http://"}, "url must begin with http:// or https:// and a host"),
        ({"url": "http://[a"}, "url cannot be"),
        ({"url": "http://me:secret@a.example"}, "url must hold no user or password"),
        ({"url": "http://a.example/" + "x" * 9000}, "url must be text of 8,192 characters at most"),
        ({"url": 5}, "url must be text"),
        ({"method": "GET /"}, "method must be a name such as GET, not 'GET /'"),
        ({"headers": {"a b": "c"}}, "headers cannot have the name 'a b'"),
        ({"headers": {"a": "b\r\nc: d"}}, r"headers\['a'\] must be one line of ASCII text"),
        ({"headers": ["a"]}, "headers must be names and values"),
        ({"timeout": 0}, "timeout must be more than 0 seconds, not 0"),
        ({"max_bytes": 0}, "max_bytes must be a whole number of 1 or more, not 0"),
        ({"max_redirects": -1}, "max_redirects must be 0 or more, not -1"),
    ],
)
def test_a_bad_config_is_named(config: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        HttpRequest(**config)

    assert "secret" not in str(caught.value)


async def test_it_travels_before_and_after_a_run() -> None:
    node = local("http://127.0.0.1:1/")
    with pytest.raises(MediaError):
        await ask(node)

    copy = pickle.loads(pickle.dumps(node))  # noqa: S301 - made right here

    assert copy.config == {"url": "http://127.0.0.1:1/"}
