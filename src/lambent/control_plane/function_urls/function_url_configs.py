"""CreateFunctionUrlConfig, and updating, reading, listing and deleting what it made.

https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html

Which members appear in which answer follows answers recorded from AWS: only what reads a URL names
an InvokeMode that nobody ever set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lambent.control_plane.function_settings.tenancy import not_with_tenants
from lambent.control_plane.function_urls.cors import check_cors
from lambent.control_plane.plane import (
    ControlPlane,
    existing_function,
    function_in,
    reference_in,
    resolved_version,
)
from lambent.control_plane.revisions import new_id
from lambent.domain.errors import ServiceError, resource_conflict, resource_not_found
from lambent.domain.function_url import FunctionUrl, new_url_id
from lambent.domain.paging import key_of, page_of
from lambent.store.functions import AlreadyExists, NotFound
from lambent.store.records import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from lambent.domain.arn import FunctionReference
    from lambent.domain.caller import Caller
    from lambent.domain.function import FunctionVersion


async def create_function_url_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = reference_in(plane, caller, request, "CreateFunctionUrlConfig")
    check_cors(request.get("Cors"))
    if _version(plane, reference).is_tenant_isolated:
        raise not_with_tenants("Function URL")
    now = _time(plane.clock())
    url = FunctionUrl(
        account_id=reference.account_id,
        region=reference.region,
        name=reference.name,
        qualifier=reference.qualifier or "",
        revision_id=new_id(),
        url_id=new_url_id(),
        auth_type=request["AuthType"],
        invoke_mode=request.get("InvokeMode"),
        cors=request.get("Cors") or None,
        creation_time=now,
        last_modified_time=now,
    )
    async with plane.function_urls.changes:
        try:
            await plane.function_urls.put(url, instead_of=NOTHING)
        except AlreadyExists:
            raise _already_there(url) from None
        except NotFound:  # deleted meanwhile
            raise _no_function() from None
    return _created(plane, url)


async def update_function_url_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """What the request leaves out stays as it is; CORS settings are replaced as a whole."""
    reference = reference_in(plane, caller, request, "UpdateFunctionUrlConfig")
    check_cors(request.get("Cors"))
    _version(plane, reference)
    async with plane.function_urls.changes:
        existing = _existing(plane, reference)
        url = replace(
            existing,
            revision_id=new_id(),
            last_modified_time=_time(plane.clock()),
            **_settings(request),
        )
        try:
            await plane.function_urls.put(url, instead_of=existing.revision_id)
        except NotFound:  # deleted meanwhile
            raise _no_function() from None
    return _updated(plane, url)


async def get_function_url_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    return _read(
        plane, _existing(plane, reference_in(plane, caller, request, "GetFunctionUrlConfig"))
    )


async def delete_function_url_config(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    """Without a qualifier the function's own URL; those of its aliases stay."""
    reference = reference_in(plane, caller, request, "DeleteFunctionUrlConfig")
    async with plane.function_urls.changes:
        try:
            await plane.function_urls.delete(_existing(plane, reference))
        except NotFound:  # it went with its function or alias meanwhile
            raise _none_there() from None
    return {}


async def list_function_url_configs(
    plane: ControlPlane, caller: Caller, request: dict[str, Any]
) -> dict[str, Any]:
    reference = function_in(plane, caller, request, "ListFunctionUrlConfigs")
    try:
        existing_function(plane, reference)
    except ServiceError:
        raise _no_function() from None
    listing = f"function-urls/{reference.arn}"
    urls = plane.function_urls.of_function(reference.account_id, reference.region, reference.name)
    if request.get("Marker"):
        last = key_of(request["Marker"], listing)
        urls = [url for url in urls if url.qualifier > last]
    page, marker = page_of(urls, lambda url: url.qualifier, listing, request.get("MaxItems"))
    return {"FunctionUrlConfigs": [_read(plane, url) for url in page], "NextMarker": marker}


def address(plane: ControlPlane, url: FunctionUrl) -> str:
    """Where the URL is on this server: over TLS, as on AWS, if there is that.

    All names under localhost lead to this machine, without anybody's having set them up
    (https://www.rfc-editor.org/rfc/rfc6761#section-6.3); an IP address can have none under it.
    """
    endpoint = urlsplit(plane.secure_endpoint or plane.endpoint)
    name = f"{url.url_id}.lambda-url.{url.region}.localhost"
    return f"{endpoint.scheme}://{name}:{endpoint.port}/"


def _version(plane: ControlPlane, reference: FunctionReference) -> FunctionVersion:
    try:
        return resolved_version(plane, reference)
    except ServiceError:
        raise _no_function() from None


def _existing(plane: ControlPlane, reference: FunctionReference) -> FunctionUrl:
    url = plane.function_urls.get(
        reference.account_id, reference.region, reference.name, reference.qualifier or ""
    )
    if url is None:
        raise _none_there()
    return url


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of FunctionUrl that a request says something of. No CORS settings at all: none."""
    settings = {"auth_type": request.get("AuthType"), "invoke_mode": request.get("InvokeMode")}
    given = {name: value for name, value in settings.items() if value is not None}
    if request.get("Cors") is None:
        return given
    return {**given, "cors": request["Cors"] or None}


def _no_function() -> ServiceError:
    return resource_not_found("Function does not exist")


def _none_there() -> ServiceError:
    return resource_not_found("The resource you requested does not exist.")


def _already_there(url: FunctionUrl) -> ServiceError:
    return resource_conflict(
        f"Failed to create function url config for [functionArn = {url.arn}]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function"
    )


def _created(plane: ControlPlane, url: FunctionUrl) -> dict[str, Any]:
    return {
        "FunctionUrl": address(plane, url),
        "FunctionArn": url.arn,
        "AuthType": url.auth_type,
        "Cors": url.cors,
        "CreationTime": url.creation_time,
        "InvokeMode": url.invoke_mode,
    }


def _updated(plane: ControlPlane, url: FunctionUrl) -> dict[str, Any]:
    return {**_created(plane, url), "LastModifiedTime": url.last_modified_time}


def _read(plane: ControlPlane, url: FunctionUrl) -> dict[str, Any]:
    return {**_updated(plane, url), "InvokeMode": url.invoke_mode or "BUFFERED"}


def _time(moment: datetime) -> str:
    """`2026-01-31T12:00:00.000000Z`, as these operations have it."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
