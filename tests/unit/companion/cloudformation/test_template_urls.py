from __future__ import annotations

import pytest

from lambent.companion.cloudformation.template_urls import bucket_and_key


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/code/some/key.yaml",
        "https://s3.eu-west-1.amazonaws.com/code/some/key.yaml",
        "https://code.s3.amazonaws.com/some/key.yaml",
        "https://code.s3.eu-west-1.amazonaws.com/some/key.yaml",
        "https://code.s3-eu-west-1.amazonaws.com/some%2Fkey.yaml",
        "http://127.0.0.1:9000/code/some/key.yaml",
        "http://localhost:9000/code/some/key.yaml?versionId=null",
        "http://code.s3.localhost:9000/some/key.yaml",
    ],
)
def test_every_form_of_url_names_the_same_object(url):
    assert bucket_and_key(url) == ("code", "some/key.yaml")
