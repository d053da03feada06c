"""The link in GetFunction's answer."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import pytest
from tests.support.functions import zipped

PACKAGE = zipped({"lambda_function.py": "x = 1", "data": bytes(range(256)) * 1000})
OTHER_PACKAGE = zipped({"lambda_function.py": "x = 2"})


def download(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        assert answer.headers["Content-Type"] == "application/zip"
        return answer.headers["Content-Length"], answer.read()


def location(account, **options):
    return account.client().get_function(FunctionName="greet", **options)["Code"]["Location"]


def test_the_link_leads_to_the_very_bytes(account):
    account.created(Code={"ZipFile": PACKAGE})
    url = location(account)
    assert url.startswith(account.server.url)
    assert download(url) == (str(len(PACKAGE)), PACKAGE)
    assert download(url, "HEAD") == (str(len(PACKAGE)), b"")


def test_every_version_has_its_own(account):
    account.created(Code={"ZipFile": PACKAGE}, Publish=True)
    account.client().update_function_code(FunctionName="greet", ZipFile=OTHER_PACKAGE)
    assert download(location(account))[1] == OTHER_PACKAGE
    assert download(location(account, Qualifier="1"))[1] == PACKAGE


def other_hash(url):
    return re.sub(r"/code/[\w-]{5}", "/code/AAAAA", url)


def later(url):
    return re.sub(r"expires=\d+", "expires=99999999999", url)


def long_ago(url):
    return re.sub(r"expires=\d+", "expires=1", url)


def other_signature(url):
    return re.sub(r"signature=.{5}", "signature=AAAAA", url)


def no_signature(url):
    return url.partition("?")[0]


def traversal(url):
    return re.sub(r"/code/[^?]+", "/code/..%2f..%2fkey", url)


@pytest.mark.parametrize(
    "forge", [other_hash, later, long_ago, other_signature, no_signature, traversal]
)
def test_a_forged_link_leads_nowhere(account, forge):
    account.created(Code={"ZipFile": PACKAGE})
    with pytest.raises(urllib.error.HTTPError) as refused:
        download(forge(location(account)))
    with refused.value as answer:
        assert answer.code == 403
        assert PACKAGE not in answer.read()


def test_nothing_is_changed_through_a_link(account):
    account.created(Code={"ZipFile": PACKAGE})
    for method in ("PUT", "DELETE", "POST"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            download(location(account), method)
        refused.value.close()
        assert refused.value.code == 403
    assert download(location(account))[1] == PACKAGE
