from __future__ import annotations

import pytest
from moto.cloudformation.exceptions import ValidationError

from lambent.companion.cloudformation.templates import (
    check_parameters,
    check_template,
    in_order,
    needs_sam,
    read_template,
    references,
)

QUEUE = "AWS::SQS::Queue"


def test_short_and_long_forms_are_the_same_document():
    short = """
    AWSTemplateFormatVersion: 2010-09-09
    Resources:
      A:
        Type: T
        Properties:
          Name: !Ref B
          Arn: !GetAtt B.Arn
          Deep: !GetAtt B.Outputs.Name
          Text: !Sub ["${B}-${C}", {C: !Ref D}]
    """
    assert read_template(short) == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "A": {
                "Type": "T",
                "Properties": {
                    "Name": {"Ref": "B"},
                    "Arn": {"Fn::GetAtt": ["B", "Arn"]},
                    "Deep": {"Fn::GetAtt": ["B", "Outputs.Name"]},
                    "Text": {"Fn::Sub": ["${B}-${C}", {"C": {"Ref": "D"}}]},
                },
            }
        },
    }
    assert read_template('{"Resources": {"A": {"Fn::GetAtt": "B.Arn"}}}') == {
        "Resources": {"A": {"Fn::GetAtt": ["B", "Arn"]}}
    }


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.getcwd []",
        "a: !!python/name:os.system",
        "[",
        "just text",
        "a: &a [*a]",
        "a: " + "[" * 200 + "]" * 200,
        "a: !GetAtt B",
        "x" * 1_000_001,
    ],
)
def test_what_is_no_template_is_refused(text):
    with pytest.raises(ValidationError):
        read_template(text)


def test_aliases_do_not_multiply_a_template():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(ValidationError, match="too large"):
        read_template("\n".join(lines))


def test_references_are_found_wherever_they_are():
    value = {
        "a": [{"Ref": "One"}, {"Fn::GetAtt": ["Two", "Arn"]}],
        "b": {"Fn::Sub": "${Three}-${Four.Arn}-${!Literal}"},
        "c": {"Fn::Sub": ["${Own}-${Five}", {"Own": {"Ref": "Six"}}]},
    }
    assert sorted(references(value)) == ["Five", "Four", "One", "Six", "Three", "Two"]


def test_what_is_referred_to_comes_first():
    document = {
        "Resources": {
            "A": {"Type": QUEUE, "Properties": {"x": {"Ref": "C"}}},
            "B": {"Type": QUEUE, "DependsOn": "A"},
            "C": {"Type": QUEUE, "DependsOn": ["D"]},
            "D": {"Type": QUEUE},
        }
    }
    assert in_order(document) == ["D", "C", "A", "B"]


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("Resources: {}", "At least one Resources member must be defined"),
        ("Resources: {A: {}}", r"\[/Resources/A\] Every Resources object must contain a Type"),
        ("Resources: {A: {Type: T, Properties: text}}", "Properties an object"),
        ("Resources: [A]", r"\[/Resources\] must be an object"),
        ("{Resources: {A: {Type: T}}, Parameters: {P: 1}}", r"\[/Parameters/P\] Every"),
        ("{Resources: {A: {Type: T}}, Outputs: {O: {}}}", r"\[/Outputs/O\] Every Outputs"),
        (
            "Resources: {A: {Type: AWS::SQS::Queue, Condition: Missing}}",
            "Unresolved condition dependency Missing in the Resources block of the template",
        ),
        ("Resources: {A: {Type: AWS::X::Y}}", r"Unrecognized resource types: \[AWS::X::Y\]"),
        (
            "Resources: {A: {Type: AWS::SQS::Queue, Properties: {x: !Ref No}}}",
            r"Unresolved resource dependencies \[No\] in the Resources block of the template",
        ),
        (
            "{Resources: {A: {Type: AWS::SQS::Queue}}, Outputs: {O: {Value: !Ref No}}}",
            r"Unresolved resource dependencies \[No\] in the Outputs block of the template",
        ),
        (
            "Resources: {A: {Type: AWS::SQS::Queue, DependsOn: B}, "
            "B: {Type: AWS::SQS::Queue, Properties: {x: !GetAtt A.Arn}}}",
            r"Circular dependency between resources: \[A, B\]",
        ),
    ],
)
def test_a_template_that_cannot_work_is_refused_at_once(template, told):
    with pytest.raises(ValidationError, match=told):
        check_template(read_template(template), lambda kind: kind == QUEUE)


def test_parameters_and_pseudo_parameters_can_be_referred_to():
    template = """
    Parameters: {P: {Type: String}}
    Resources: {A: {Type: AWS::SQS::Queue, Properties: {x: !Sub "${P}-${AWS::Region}"}}}
    """
    check_template(read_template(template), lambda kind: kind == QUEUE)


def test_one_transform_is_known():
    assert not needs_sam({})
    assert needs_sam({"Transform": ["AWS::Serverless-2016-10-31"]})
    with pytest.raises(ValidationError, match="No transform named AWS::LanguageExtensions found"):
        needs_sam({"Transform": ["AWS::Serverless-2016-10-31", "AWS::LanguageExtensions"]})


def test_parameters_have_one_of_their_allowed_values():
    document = {"Parameters": {"N": {"Type": "Number", "Default": 3, "AllowedValues": [3, 4]}}}
    check_parameters(document, {})
    check_parameters(document, {"N": "4"})
    with pytest.raises(ValidationError, match="Parameter 'N' must be one of AllowedValues"):
        check_parameters(document, {"N": "5"})
