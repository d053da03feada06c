# What a Ruby function's process runs: a runtime interface client of our own, which behaves as the
# aws_lambda_ric gem does.

$stdout.sync = true
$stderr.sync = true

require "json"
require_relative "lib/lambent/runtime_client"
require_relative "lib/lambent/context"
require_relative "lib/lambent/function_error"
require_relative "lib/lambent/handler"
require_relative "lib/lambent/log"

module Lambent
  # Errors after which the process cannot be trusted; other exceptions end one invocation.
  FATAL = [NoMemoryError, SystemStackError, SecurityError, SystemExit, Interrupt, SignalException].freeze

  def self.run(client)
    handler = Handler.load(ENV.fetch("_HANDLER"), ENV.fetch("LAMBDA_TASK_ROOT"))
  rescue StandardError, ScriptError => e
    error = FunctionError.new(e, "Init")
    Log.error(error)
    client.post_init_error(error)
    exit!(1)
  else
    loop { serve(client, handler, client.next_invocation) }
  end

  def self.serve(client, handler, invocation)
    ENV["_X_AMZN_TRACE_ID"] = invocation.trace_id
    Log.request_id = invocation.request_id
    client.post_response(invocation, *handler.call(invocation.event, Context.new(invocation)))
  rescue StandardError, ScriptError, *FATAL => e
    error = FunctionError.new(e, "Function")
    # An exit is the platform's to report: it sees the process end.
    raise if e.is_a?(SystemExit) || e.is_a?(SignalException)

    Log.error(error)
    client.post_error(invocation, error)
    exit!(1) if FATAL.any? { |kind| e.is_a?(kind) }
  ensure
    Log.request_id = nil
  end
end

Lambent::Log.install
Lambent.run(Lambent::RuntimeClient.new(ENV.fetch("AWS_LAMBDA_RUNTIME_API")))
