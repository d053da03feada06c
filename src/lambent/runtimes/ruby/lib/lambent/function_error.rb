# An exception of the function's, in the shape Lambda answers and logs.

module Lambent
  class FunctionError
    FRAMES = 100 # of a stack trace, as aws_lambda_ric has it

    attr_reader :type, :message, :stack_trace

    # `phase` is "Init" or "Function".
    def initialize(exception, phase)
      @exception = exception
      @type = "#{phase}<#{exception.class}>"
      @message = exception.message.dup.force_encoding("UTF-8").scrub
      @stack_trace = sanitized(exception.backtrace || [])
    end

    def to_h
      { errorMessage: message, errorType: type, stackTrace: stack_trace }
    end

    # With the cause, as Ruby's own report has it.
    def to_s
      "#{message} (#{@exception.class})\n#{stack_trace.map { |line| "  #{line}" }.join("\n")}".chomp
    end

    private

    # Where our own code called the function's, the function's trace ends.
    def sanitized(backtrace)
      own = File.expand_path("..", __dir__)
      start = "#{File.dirname(own)}/bootstrap.rb"
      backtrace.take_while { |line| !line.start_with?(own, start) }.first(FRAMES)
    end
  end
end
