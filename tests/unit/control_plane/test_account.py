from __future__ import annotations


async def test_limits_are_those_of_an_account_without_reservations(api):
    assert (await api("GetAccountSettings"))["AccountLimit"] == {
        "TotalCodeSize": 80530636800,
        "CodeSizeUnzipped": 262144000,
        "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 1000,
    }


async def test_every_version_counts_with_its_code(api, archive_of):
    await api.active("a", Publish=True)
    await api.active("b")
    await api.of(region="us-east-1").active("elsewhere")
    assert (await api("GetAccountSettings"))["AccountUsage"] == {
        "TotalCodeSize": 3 * len(archive_of()),
        "FunctionCount": 2,
    }
