"""EventBridge rules: which fire, and what their targets get."""

from __future__ import annotations

import copy
import json
import logging
import time
from typing import TYPE_CHECKING, Any

from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends
from moto.sns.models import sns_backends

from lambent.companion.events.schedule_expression import NotASchedule, parse_schedule
from lambent.companion.events.target_input import NoInput, complaint, envelope, input_for
from lambent.companion.queues import send_to_queue
from lambent.companion.resource_policies import User, allows
from lambent.companion.seams import replace
from lambent.companion.server_link import ServerLink, ServiceCall
from lambent.companion.traces import trace_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.companion.delivery import Deliveries
    from lambent.companion.server_link import Refused

logger = logging.getLogger(__name__)

_SERVICE = "events.amazonaws.com"
_sends: Callable[..., None] = Rule.send_to_targets  # moto's own, for what it does well


def install(server: ServerLink, deliveries: Deliveries) -> None:
    """Take rules' targets out of moto's hands, and refuse rules as EventBridge does."""

    def send_to_targets(rule: Any, original_event: Any, transform_input: bool = True) -> None:
        if _fires(rule, original_event):
            targets = Targets(server=server, deliveries=deliveries)
            for target in list(rule.targets):
                targets.send(rule, target, original_event)

    replace(Rule, "send_to_targets", send_to_targets)
    _check_rules()
    _check_targets()


def send_to_buses(account_id: str, region: str, event: Any) -> None:
    """An event of an AWS service, which they put on the default bus only."""
    for rule in list(events_backends[account_id][region].event_buses["default"].rules.values()):
        rule.send_to_targets(event)


def is_enabled(rule: Any) -> bool:
    """Not DISABLED; there is more than one state of being enabled."""
    return bool(rule.state != "DISABLED")


class Targets:
    """Hands events to the targets of rules."""

    def __init__(self, *, server: ServerLink, deliveries: Deliveries) -> None:
        self._server = server
        self._deliveries = deliveries

    def send(self, rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
        """Raises nothing: one target's failure is none of another's, nor of the event's sender."""
        try:
            self._send(rule, target, event)
        except Exception:  # moto's services raise whatever they do
            logger.exception("rule %s could not send an event to %s", rule.arn, target["Arn"])

    def _send(self, rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
        service = target["Arn"].split(":")[2]
        if service == "events":
            _send_by_moto(rule, target, event)
            return
        if service not in ("lambda", "sqs", "sns", "logs"):
            logger.warning(
                "rule %s sends nothing to %s: the companion sends events to Lambda, SQS, SNS, "
                "CloudWatch Logs and EventBridge only, not to %s",
                rule.arn,
                target["Arn"],
                service,
            )
            return
        try:
            text = input_for(target, envelope(event), rule.arn)
        except NoInput as error:
            # As AWS does it: nobody is told.
            logger.warning("rule %s sends nothing to %s: %s", rule.arn, target["Arn"], error)
            return
        if service == "lambda":
            self._invoke(rule, target, text)
        elif service == "sqs":
            _send_to_queue(rule, target, text)
        elif service == "sns":
            _publish(rule, target["Arn"], text)
        else:
            self._log(rule, target, text)

    def _invoke(self, rule: Any, target: dict[str, Any], text: str) -> None:
        call = ServiceCall(
            service=_SERVICE,
            function_arn=target["Arn"],
            source_arn=rule.arn,
            source_account=rule.account_id,
            payload=text,
            trace_header=trace_header(),
        )
        self._deliveries.send(call, lambda refused: _dead_letter(rule, target, text, refused))

    def _log(self, rule: Any, target: dict[str, Any], text: str) -> None:
        """Into a group of the server's, as CloudWatch Logs are not moto's here."""
        group = target["Arn"].split(":log-group:")[1].removesuffix(":*")
        logs = self._server.client("logs", rule.account_id, rule.region_name)
        stream = f"{json.loads(text).get('id', rule.name)}"
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        event = {"timestamp": int(time.time() * 1000), "message": text}
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[event])


def _fires(rule: Any, event: Any) -> bool:
    # A rule with a schedule alone has no pattern, which to moto is one that everything matches.
    pattern = rule.event_pattern
    return is_enabled(rule) and bool(pattern.get_pattern()) and pattern.matches_event(event)


def _send_by_moto(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
    """Archives, other buses and API destinations."""
    arn = target["Arn"]
    if ":event-bus/" in arn and arn.split(":")[4] != rule.account_id:
        _, _, _, region, account_id, _ = arn.split(":", 5)
        bus = events_backends[account_id][region].describe_event_bus(arn.rpartition("/")[2])
        _check(bus.policy, rule, "events:PutEvents", arn)
    one = copy.copy(rule)
    one.targets = [target]
    one.event_pattern = type(rule.event_pattern)(None, {})
    _sends(one, {"ingestion-time": time.time()} | event)


def _send_to_queue(rule: Any, target: dict[str, Any], text: str) -> None:
    group_id = target.get("SqsParameters", {}).get("MessageGroupId")
    send_to_queue(target["Arn"], text, _sender(rule), group_id=group_id)


def _publish(rule: Any, topic_arn: str, text: str) -> None:
    _, _, _, region, account_id, _ = topic_arn.split(":", 5)
    topics = sns_backends[account_id][region]
    policy = topics.get_topic(topic_arn).policy
    _check(policy, rule, "SNS:Publish", topic_arn)
    topics.publish(text, arn=topic_arn)


def _check(policy: str | None, rule: Any, action: str, arn: str) -> None:
    """Raises PermissionError if `arn` is another account's, without a policy that allows it."""
    is_own = arn.split(":")[4] == rule.account_id
    if not (is_own or allows(policy, _sender(rule), action=action, resource=arn)):
        raise PermissionError(f"no policy of {arn} allows it {action}")


def _sender(rule: Any) -> User:
    return User(account_id=rule.account_id, service=_SERVICE, source_arn=rule.arn)


def _dead_letter(rule: Any, target: dict[str, Any], text: str, refused: Refused) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
    if not queue_arn:
        return
    is_forbidden = refused.code == "AccessDeniedException"
    attributes = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": "NO_PERMISSIONS" if is_forbidden else "SDK_CLIENT_ERROR",
        "ERROR_MESSAGE": str(refused),
    }
    send_to_queue(queue_arn, text, _sender(rule), attributes)


def _check_rules() -> None:
    put_rule: Callable[..., Any] = EventsBackend.put_rule

    def checked(backend: Any, name: str, **options: Any) -> Any:
        # On another bus there are no schedules at all, which moto says itself.
        if (options.get("event_bus_arn") or "").rpartition("/")[2] in ("", "default"):
            _check_schedule(options.get("scheduled_expression"))
        return put_rule(backend, name, **options)

    replace(EventsBackend, "put_rule", checked)


def _check_schedule(expression: str | None) -> None:
    try:
        if expression:
            parse_schedule(expression)
    except NotASchedule:
        raise ValidationException("Parameter ScheduleExpression is not valid.") from None


def _check_targets() -> None:
    put_targets: Callable[..., None] = EventsBackend.put_targets

    def checked(backend: Any, name: str, event_bus_arn: Any, targets: list[Any]) -> None:
        for target in targets:
            if refusal := complaint(target):
                raise ValidationException(refusal)
        put_targets(backend, name, event_bus_arn, targets)

    replace(EventsBackend, "put_targets", checked)
