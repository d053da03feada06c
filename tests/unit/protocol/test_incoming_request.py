from __future__ import annotations

import pytest

from lambent.protocol.incoming_request import IncomingRequest


def incoming(*fields, url=b"/a?b"):
    message = IncomingRequest()
    message.add_url(url)
    for name, value in fields:
        message.add_field(name, value)
    return message


def is_sound(*fields, url=b"/a", method=b"GET", version="1.1"):
    return incoming(*fields, url=url).end_head(method, version, 0.0)


def test_it_becomes_a_request():
    message = incoming((b"Host", b"a"), (b"X-Name", b"Value \t "))
    assert message.end_head(b"POST", "1.1", 7.5)
    message.body = [b"bo", b"dy"]
    message.held_bytes = 4
    received = message.received("192.0.2.7", is_tls=True, keeps_alive=True)
    request = received.request
    assert (request.method, request.path, request.query) == ("POST", "/a", "b")
    assert (request.headers, request.body) == ({"host": "a", "x-name": "Value"}, b"body")
    assert (request.peer, request.is_tls, request.version) == ("192.0.2.7", True, "HTTP/1.1")
    assert (request.began, received.held_bytes) == (7.5, 4)
    assert (received.is_last, received.takes_chunks) == (False, True)


@pytest.mark.parametrize(
    ("version", "keeps_alive", "expected"),
    [("1.1", False, (True, True)), ("1.0", True, (True, False))],
)
def test_it_says_what_its_answer_is_to_its_connection(version, keeps_alive, expected):
    message = incoming((b"Host", b"a"))
    message.end_head(b"GET", version, 0.0)
    received = message.received("", is_tls=False, keeps_alive=keeps_alive)
    assert (received.is_last, received.takes_chunks) == expected
    assert received.request.version == f"HTTP/{version}"


def test_fields_of_one_name_are_one_list():
    message = incoming(
        *[(b"Host", b"a"), (b"X-List", b"1"), (b"Cookie", b"a=1")],
        *[(b"x-list", b"2, 3"), (b"cookie", b"b=2"), (b"X-LIST", b""), (b"Cookie", b"c=3")],
    )
    assert message.end_head(b"GET", "1.1", 0.0)
    assert message.headers == {"host": "a", "x-list": "1,2, 3,", "cookie": "a=1; b=2; c=3"}


def test_trailers_of_one_name_are_one_list_and_not_the_head_s():
    message = incoming((b"Host", b"a"), (b"X", b"1"))
    message.end_head(b"GET", "1.1", 0.0)
    message.add_field(b"X", b"2")
    message.add_field(b"X", b"3")
    message.join_repeated()
    assert (message.headers["x"], message.fields) == ("1", {"x": "2,3"})


def test_its_size_is_about_what_it_takes_in_memory():
    message = incoming((b"A", b"b" * 1000), url=b"/" + b"c" * 100)
    assert 1102 < message.head_bytes < 1500


@pytest.mark.parametrize(
    "name", [b"Host", b"Content-Length", b"Transfer-Encoding", b"Authorization"]
)
def test_what_must_be_said_once_is_not_said_twice(name):
    value = {b"Host": b"a", b"Transfer-Encoding": b"chunked"}.get(name, b"5")
    fields = [(b"Host", b"a")] if name != b"Host" else []
    assert is_sound(*fields, (name, value))
    assert not is_sound(*fields, (name, value), (name.upper(), value))


@pytest.mark.parametrize(
    "host",
    [
        *(b"a", b"localhost:9000", b"127.0.0.1", b"[::1]:9000", b"[::ffff:1.2.3.4]", b"A_b.c~d."),
        *(b"id.lambda-url.us-east-1.localhost:9000", b"xn--bcher-kva.example"),
    ],
)
def test_a_host_may_be(host):
    assert is_sound((b"Host", host))


@pytest.mark.parametrize(
    "host",
    [
        *(b"", b"a b", b"a,b", b"a/b", b"a@b", b"a?b", b"a#b", b"a\\b", b"a:b", b"a:1:2", b"::1"),
        *(b"[::1", b"::1]", b"[]", b"[a]b", b"a:123456", b"b\xfccher", b"a%20b", b"<a>", b"a\tb"),
        *(b":80", b"a" * 256),
    ],
)
def test_a_host_may_not_be(host):
    assert not is_sound((b"Host", host))


def test_only_the_old_have_no_host():
    assert not is_sound()
    assert is_sound(version="1.0")
    assert is_sound(url=b"http://a/", version="1.0")


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0"])
def test_other_versions_are_none(version):
    assert not is_sound((b"Host", b"a"), version=version)


@pytest.mark.parametrize(
    "encoding", [b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity", b"", b"chunked;a=b"]
)
def test_a_body_comes_in_chunks_and_not_otherwise(encoding):
    assert is_sound((b"Host", b"a"), (b"Transfer-Encoding", b"Chunked"))
    assert not is_sound((b"Host", b"a"), (b"Transfer-Encoding", encoding))
    assert not is_sound((b"Host", b"a"), (b"Transfer-Encoding", b"chunked"), version="1.0")


@pytest.mark.parametrize(
    ("url", "method"),
    [
        (b"/", b"GET"),
        (b"//a", b"GET"),
        (b"/a?http://b/", b"GET"),
        (b"*", b"OPTIONS"),
        (b"http://Here:80/a", b"GET"),
        (b"HTTP://here?a", b"GET"),
        (b"https://here:443", b"GET"),
    ],
)
def test_a_target_may_be(url, method):
    assert is_sound((b"Host", b"here"), url=url, method=method)


@pytest.mark.parametrize(
    "url",
    [
        *(b"*", b"*a", b"a", b"here:80", b"ftp://here/", b"http://", b"http:///a", b"/a#b"),
        *(b"http://there/", b"http://here:81/", b"https://here:80/", b"http://u@here/"),
        *(b"http://here:80@there/", b"http://here,there/", b"http://here\\@there/", b""),
    ],
)
def test_a_target_may_not_be(url):
    assert not is_sound((b"Host", b"here"), url=url)
