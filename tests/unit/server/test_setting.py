from __future__ import annotations

from pathlib import Path

import pytest

from lambent.server import setting

ACCESS_POINT = (
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
)
subnets = setting.members_of_vpcs("subnet")


def test_endpoints_are_urls_aws_itself_or_nothing():
    assert [setting.endpoint(each) for each in ("", "aws", "https://a.test:1/x")] == [
        "",
        "aws",
        "https://a.test:1/x",
    ]
    assert setting.endpoints(" s3 = http://127.0.0.1:1 , kms = aws ") == {
        "s3": "http://127.0.0.1:1",
        "kms": "aws",
    }
    assert setting.endpoints("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:1",
        "ftp://a.test",
        "http://",
        "http://u:p@a.test",
        "http://my_minio:9000",
        "http://a.test:99999",
        "http://a.test:x",
        "http://a.test:0",
        "http://-a.test",
        "http://[::1",
    ],
)
def test_what_is_no_url_is_no_endpoint(text):
    with pytest.raises(ValueError, match="must be an http or https URL, or aws"):
        setting.endpoint(text)


@pytest.mark.parametrize("text", ["s3", "s3=", "=http://a.test", "S3=http://a.test", "s3=a.test"])
def test_endpoints_name_a_service_each(text):
    with pytest.raises(ValueError, match="must be"):
        setting.endpoints(text)


def test_members_of_networks_have_the_identifiers_of_their_kind():
    assert subnets("subnet-1=vpc-1, subnet-2=vpc-2") == {"subnet-1": "vpc-1", "subnet-2": "vpc-2"}
    for text in ("sg-1=vpc-1", "subnet-1=1", "subnet-=vpc-1", "subnet-1"):
        with pytest.raises(ValueError, match="must be"):
            subnets(text)


def test_access_points_are_arns_with_directories():
    assert setting.access_points(f"{ACCESS_POINT}=/srv/a") == {ACCESS_POINT: Path("/srv/a")}
    for text in ("fsap-0123456789abcdef0=/srv/a", f"{ACCESS_POINT}x=/srv/a", ACCESS_POINT):
        with pytest.raises(ValueError, match="must be"):
            setting.access_points(text)


def test_hosts_are_taken_in_their_order_and_once():
    assert setting.hosts("::1, localhost,127.0.0.1,::1") == ("::1", "localhost", "127.0.0.1")


def test_a_certificate_is_a_file_or_for_development_or_none(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert setting.certificate("") == setting.optional_file("") == ""
    assert setting.certificate("development") == "development"
    assert setting.certificate("./development") == str(tmp_path / "development")
    assert setting.optional_file("key.pem") == str(tmp_path / "key.pem")


def test_a_default_is_shown_as_it_would_be_given():
    several = setting.Setting("host", setting.hosts, lambda: ("127.0.0.1", "::1"), "Where.")
    number = setting.Setting("port", setting.whole_number(0, 9), lambda: 7, "Which.")
    assert (several.shown_default, number.shown_default) == ("127.0.0.1,::1", "7")


def test_access_keys_have_a_secret_each():
    assert setting.access_keys("AKIAIOSFODNN7EXAMPLE=a/b+c==, 000000000000=x") == {
        "AKIAIOSFODNN7EXAMPLE": "a/b+c==",
        "000000000000": "x",
    }
    assert setting.access_keys("") == {}


@pytest.mark.parametrize(
    "text", ["key", "key=", "=secret", "a-b=secret", "key=se cret", "key=\xe4"]
)
def test_what_has_another_form_is_no_access_key(text):
    with pytest.raises(ValueError, match="must be"):
        setting.access_keys(text)
