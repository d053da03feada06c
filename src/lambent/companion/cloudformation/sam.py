"""The AWS::Serverless transform: aws-sam-translator, which is what AWS itself runs."""

from __future__ import annotations

import logging
import threading
from typing import Any

import boto3
from moto.cloudformation.exceptions import ValidationError
from samtranslator.parser.parser import Parser
from samtranslator.public.exceptions import InvalidDocumentException
from samtranslator.translator.translator import Translator
from samtranslator.utils.py27hash_fix import (
    to_py27_compatible_template,
    undo_mark_unicode_str_in_template,
)

# The library counts what it does, for AWS, and warns when nobody fetches the numbers.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)
_one_at_a_time = threading.Lock()  # the translator keeps the region in a class


def transformed(
    document: dict[str, Any], parameters: dict[str, Any], region: str
) -> dict[str, Any]:
    """The template with its serverless resources made of plain ones.

    Raises ValidationError for a template that the transform refuses.
    """
    # Without it, logical ids made of hashes would differ from those that AWS makes.
    to_py27_compatible_template(document, parameters)
    session = boto3.session.Session(region_name=region)
    with _one_at_a_time:
        try:
            made = Translator(None, Parser(), boto_session=session).translate(
                document, parameter_values=dict(parameters), get_managed_policy_map=dict
            )
        except InvalidDocumentException as refused:
            causes = " ".join(str(each.message) for each in refused.causes)
            raise ValidationError(
                message="Transform AWS::Serverless-2016-10-31 failed with: "
                f"{refused.message} {causes}"
            ) from None
    plain: dict[str, Any] = undo_mark_unicode_str_in_template(made)
    plain.pop("Transform", None)
    return plain
