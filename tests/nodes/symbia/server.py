"""A small HTTP server, and a node driven against it on the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from streamflow.nodes.symbia.http import HttpRequest
from streamflow.testing.runner import NodeRunner

Answer = bytes | Callable[[str], bytes] | None


def answer(
    body: bytes = b"{}", *headers: str, status: str = "200 OK", type: str = "application/json"
) -> bytes:
    """An answer as it goes over the wire."""
    lines = [f"HTTP/1.1 {status}", f"content-type: {type}", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "connection: close", "", ""]).encode() + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"location: {location}", status=status)


class Server:
    """Answers by path; keeps what it was asked.

    Attributes:
        port: on 127.0.0.1.
        asked: requests, as they came.
    """

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.port = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Where a path of it is."""
        return f"http://{host}:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; None leaves the caller waiting until it goes."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = [x for x in head.lower().splitlines() if x.startswith("content-length:")]
            body = await reader.readexactly(int(length[0].split(":")[1])) if length else b""
            self.asked.append(head + body.decode())
            found = self.answers[head.split()[1]]
            if found is None:
                await reader.read()
            else:
                writer.write(found(head) if callable(found) else found)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it hung up, as some of these tests do
        finally:
            writer.close()


@asynccontextmanager
async def serving(answers: dict[str, Answer]) -> AsyncGenerator[Server, None]:
    """A server on a port of its own, for as long as the block lasts."""
    server = Server(answers)
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def ask(node: HttpRequest, item: Any = None) -> Any:
    """What the node emits for one item."""
    async with NodeRunner(node) as runner:
        [(port, value)] = await runner.process(item)
        assert port == "out"
        return value
