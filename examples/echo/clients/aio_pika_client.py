"""A hundred calls by way of a broker, all at once: python aio_pika_client.py [AMQP_URI].

The queue is the function's name; answers come back by the correlation id.
"""

import asyncio
import json
import sys
import time
import uuid

import aio_pika

CALLS = 100
FUNCTION = "echo-lambda"
uri = sys.argv[1] if len(sys.argv) > 1 else "amqp://guest:guest@localhost:5672"


async def main() -> None:
    answers: dict[str, asyncio.Future[bytes]] = {}

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        answers.pop(message.correlation_id).set_result(message.body)

    async with await aio_pika.connect(uri) as connection:
        channel = await connection.channel()
        replies = await channel.declare_queue(exclusive=True)
        await replies.consume(take, no_ack=True)

        async def call(event: dict[str, str]) -> bytes:
            identifier = str(uuid.uuid4())
            answer = answers[identifier] = asyncio.get_running_loop().create_future()
            message = aio_pika.Message(
                json.dumps(event).encode(),
                content_type="application/json",
                correlation_id=identifier,
                reply_to=replies.name,
            )
            await channel.default_exchange.publish(message, routing_key=FUNCTION)
            return await answer

        started = time.perf_counter()
        calls = [call({"Hello": str(number)}) for number in range(CALLS)]
        for answer in await asyncio.gather(*calls):
            print(answer.decode())
        print(f"{CALLS / (time.perf_counter() - started):.0f} calls a second")


asyncio.run(main())
