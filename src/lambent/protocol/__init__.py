"""Bytes to operations and back: HTTP, SigV4 scopes and the AWS service models.

Everything an API says about itself comes from its botocore model; nothing here knows Lambda.
"""
