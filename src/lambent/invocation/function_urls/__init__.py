"""Functions behind HTTP addresses of their own: a request in, an event, what the function says of it.

`endpoint.py` is the door, one call of it answers one request. It hides payload format 2.0 in both
directions, the preludes of streamed responses, who may call (`access.py`), and CORS.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""
