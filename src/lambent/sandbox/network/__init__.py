"""A network for each sandbox: loopback, our listening sockets, and a way out that spares the host.

Hides namespaces, links, routes, filter rules and the user-mode network program. Start reading at
`slots.py`, what one sandbox has; then `shared.py`, what all slots share: a router with its firewall,
and the uplink that carries its traffic.
"""
