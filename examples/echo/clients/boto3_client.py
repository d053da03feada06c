"""Ten calls by AWS's SDK, one after the other: python boto3_client.py [URL]."""

import json
import sys
import time
import uuid

import boto3

CALLS = 10
url = sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080"
client = boto3.client(
    "lambda",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
)

started = time.perf_counter()
for _ in range(CALLS):
    event = {"Hello": str(uuid.uuid4())}
    answer = client.invoke(FunctionName="echo-lambda", Payload=json.dumps(event))
    print(answer["Payload"].read().decode())
print(f"{CALLS / (time.perf_counter() - started):.0f} calls a second")
