from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.versions import function_version

from lambent.domain.function import Function
from lambent.domain.function_url import FunctionUrl
from lambent.store.function_urls import FunctionUrlIndex
from lambent.store.functions import FunctionStore
from lambent.store.records import FunctionRecords

VERSION = function_version()
OF: Any = {"account_id": VERSION.account_id, "region": VERSION.region, "name": VERSION.name}
URL = FunctionUrl(
    **OF,
    revision_id="1",
    url_id="a",
    auth_type="NONE",
    invoke_mode=None,
    cors={"AllowOrigins": ["*"]},
    creation_time="2026-01-31T12:00:00.000000Z",
    last_modified_time="2026-01-31T12:00:00.000000Z",
)
OF_LATEST = replace(URL, qualifier="$LATEST", url_id="b")


@pytest.fixture
async def functions(database, seal):
    store = await FunctionStore.open(database, seal)
    await store.create(Function(**OF), VERSION)
    return store


@pytest.fixture
async def urls(database, functions):
    return await FunctionRecords.open(database, functions, FunctionUrl)


async def test_a_url_is_found_by_its_id_as_long_as_it_is_there(urls):
    index = FunctionUrlIndex(urls)
    await urls.put(URL)
    await urls.put(OF_LATEST)
    assert (index.get("a"), index.get("b"), index.get("c")) == (URL, OF_LATEST, None)
    changed = replace(URL, auth_type="AWS_IAM", revision_id="2")
    await urls.put(changed)
    assert index.get("a") == changed
    await urls.delete(changed)
    assert (index.get("a"), index.get("b")) == (None, OF_LATEST)


async def test_it_is_found_after_a_restart(database, functions, urls):
    await urls.put(URL)
    again = await FunctionRecords.open(database, functions, FunctionUrl)
    assert FunctionUrlIndex(again).get("a") == URL


async def test_none_is_found_of_a_function_that_is_gone(functions, urls):
    index = FunctionUrlIndex(urls)
    await urls.put(URL)
    await urls.put(OF_LATEST)
    await functions.delete(**OF)
    assert (index.get("a"), index.get("b")) == (None, None)
