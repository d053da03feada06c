"""Many calls at once: each gets the answer to its own event."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from tests.support.server import newest_runtime

PYTHON = "def handler(event, context):\n    return {'from': 'python', 'of': event}\n"
NODEJS = "export const handler = async (event) => ({from: 'nodejs', of: event});\n"
CLIENTS = 32
CALLS = 250


async def invoke(connection, name, event):
    """One invocation on a connection that stays open: (status, document)."""
    reader, writer = connection
    body = json.dumps(event).encode()
    writer.write(
        f"POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: x\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    [length] = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
    return int(lines[0].split()[1]), json.loads(await reader.readexactly(length))


async def call_in_turn(connection, names, client):
    """One client's calls, to one function after the other; its number of right answers."""
    right = 0
    for number in range(CALLS):
        language, name = names[(client + number) % len(names)]
        event = [client, number]
        status, answer = await invoke(connection, name, event)
        assert (status, answer) == (200, {"from": language, "of": event})
        right += 1
    return right


async def connect(url, count):
    address = urlsplit(url)
    return [await asyncio.open_connection(address.hostname, address.port) for _ in range(count)]


async def disconnect(connections):
    for _, writer in connections:
        writer.close()
        await writer.wait_closed()


async def test_8000_answers_and_none_crossed(server, function):
    settings = {"MemorySize": 1769, "Timeout": 60}
    runtime = newest_runtime("nodejs")
    names = [
        ("python", function(PYTHON, **settings).name),
        (
            "nodejs",
            function(
                {"index.mjs": NODEJS}, runtime=runtime, handler="index.handler", **settings
            ).name,
        ),
    ]
    connections = await connect(server.url, CLIENTS)
    right = await asyncio.gather(
        *(call_in_turn(each, names, client) for client, each in enumerate(connections))
    )
    await disconnect(connections)
    assert sum(right) == CLIENTS * CALLS


async def test_a_thousand_calls_at_once_are_all_answered(server, function):
    name = function(PYTHON, MemorySize=256, Timeout=60).name
    connections = await connect(server.url, 1000)
    answers = await asyncio.gather(
        *(invoke(each, name, number) for number, each in enumerate(connections))
    )
    await disconnect(connections)
    statuses = Counter(status for status, _ in answers)
    assert statuses.keys() <= {200, 429}
    assert statuses[200] > 0
    for number, (status, answer) in enumerate(answers):
        assert status == 429 or answer == {"from": "python", "of": number}


async def test_50_environments_start_at_once(server, function):
    with ThreadPoolExecutor() as threads:
        made = list(threads.map(lambda _: function(PYTHON, MemorySize=256), range(50)))
    connections = await connect(server.url, 50)
    answers = await asyncio.gather(
        *(invoke(each, made[number].name, number) for number, each in enumerate(connections))
    )
    await disconnect(connections)
    assert answers == [(200, {"from": "python", "of": number}) for number in range(50)]
