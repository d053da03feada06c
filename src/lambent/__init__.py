"""Lambent: AWS Lambda on machines you own.

Start reading at `docs/tour.md`, which follows one invocation from the socket to the runtime and
back. The packages are layers, highest first: cli, server, control_plane, invocation,
execution_environment, telemetry, then sandbox, protocol and store side by side, then domain.
"""
