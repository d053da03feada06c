from __future__ import annotations

import pytest

from lambent.protocol.browsers import is_of_another_page


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:9001", "user-agent": "Boto3/1.40", "accept": "*/*"},
        {"host": "lambent:9001", "user-agent": "aws-cli/2"},
        {"host": "127.0.0.1:9001", "accept-language": "en"},
        {"host": "localhost:9001", "accept-language": "en", "sec-fetch-site": "none"},
        {"host": "api.localhost", "accept-language": "en"},
        {"host": "[::1]:9001", "accept-language": "en"},
        {"host": "[::1]", "accept-language": "en"},
        {"host": "localhost:9001", "origin": "http://localhost:9001"},
    ],
)
def test_what_an_sdk_or_a_person_asks_is_taken(headers):
    assert not is_of_another_page(headers)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:9001", "origin": "http://attacker.example"},
        {"host": "127.0.0.1:9001", "origin": "http://127.0.0.1:3000"},
        {"host": "127.0.0.1:9001", "origin": "null"},
        {"host": "127.0.0.1:9001", "sec-fetch-site": "cross-site"},
        {"host": "localhost:9001", "sec-fetch-site": "same-site"},
        {"host": "attacker.example:9001", "origin": "http://attacker.example:9001"},
        {"host": "attacker.example:9001", "accept-language": ""},
        {"host": "127.0.0.1.attacker.example", "accept-language": "en"},
        {"host": "localhost.attacker.example:9001", "accept-language": "en"},
        {"accept-language": "en"},
    ],
)
def test_what_a_page_elsewhere_asks_is_not(headers):
    assert is_of_another_page(headers)
