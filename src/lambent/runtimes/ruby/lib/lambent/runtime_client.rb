# The Runtime API over one connection that is kept.
# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

require "json"
require "socket"

module Lambent
  Invocation = Struct.new(:headers, :body) do
    def request_id = headers.fetch("lambda-runtime-aws-request-id")
    def deadline_ms = headers.fetch("lambda-runtime-deadline-ms").to_i
    def function_arn = headers["lambda-runtime-invoked-function-arn"]
    def trace_id = headers["lambda-runtime-trace-id"]
    def tenant_id = headers["lambda-runtime-aws-tenant-id"]
    def client_context = parsed("lambda-runtime-client-context")
    def identity = parsed("lambda-runtime-cognito-identity")

    def event
      return body unless headers.fetch("content-type", "application/json").include?("json")

      JSON.parse(body)
    end

    private

    def parsed(header)
      headers[header] && JSON.parse(headers[header])
    end
  end

  class RuntimeClient
    VERSION = "/2018-06-01/runtime".freeze

    def initialize(address)
      @host, @port = address.split(":")
      @socket = nil
    end

    def next_invocation
      headers, body = request("GET", "/invocation/next")
      Invocation.new(headers, body)
    end

    def post_response(invocation, body, content_type)
      request("POST", "/invocation/#{invocation.request_id}/response", body,
              "Content-Type" => content_type, **echo(invocation))
    end

    def post_error(invocation, error)
      post_failure("/invocation/#{invocation.request_id}/error", error, echo(invocation))
    end

    def post_init_error(error)
      post_failure("/init/error", error, {})
    end

    private

    def post_failure(path, error, headers)
      request("POST", path, JSON.generate(error.to_h),
              "Content-Type" => "application/vnd.aws.lambda.error+json",
              "Lambda-Runtime-Function-Error-Type" => error.type, **headers)
    end

    # Lambda wants an answer to carry what its invocation did.
    def echo(invocation)
      id = invocation.headers["lambda-runtime-invocation-id"]
      id ? { "Lambda-Runtime-Invocation-Id" => id } : {}
    end

    def request(method, path, body = nil, headers = {})
      @socket ||= TCPSocket.new(@host, @port).tap { |s| s.setsockopt(:TCP, :NODELAY, 1) }
      lines = ["#{method} #{VERSION}#{path} HTTP/1.1", "Host: #{@host}:#{@port}"]
      lines += headers.map { |name, value| "#{name}: #{value.to_s.tr("\r\n", "  ")}" }
      lines << "Content-Length: #{body.bytesize}" if body
      head = "#{lines.join("\r\n")}\r\n\r\n".b
      @socket.write(body ? head + body.b : head)
      answer
    end

    def answer
      status = @socket.gets("\r\n") or raise EOFError, "the Runtime API hung up"
      headers = {}
      while (line = @socket.gets("\r\n").chomp) != ""
        name, value = line.split(":", 2)
        headers[name.downcase] = value.strip
      end
      length = headers.fetch("content-length", "0").to_i
      body = length.zero? ? "" : @socket.read(length)
      raise "the Runtime API refused: #{status.chomp} #{body}" unless status.split[1].start_with?("2")

      [headers, body.force_encoding("UTF-8")]
    end
  end
end
