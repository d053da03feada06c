"""Events that are tried again."""

from __future__ import annotations

from typing import Any

from lambent.companion.delivery import Deliveries
from lambent.companion.server_link import Refused, ServiceCall

CALL = ServiceCall(
    service="sns.amazonaws.com",
    function_arn="arn:aws:lambda:us-east-1:111111111111:function:f",
    source_arn="arn:aws:sns:us-east-1:111111111111:topic",
    source_account="111111111111",
    payload="{}",
)


class Server:
    """Refuses as it is told."""

    def __init__(self, *refusals: Refused) -> None:
        self.refusals = list(refusals)
        self.tries = 0
        self.taken: list[ServiceCall] = []

    def queue(self, call: ServiceCall) -> None:
        self.tries += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append(call)


def deliveries(server: Any, clock: list[float]) -> Deliveries:
    return Deliveries(server=server, now=lambda: clock[0])


def passing() -> Refused:
    return Refused("ServiceException", "not now", may_pass=True)


def test_what_the_server_takes_is_delivered_once() -> None:
    server, given_up = Server(), list[Refused]()
    deliveries(server, [0.0]).send(CALL, given_up.append)
    assert (server.taken, given_up) == ([CALL], [])


def test_what_may_not_be_is_given_up_at_once() -> None:
    refusal = Refused("AccessDeniedException", "no policy")
    server, given_up = Server(refusal), list[Refused]()
    deliveries(server, [0.0]).send(CALL, given_up.append)
    assert (server.taken, given_up) == ([], [refusal])


def test_what_may_pass_is_tried_again_when_it_is_due() -> None:
    server, given_up, clock = Server(passing()), list[Refused](), [0.0]
    waiting = deliveries(server, clock)
    waiting.send(CALL, given_up.append)
    waiting.retry_due()
    assert server.tries == 1
    clock[0] = 1.0
    waiting.retry_due()
    assert (server.taken, given_up) == ([CALL], [])


def test_in_the_end_it_is_given_up() -> None:
    server, given_up, clock = Server(*[passing() for _ in range(100)]), list[Refused](), [0.0]
    waiting = deliveries(server, clock)
    waiting.send(CALL, given_up.append)
    while not given_up:
        clock[0] += 60
        waiting.retry_due()
    assert [refused.code for refused in given_up] == ["ServiceException"]
    assert server.tries == 9


def test_a_dead_letter_queue_that_is_gone_harms_nobody() -> None:
    def give_up(_refused: Refused) -> None:
        raise LookupError

    deliveries(Server(Refused("AccessDeniedException", "no policy")), [0.0]).send(CALL, give_up)
