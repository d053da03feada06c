"""What moto offers and the companion has not: containers, moto's own controls, any size of form.

A companion serves hostile code, and runs as the server's user on the host.
"""

from __future__ import annotations

import hmac
import io
import re
from typing import TYPE_CHECKING, Any, NoReturn

from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.utilities.docker_utilities import DockerModel

from lambent.companion import outgoing
from lambent.companion.seams import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Environment = dict[str, Any]  # of a request, as WSGI has it
    Start = Callable[[str, list[tuple[str, str]]], Any]
    Application = Callable[[Environment, Start], Iterable[bytes]]

_SECRET = "HTTP_X_LAMBENT_COMPANION"  # the header's name, as WSGI has it
# How the server was called. moto writes it into the URLs that it answers, such as queues'.
_SCHEME = "HTTP_X_FORWARDED_PROTO"
# moto's, to change how it works, and what it says of the machine it plays.
_CONTROLS = frozenset({"moto_api", "instance_metadata"})
# What moto needs for a form grows with the square of its fields. CloudFormation's and SNS's
# largest requests have some hundred; a message of SQS may have 1 MiB, three times that encoded.
_MOST_FIELDS = 2000
_MOST_FORM_BYTES = 4 * 1024 * 1024
_LONG_NAME = re.compile(rb"(?:^|&)[^&=]{512}")
_PIECE_BYTES = 64 * 1024
# Where moto reads a form from the body whatever its type is said to be.
_OF_FORMS = frozenset(
    {
        *("autoscaling", "cloudformation", "cloudwatch", "ec2", "elasticache", "elasticbeanstalk"),
        *("elb", "elbv2", "iam", "neptune", "rds", "redshift", "sdb", "ses", "sns", "sqs", "sts"),
    }
)
_ALSO_OTHERWISE = frozenset({"cloudwatch", "sqs"})  # which their type says
_OTHER_TYPES = ("application/json", "application/x-amz-json", "application/cbor")
_OBJECTS = frozenset({"s3", "s3bucket_path", "s3control"})  # whose bodies are anybody's bytes


def install() -> None:
    """Take from moto what hostile code must not have. To be called before the first request."""
    replace(DockerModel, "docker_client", property(_no_containers))
    outgoing.install()
    _choose_applications()


def only_with(secret: str, application: Application) -> Application:
    """`application` for those who know the secret alone: the port is open to all on the host."""
    expected = secret.encode("latin-1")

    def answer(environ: Environment, start: Start) -> Iterable[bytes]:
        told = environ.pop(_SECRET, "").encode("latin-1")
        if not hmac.compare_digest(told, expected):
            return _forbidden(environ, start)
        if scheme := environ.pop(_SCHEME, None):
            environ["wsgi.url_scheme"] = scheme
        return application(environ, start)

    return answer


def form_complaint(environ: Environment, service: str) -> str | None:
    """Why a form is not read; None: it is none, or is one that may be.

    Its body can be read again afterwards.
    """
    if environ.get("QUERY_STRING", "").count("&") >= _MOST_FIELDS:
        return f"there are more than {_MOST_FIELDS} fields"
    if not _may_be_form(environ.get("CONTENT_TYPE", "").lower(), service):
        return None
    body = _body(environ)
    if body is None:
        return f"the form is larger than {_MOST_FORM_BYTES} bytes"
    if body.count(b"&") >= _MOST_FIELDS:
        return f"there are more than {_MOST_FIELDS} fields"
    return "the name of a field is too long" if _LONG_NAME.search(body) else None


def _no_containers(_model: object) -> NoReturn:
    raise NotImplementedError(
        "the companion runs no containers: jobs of AWS Batch fail here. Run the program yourself."
    )


def _choose_applications() -> None:
    choose: Callable[..., Any] = DomainDispatcherApplication.get_application

    def chosen(dispatcher: Any, environ: Environment) -> Any:
        # moto's own choice, so that no spelling of a path, host or scope is one for it alone.
        application = choose(dispatcher, environ)
        if application.service in _CONTROLS:
            return _missing
        if complaint := form_complaint(environ, application.service):
            return _complaining(complaint, application.service)
        return application

    replace(DomainDispatcherApplication, "get_application", chosen)


def _may_be_form(content_type: str, service: str) -> bool:
    if service in _ALSO_OTHERWISE and content_type.startswith(_OTHER_TYPES):
        return False
    is_said = content_type.startswith("application/x-www-form-urlencoded")
    return service in _OF_FORMS or (is_said and service not in _OBJECTS)


def _body(environ: Environment) -> bytes | None:
    """All of it; None if it is too large, and then it has been thrown away."""
    length = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    if not length.isdecimal() and not environ.get("wsgi.input_terminated"):
        return b""  # without a length there is nothing
    left = int(length) if length.isdecimal() else None
    pieces: list[bytes] = []
    size = 0
    while left is None or size < left:
        piece = stream.read(_PIECE_BYTES if left is None else min(_PIECE_BYTES, left - size))
        if not piece:
            break
        size += len(piece)
        if size <= _MOST_FORM_BYTES:
            pieces.append(piece)
        # The rest is read nevertheless: who still sends would not see the answer.
    if size > _MOST_FORM_BYTES:
        return None
    body = b"".join(pieces)
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _forbidden(_environ: Environment, start: Start) -> Iterable[bytes]:
    start("403 Forbidden", [("Content-Type", "text/plain")])
    return [b"This port is for the server that started it. Call the server.\n"]


def _missing(_environ: Environment, start: Start) -> Iterable[bytes]:
    start("404 Not Found", [("Content-Type", "text/plain")])
    return [b"This is not available here.\n"]


def _complaining(complaint: str, service: str) -> Application:
    error = (
        f"<Code>MalformedQueryString</Code><Message>The request is refused: {complaint}.</Message>"
    )
    if service == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"

    def answer(_environ: Environment, start: Start) -> Iterable[bytes]:
        start("400 Bad Request", [("Content-Type", "text/xml")])
        return [text.encode()]

    return answer
