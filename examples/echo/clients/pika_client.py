"""Ten calls by way of a broker, one after the other: python pika_client.py [AMQP_URI]."""

import json
import sys
import uuid

import pika

CALLS = 10
FUNCTION = "echo-lambda"
uri = sys.argv[1] if len(sys.argv) > 1 else "amqp://guest:guest@localhost:5672"

with pika.BlockingConnection(pika.URLParameters(uri)) as connection:
    channel = connection.channel()
    replies = channel.queue_declare("", exclusive=True).method.queue
    for _ in range(CALLS):
        identifier = str(uuid.uuid4())
        channel.basic_publish(
            exchange="",
            routing_key=FUNCTION,
            body=json.dumps({"Hello": identifier}).encode(),
            properties=pika.BasicProperties(
                content_type="application/json", correlation_id=identifier, reply_to=replies
            ),
        )
        for _method, properties, answer in channel.consume(
            replies, auto_ack=True, inactivity_timeout=30
        ):
            if answer is None:
                raise SystemExit("No answer came within 30 seconds.")
            if properties.correlation_id == identifier:
                print(answer.decode())
                break
