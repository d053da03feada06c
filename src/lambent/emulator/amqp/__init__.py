"""RPC over AMQP: the function as the consumer of a queue of its own name."""
