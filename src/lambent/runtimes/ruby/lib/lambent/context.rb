# What a handler is given besides the event.
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-context.html

module Lambent
  class Context
    attr_reader :aws_request_id, :deadline_ms, :invoked_function_arn, :identity, :client_context,
                :tenant_id, :function_name, :function_version, :memory_limit_in_mb,
                :log_group_name, :log_stream_name

    def initialize(invocation)
      @aws_request_id = invocation.request_id
      @deadline_ms = invocation.deadline_ms
      @invoked_function_arn = invocation.function_arn
      @identity = invocation.identity
      @client_context = invocation.client_context
      @tenant_id = invocation.tenant_id
      @function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
      @function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
      @memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
      @log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
      @log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]
    end

    def get_remaining_time_in_millis
      [deadline_ms - (Time.now.to_f * 1000).to_i, 0].max
    end
  end
end
