from __future__ import annotations

from lambent.domain.code_signing_config import CodeSigningConfig


def test_its_arn_is_of_its_region_and_partition():
    config = CodeSigningConfig(
        account_id="123456789012",
        region="cn-north-1",
        id="csc-0123456789abcdef0",
        revision_id="1",
        description=None,
        signing_profile_version_arns=[],
        untrusted_artifact_on_deployment="Warn",
        created="",
        last_modified="",
        tags={},
    )
    assert config.arn == (
        "arn:aws-cn:lambda:cn-north-1:123456789012:code-signing-config:csc-0123456789abcdef0"
    )
