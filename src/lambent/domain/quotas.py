"""Lambda's quotas, each once.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

MIB = 1024 * 1024

# Invocations
REQUEST_PAYLOAD_BYTES = 6 * MIB  # synchronous; AWS words it as 6291456 in its error
RESPONSE_PAYLOAD_BYTES = 6 * MIB + 100  # the number AWS names in its error
STREAMED_RESPONSE_BYTES = 20 * MIB  # AWS raises it on request
UNCAPPED_STREAM_BYTES = 6 * MIB  # of a streamed response; what follows is paced
STREAM_BYTES_PER_SECOND = 2 * MIB
LOG_TAIL_BYTES = 4096
CLIENT_CONTEXT_BYTES = 3583
ACCOUNT_CONCURRENCY = 1000
UNRESERVED_CONCURRENCY = 100  # what all functions without a share of their own are left at least
REQUESTS_PER_EXECUTION = 10  # in a second, for each execution reserved for a function
SCALING_ENVIRONMENTS = 1000  # that a function may have started in SCALING_SECONDS
SCALING_SECONDS = 10
# Of one function with tenant isolation, idle ones too, for each concurrent execution it may have.
TENANT_ENVIRONMENTS = 2.5

# Asynchronous invocations
EVENT_PAYLOAD_BYTES = MIB
EVENT_AGE_SECONDS = 6 * 60 * 60
EVENT_RETRIES = 2  # after errors of the function's
RETRY_WAIT_SECONDS = 60.0  # before the first retry, and twice as long before the second
LONGEST_BACK_OFF_SECONDS = 300.0  # of an event that could not be run; the first wait is 1 second

# Functions
FUNCTION_NAME_CHARACTERS = 64
MEMORY_DEFAULT_MIB = 128
MEMORY_MAXIMUM_MIB = 10240  # the model allows more, for functions on managed instances
TIMEOUT_DEFAULT_SECONDS = 3
TIMEOUT_MAXIMUM_SECONDS = 900
EPHEMERAL_STORAGE_DEFAULT_MIB = 512
EPHEMERAL_STORAGE_MAXIMUM_MIB = 10240
ENVIRONMENT_BYTES = 4096
TAGS = 50  # of one resource
LISTED_ITEMS = 50  # in one page, whatever MaxItems says
LISTED_EVENT_SOURCE_MAPPINGS = 100
LISTED_CODE_SIGNING_CONFIGS = 10_000
MIB_PER_CPU = 1769  # memory at which a function has one vCPU

# Deployment packages
ZIPPED_BYTES = 50 * MIB  # uploaded inline
UNZIPPED_BYTES = 250 * MIB  # a function's code together with its layers, too
LAYERS = 5  # of one function
LAYER_POLICY_BYTES = 20 * 1024
FUNCTION_POLICY_BYTES = 20 * 1024
CODE_STORAGE_BYTES = 75 * 1024 * MIB  # of an account in a region

# Event source mappings
BATCH_SIZE_MAXIMUM_FIFO = 10
BATCH_SIZE_WITHOUT_WINDOW = 10  # of a queue whose messages are not gathered for a time
EVENT_FILTERS = 5  # of one mapping; AWS raises it to 10 on request
POLLERS_MAXIMUM_DEFAULT = 200
POLLERS_MAXIMUM_KAFKA = 2000
RECORD_AGE_MINIMUM_SECONDS = 60

# Execution environments
INIT_SECONDS = 10.0
# For provisioned concurrency and SnapStart; the function's time-out when that is longer.
LONG_INIT_SECONDS = 130.0
RESTORE_SECONDS = 10.0  # from a snapshot, with the hooks that run after that
EXTENSIONS = 10  # external and internal ones together
# A shutdown phase altogether, and the runtime's part of it with external extensions or internal
# ones only: https://github.com/aws-samples/graceful-shutdown-with-aws-lambda
SHUTDOWN_SECONDS = 2.0
RUNTIME_SHUTDOWN_SECONDS = 0.3
INTERNAL_EXTENSION_SHUTDOWN_SECONDS = 0.5
# During init a function has more processor time than its memory gives it, as on AWS:
# https://aws.amazon.com/blogs/compute/operating-lambda-performance-optimization-part-1/
INIT_CPUS = 2.0
FILE_DESCRIPTORS = 1024
PROCESSES_AND_THREADS = 1024

# CloudWatch Logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
SUBSCRIPTION_FILTERS = 2  # of one log group
LOG_EVENT_BYTES = 1024 * 1024
LOG_EVENT_OVERHEAD_BYTES = 26  # what is counted for each event beside its message
