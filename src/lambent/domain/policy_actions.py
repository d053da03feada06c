"""What a policy can allow with Lambda: its actions, as IAM names them. Data only.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from __future__ import annotations

# The API's operations, but Invoke and InvokeWithResponseStream are both InvokeFunction; a URL is
# called with InvokeFunctionUrl, and the replications are CloudFront's.
_NAMES = """
    AddLayerVersionPermission AddPermission CheckpointDurableExecution CreateAlias
    CreateCapacityProvider CreateCodeSigningConfig CreateEventSourceMapping CreateFunction
    CreateFunctionUrlConfig DeleteAlias DeleteCapacityProvider DeleteCodeSigningConfig
    DeleteDurableExecution DeleteEventSourceMapping DeleteFunction
    DeleteFunctionCodeSigningConfig DeleteFunctionConcurrency DeleteFunctionEventInvokeConfig
    DeleteFunctionUrlConfig DeleteLayerVersion DeleteProvisionedConcurrencyConfig
    DeleteResourcePolicy DisableReplication EnableReplication GetAccountSettings GetAlias
    GetCapacityProvider GetCodeSigningConfig GetDurableExecution GetDurableExecutionHistory
    GetDurableExecutionState GetEventSourceMapping GetFunction GetFunctionCodeSigningConfig
    GetFunctionConcurrency GetFunctionConfiguration GetFunctionEventInvokeConfig
    GetFunctionRecursionConfig GetFunctionScalingConfig GetFunctionUrlConfig GetLayerVersion
    GetLayerVersionByArn GetLayerVersionPolicy GetPolicy GetProvisionedConcurrencyConfig
    GetResourcePolicy GetRuntimeManagementConfig InvokeAsync InvokeFunction InvokeFunctionUrl
    ListAliases ListCapacityProviders ListCodeSigningConfigs ListDurableExecutionsByFunction
    ListEventSourceMappings ListFunctionEventInvokeConfigs ListFunctionUrlConfigs
    ListFunctionVersionsByCapacityProvider ListFunctions ListFunctionsByCodeSigningConfig
    ListLayerVersions ListLayers ListProvisionedConcurrencyConfigs ListTags
    ListVersionsByFunction PauseDurableExecution PublishLayerVersion PublishVersion
    PutFunctionCodeSigningConfig PutFunctionConcurrency PutFunctionEventInvokeConfig
    PutFunctionRecursionConfig PutFunctionScalingConfig PutProvisionedConcurrencyConfig
    PutResourcePolicy PutRuntimeManagementConfig RemoveLayerVersionPermission RemovePermission
    ResumeDurableExecution SendDurableExecutionCallbackFailure
    SendDurableExecutionCallbackHeartbeat SendDurableExecutionCallbackSuccess
    StopDurableExecution TagResource UntagResource UpdateAlias UpdateCapacityProvider
    UpdateCodeSigningConfig UpdateEventSourceMapping UpdateFunctionCode
    UpdateFunctionConfiguration UpdateFunctionEventInvokeConfig UpdateFunctionUrlConfig
"""

ACTIONS = frozenset(f"lambda:{name}" for name in _NAMES.split())
