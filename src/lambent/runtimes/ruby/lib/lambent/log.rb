# Loggers to standard output or error write whole records to the platform instead, with the level
# and the request they belong to; what is merely printed goes its own way.
# https://docs.aws.amazon.com/lambda/latest/dg/ruby-logging.html

require "json"
require "logger"
require "time"

module Lambent
  module Log
    TEXT = 0xA55A0003
    JSON_RECORD = 0xA55A0002
    LEVELS = { "TRACE" => 1, "DEBUG" => 2, "INFO" => 3, "WARN" => 4, "ERROR" => 5, "FATAL" => 6 }.freeze

    class << self
      attr_accessor :request_id

      def install
        descriptor = ENV.delete("_LAMBDA_TELEMETRY_LOG_FD")
        @sink = descriptor ? IO.for_fd(descriptor.to_i, "wb", autoclose: false) : nil
        @sink&.sync = true
        ::Logger.prepend(LoggerToPlatform)
      end

      def json?
        ENV["AWS_LAMBDA_LOG_FORMAT"] == "JSON"
      end

      def threshold
        LEVELS.fetch(ENV.fetch("AWS_LAMBDA_LOG_LEVEL", ""), 2) - 2
      end

      def error(error)
        if json?
          write("ERROR", record("ERROR", Time.now, nil).merge(error.to_h))
        else
          write("ERROR", "Error raised from handler method\n#{JSON.generate(error.to_h)}\n#{error}")
        end
      end

      def record(level, time, message)
        { timestamp: time.utc.iso8601(3), level: level, message: message,
          requestId: request_id }.compact
      end

      # One record is one frame, and so one log event, however many lines it has.
      def write(level, content)
        message = json? && !content.is_a?(String) ? JSON.generate(content) : content
        return $stdout.write(message, "\n") if @sink.nil?

        kind = (json? ? JSON_RECORD : TEXT) + (LEVELS.fetch(level, 0) << 2)
        micros = Process.clock_gettime(Process::CLOCK_REALTIME, :microsecond)
        body = message.b
        @sink.write([kind, body.bytesize, micros].pack("L>L>Q>") + body)
      end
    end
  end

  # A Logger's device that is the platform: it takes finished records with their level.
  class PlatformDevice
    attr_accessor :level

    def write(message) = Log.write(level, message)
    def close = nil
    def reopen(*) = nil
  end

  class PlatformFormatter < ::Logger::Formatter
    def initialize(device)
      super()
      @device = device
    end

    def call(severity, time, progname, message)
      @device.level = severity
      return JSON.generate(json(severity, time, message)) if Log.json?

      format("%<initial>s, [%<time>s #%<process>d] %<severity>5s %<request>s -- %<program>s: %<text>s",
             initial: severity[0], time: format_datetime(time), process: Process.pid,
             severity: severity, request: Log.request_id, program: progname,
             text: msg2str(message))
    end

    private

    def json(severity, time, message)
      return Log.record(severity, time, message.is_a?(Hash) ? message : msg2str(message)) unless message.is_a?(Exception)

      Log.record(severity, time, message.message).merge(
        errorType: message.class.to_s, errorMessage: message.message,
        stackTrace: message.backtrace || []
      )
    end
  end

  module LoggerToPlatform
    def initialize(logdev = nil, *arguments, formatter: nil, level: nil, **options)
      is_printed = logdev.nil? || logdev == $stdout || logdev == $stderr
      return super(logdev, *arguments, formatter: formatter, level: level || ::Logger::DEBUG, **options) unless is_printed

      super(nil, *arguments, level: level || Log.threshold, **options)
      @device = PlatformDevice.new
      @formatter = formatter || PlatformFormatter.new(@device)
      @logdev = @device
    end

    def format_message(severity, time, progname, message)
      @device.level = severity if @device
      super
    end
  end
end
