"""What a setting is, and how the text of one is read.

The readers raise ValueError with the rest of a sentence that begins with the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lambent.aws.endpoint import AWS_ITSELF, is_endpoint
from lambent.domain.runtime_catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

VARIABLE_PREFIX = "LAMBENT_"
# In place of a certificate's file.
DEVELOPMENT_CERTIFICATE = "development"

_HOST = re.compile(r"[0-9A-Za-z.:\-]{1,253}", re.ASCII)
_VPC = re.compile(r"vpc-[0-9a-z]+", re.ASCII)
_ACCESS_POINT = re.compile(
    r"arn:aws[a-zA-Z-]*:elasticfilesystem:[a-z0-9-]+:\d{12}:access-point/fsap-[a-f0-9]{17}",
    re.ASCII,
)
_SERVICE = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_ACCESS_KEY = re.compile(r"[A-Za-z0-9_]{1,128}", re.ASCII)
_SECRET_KEY = re.compile(r"[!-+\--~]{1,256}", re.ASCII)  # what can be seen, but the comma


@dataclass(frozen=True, slots=True)
class Setting:
    name: str  # as in the TOML file; --name-with-dashes and LAMBENT_NAME elsewhere
    read: Callable[[str], object]  # raises ValueError
    default: Callable[[], object]
    meaning: str
    is_secret: bool = False  # its value is never repeated, not even when it cannot be

    @property
    def option(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def shown_default(self) -> str:
        """As it would be given."""
        default = self.default()
        return ",".join(default) if isinstance(default, tuple) else str(default)

    @property
    def variable(self) -> str:
        return VARIABLE_PREFIX + self.name.upper()


def matching(pattern: str, what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"must be {what}")
        return text

    return read


def one_of(*values: str) -> Callable[[str], str]:
    return matching("|".join(values), "one of " + ", ".join(values))


def whole_number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(text)

    return read


def switch(text: str) -> bool:
    if text.lower() not in ("true", "false"):  # TOML's own come as True and False
        raise ValueError("must be true or false")
    return text.lower() == "true"


def seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,9}(\.\d{1,3})?", text, re.ASCII):
        raise ValueError("must be a number of seconds")
    return float(text)


def factor(text: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII) or float(text) < 1:
        raise ValueError("must be a number from 1 on")
    return float(text)


def file_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("must be a path")
    return Path(text).expanduser().absolute()


def optional_file(text: str) -> str:
    """An absolute path, or nothing."""
    return str(file_path(text)) if text else ""


def certificate(text: str) -> str:
    """The same, or `development`."""
    return text if text == DEVELOPMENT_CERTIFICATE else optional_file(text)


def hosts(text: str) -> tuple[str, ...]:
    """`127.0.0.1,::1`: addresses or names, each once, in their order."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if not all(_HOST.fullmatch(host) for host in found):
        raise ValueError("must be addresses or host names, as in 127.0.0.1,::1")
    return found


def interpreters(text: str) -> Mapping[str, Path]:
    """`ruby3.2=/usr/bin/ruby,java8.al2=/usr/lib/jvm/11/bin/java`; nothing for none."""
    found = {}
    for identifier, path in _entries(text):
        if identifier not in CATALOGUE:
            raise ValueError("must be runtime identifiers with the path of what runs each")
        found[identifier] = file_path(path)
    return found


def endpoint(text: str) -> str:
    """A URL, `aws` for AWS's own, or nothing."""
    if text not in ("", AWS_ITSELF) and not is_endpoint(text):
        raise ValueError(
            "must be an http or https URL, or aws; its host an IP address, or a name of letters, "
            "digits, hyphens and dots"
        )
    return text


def endpoints(text: str) -> Mapping[str, str]:
    """`s3=http://127.0.0.1:9001,kms=aws`; nothing for none."""
    found = {}
    for service, url in _entries(text):
        if not _SERVICE.fullmatch(service):
            raise ValueError("must be names of services with the endpoint of each")
        found[service] = endpoint(url)
    return found


def access_keys(text: str) -> Mapping[str, str]:
    """Of access keys, the secret of each: `AKIAIOSFODNN7EXAMPLE=secret`."""
    found = dict(_entries(text))
    for name, secret in found.items():
        if not _ACCESS_KEY.fullmatch(name) or not _SECRET_KEY.fullmatch(secret):
            raise ValueError("must be access keys, of letters and digits, with the secret of each")
    return found


def members_of_vpcs(kind: str) -> Callable[[str], Mapping[str, str]]:
    """Of identifiers that begin with `kind`, the VPC each is in: `subnet-1=vpc-1`."""
    identifier = re.compile(rf"{kind}-[0-9a-z]+", re.ASCII)

    def read(text: str) -> Mapping[str, str]:
        found = dict(_entries(text))
        for name, vpc in found.items():
            if not identifier.fullmatch(name) or not _VPC.fullmatch(vpc):
                raise ValueError(f"must be identifiers {kind}-... with the vpc-... of each")
        return found

    return read


def access_points(text: str) -> Mapping[str, Path]:
    """Of the ARNs of access points, the directory each stands for."""
    found = {}
    for arn, directory in _entries(text):
        if not _ACCESS_POINT.fullmatch(arn):
            raise ValueError("must be ARNs of file systems' access points with a directory each")
        found[arn] = file_path(directory)
    return found


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """`name=value,name=value`; a name without a value has an empty one, which no reader takes."""
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or not value:
            raise ValueError("must be names with a value each, as in a=1,b=2")
        yield name, value
