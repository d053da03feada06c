from __future__ import annotations

import io
import zipfile

import pytest

from lambent.domain.errors import ServiceError

INVALID = "InvalidParameterValueException"
LAYER = "arn:aws:lambda:eu-central-1:123456789012:layer"


async def refused(call):
    with pytest.raises(ServiceError) as caught:
        await call
    return caught.value.code, caught.value.message


@pytest.fixture
def publish(api, archive_of):
    """Publishes a version of a layer and answers its ARN."""

    async def publish(name="tools", *, by=api, archive=None):
        content = {"ZipFile": archive or archive_of(name)}
        answer = await by("PublishLayerVersion", LayerName=name, Content=content)
        return answer["LayerVersionArn"]

    return publish


def of_size(size):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(size))
    return buffer.getvalue()


async def layers_of(api, **request):
    answer = await api("GetFunctionConfiguration", FunctionName="echo", **request)
    return [layer["Arn"] for layer in answer["Layers"] or ()]


async def test_a_function_is_created_with_layers_in_their_order(api, publish, archive_of):
    arns = [await publish(name) for name in ("b", "a")]
    created = await api.active(Layers=arns)
    expected = [
        {"Arn": arn, "CodeSize": len(archive_of(name))}
        for arn, name in zip(arns, "ba", strict=True)
    ]
    assert created["Layers"] == expected
    (listed,) = (await api("ListFunctions"))["Functions"]
    assert listed["Layers"] == expected


async def test_a_function_without_layers_tells_of_none(api):
    assert (await api.active(Layers=[]))["Layers"] is None


async def test_an_update_replaces_all_layers_or_leaves_them(api, publish):
    first, second = await publish("first"), await publish("second")
    await api.active(Layers=[first])
    update = "UpdateFunctionConfiguration"
    await api.updated(update, FunctionName="echo", Timeout=9)
    assert await layers_of(api) == [first]
    await api.updated(update, FunctionName="echo", Layers=[second, first])
    assert await layers_of(api) == [second, first]
    await api.updated(update, FunctionName="echo", Layers=[])
    assert await layers_of(api) == []


async def test_a_change_of_layers_reaches_new_environments_only(api, publish):
    await api.active()
    key = ("123456789012", "eu-central-1", "echo")
    before = api.plane.functions.version(*key).configuration_id
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Layers=[await publish()])
    assert api.plane.functions.version(*key).configuration_id != before


async def test_a_published_version_keeps_its_layers(api, publish):
    arn = await publish()
    await api.active(Layers=[arn])
    await api("PublishVersion", FunctionName="echo")
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Layers=[])
    assert await layers_of(api, Qualifier="1") == [arn]


async def test_layers_are_merged_before_a_function_is_active(api, publish):
    await api.create(Layers=[await publish("a"), await publish("b")])
    version = api.plane.functions.version("123456789012", "eu-central-1", "echo")
    roots = {api.plane.packages.task_root(layer.code_sha256) for layer in version.layers}
    assert not any(root.exists() for root in roots)
    await api.settle()
    assert all(root.exists() for root in roots)
    merged = await api.layer_contents.prepare(version.layers)
    assert (merged / "index.py").read_text() == "b"


async def test_layers_that_cannot_be_merged_fail_the_function(api, publish, monkeypatch):
    async def prepare(layers):
        raise ServiceError("ServiceException", "No space left on device")

    await api.create(Layers=[await publish()])
    monkeypatch.setattr(api.layer_contents, "prepare", prepare)
    await api.settle()
    answer = await api("GetFunctionConfiguration", FunctionName="echo")
    assert (answer["State"], answer["StateReason"]) == ("Failed", "No space left on device")


async def test_a_function_keeps_a_deleted_version_that_no_other_gets(api, publish):
    arn = await publish()
    await api.active(Layers=[arn])
    await api("DeleteLayerVersion", LayerName="tools", VersionNumber=1)
    assert await layers_of(api) == [arn]
    await api.updated("UpdateFunctionConfiguration", FunctionName="echo", Timeout=9)
    gone = (INVALID, f"Layer version {arn} does not exist.")
    assert await refused(api.create("other", Layers=[arn])) == gone
    call = api("UpdateFunctionConfiguration", FunctionName="echo", Layers=[arn])
    assert await refused(call) == gone


async def test_a_function_has_at_most_five_layers(api, publish):
    arns = [await publish(f"layer-{number}") for number in range(6)]
    text = "Cannot reference more than 5 layers."
    assert await refused(api.create(Layers=arns)) == (INVALID, text)
    await api.create(Layers=arns[:5])


@pytest.mark.parametrize("number", [1, 2])
async def test_a_layer_is_attached_once(api, publish, number):
    first = await publish()
    await publish()
    other = f"{LAYER}:tools:{number}"
    assert await refused(api.create(Layers=[first, other])) == (
        INVALID,
        "Two different versions of the same layer are not allowed to be referenced in the same "
        f"function. {first} and {other} are versions of the same layer.",
    )


@pytest.mark.parametrize("arn", [f"{LAYER}:nobody:1", "arn:aws:lambda:::awslayer:AmazonLinux1803"])
async def test_a_layer_that_does_not_exist_is_refused(api, arn):
    refusal = await refused(api.create(Layers=[arn]))
    assert refusal == (INVALID, f"Layer version {arn} does not exist.")
    assert (await api("ListFunctions"))["Functions"] == []


async def test_layers_are_of_the_functions_region(api, publish):
    arn = await publish(by=api.of(region="us-east-1"))
    assert await refused(api.create(Layers=[arn])) == (
        INVALID,
        "Layers are not in the same region as the function. "
        "Layers are expected to be in region eu-central-1.",
    )


async def test_another_accounts_layer_takes_a_permission(api, publish):
    owner = api.of(account_id="999999999999")
    arn = await publish(by=owner)
    denied = (
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:root is not authorized to perform: lambda:GetLayerVersion "
        f"on resource: {arn} because no resource-based policy allows the lambda:GetLayerVersion "
        "action",
    )
    assert await refused(api.create(Layers=[arn])) == denied
    await owner(
        "AddLayerVersionPermission",
        LayerName="tools",
        VersionNumber=1,
        StatementId="s",
        Action="lambda:GetLayerVersion",
        Principal="123456789012",
    )
    await api.active(Layers=[arn])
    await owner("RemoveLayerVersionPermission", LayerName="tools", VersionNumber=1, StatementId="s")
    assert await layers_of(api) == [arn]
    assert await refused(api.create("other", Layers=[arn])) == denied


async def test_code_and_layers_together_have_a_largest_size(api, publish, archive_of):
    code = len("def handler(event, context): return event")
    half = 131_072_000
    arns = [await publish("a", archive=of_size(half)), await publish("b", archive=of_size(half))]
    assert await refused(api.create(Layers=arns)) == (
        INVALID,
        "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
        f"The actual size is {262_144_000 + code} bytes.",
    )
    smaller = await publish("b", archive=of_size(half - code))
    await api.active(Layers=[arns[0], smaller])
    update = api("UpdateFunctionConfiguration", FunctionName="echo", Layers=arns)
    assert (await refused(update))[0] == INVALID
    larger = archive_of("def handler(event, context): return event  # and more")
    update = api("UpdateFunctionCode", FunctionName="echo", ZipFile=larger)
    assert "The actual size is" in (await refused(update))[1]
