"""Ruby's runtime interface client, as the aws_lambda_ric gem behaves."""

from __future__ import annotations

import json

import pytest

RUNTIME = "ruby3.2"
INFO_FRAME, ERROR_FRAME = 0xA55A000F, 0xA55A0017
INFO_RECORD, ERROR_RECORD = 0xA55A000E, 0xA55A0016

MAIN = """
require "logger"
require "stringio"

def echo(event:, context:)
  event
end

def fail_with(event:, context:)
  raise KeyError, "cannot take #{event["what"]}"
end

def deep(event:, context:)
  deep(event: event, context: context)
end

def leave(event:, context:)
  exit(3)
end

def log(event:, context:)
  logger = Logger.new($stdout)
  logger.debug("details")
  logger.info("two\\nlines")
  puts "printed"
end

def raw(event:, context:)
  StringIO.new("raw bytes")
end

def fields(event:, context:)
  { request: context.aws_request_id, arn: context.invoked_function_arn,
    name: context.function_name, version: context.function_version,
    memory: context.memory_limit_in_mb, remaining: context.get_remaining_time_in_millis,
    custom: context.client_context && context.client_context["custom"],
    trace: ENV["_X_AMZN_TRACE_ID"], gems: ENV["GEM_PATH"], library: ENV["RUBYLIB"] }
end

module Shop
  class Orders
    def self.place(event:, context:)
      "placed " + event["order"]
    end
  end
end
"""


@pytest.fixture
def ruby(start):
    def start_method(handler="main.echo", files=None, **variables):
        return start(RUNTIME, files or {"main.rb": MAIN}, handler, variables)

    return start_method


def test_an_event_comes_back_as_json(ruby):
    function = ruby()
    for event in ({"a": [1, 2.5, None, "ä"]}, "text", 7, None):
        posted = function.invoke(event)
        assert posted.path.endswith("/response")
        assert json.loads(posted.body) == event


def test_a_class_method_is_a_handler(ruby):
    assert json.loads(ruby("main.Shop::Orders.place").invoke({"order": "tea"}).body) == "placed tea"


def test_a_stream_is_answered_as_it_is(ruby):
    posted = ruby("main.raw").invoke({})
    assert posted.body == b"raw bytes"
    assert posted.headers["content-type"] == "application/unknown"


def test_an_exception_is_a_function_error_and_the_process_goes_on(ruby):
    function = ruby("main.fail_with")
    for _ in range(2):
        posted = function.invoke({"what": "that"})
        assert posted.path.endswith("/error")
        error = json.loads(posted.body)
        assert error["errorMessage"] == "cannot take that"
        assert error["errorType"] == "Function<KeyError>"
        assert error["stackTrace"] == ["/var/task/main.rb:10:in `fail_with'"]
        assert posted.headers["lambda-runtime-function-error-type"] == "Function<KeyError>"
    kind, message = function.frames[0]
    assert kind == ERROR_FRAME
    assert "cannot take that" in message


def test_a_stack_without_end_ends_the_process(ruby):
    function = ruby("main.deep")
    error = json.loads(function.invoke({}).body)
    assert error["errorType"] == "Function<SystemStackError>"
    assert len(error["stackTrace"]) == 100
    assert function.wait() == 1


def test_an_exit_is_left_to_the_platform(ruby):
    function = ruby("main.leave")
    function.api.send(b"{}")
    assert function.wait() == 3
    assert function.api.posted.empty()


@pytest.mark.parametrize(
    ("handler", "files", "error_type"),
    [
        ("main.handler", {"main.rb": "require 'no_such_gem'\n"}, "Init<LoadError>"),
        ("main.handler", {"main.rb": "def handler(\n"}, "Init<SyntaxError>"),
        ("nowhere.handler", {"main.rb": ""}, "Init<LoadError>"),
        ("handler", {"main.rb": ""}, "Init<ArgumentError>"),
        ("main.No::Such.method", {"main.rb": ""}, "Init<NameError>"),
    ],
)
def test_what_cannot_be_loaded_is_an_init_error(ruby, handler, files, error_type):
    function = ruby(handler, files)
    posted = function.api.answer()
    assert posted.path.endswith("/init/error")
    assert json.loads(posted.body)["errorType"] == error_type
    assert function.wait() == 1


def test_the_context_says_who_and_how_long(ruby):
    function = ruby("main.fields")
    posted = function.invoke({}, Lambda_Runtime_Client_Context='{"custom": {"k": "v"}}')
    fields = json.loads(posted.body)
    assert fields.pop("remaining") > 0
    assert fields == {
        "request": "request-1",
        "arn": fields["arn"],
        "name": "orders",
        "version": "7",
        "memory": "256",
        "custom": {"k": "v"},
        "trace": "Root=1-5759e988-bd862e3fe1be46a994272793",
        "gems": "/var/task/vendor/bundle/ruby/3.2.0:/opt/ruby/gems/3.2.0",
        "library": "/var/task:/var/runtime/lib:/opt/ruby/lib",
    }


def test_the_invocation_id_comes_back(ruby):
    posted = ruby().invoke({}, Lambda_Runtime_Invocation_Id="abc")
    assert posted.headers["lambda-runtime-invocation-id"] == "abc"


def test_a_logger_writes_whole_records_with_their_level(ruby):
    function = ruby("main.log", AWS_LAMBDA_LOG_LEVEL="INFO")
    function.invoke({})
    [(kind, message)] = function.frames
    assert kind == INFO_FRAME
    assert message.startswith("I, [")
    assert message.endswith("request-1 -- : two\nlines")
    assert function.output == "printed\n"


def test_json_records_have_the_request(start):
    # The format is a setting of the function's; the code sets what it becomes.
    source = 'ENV["AWS_LAMBDA_LOG_FORMAT"] = "JSON"\n' + MAIN
    function = start(RUNTIME, {"main.rb": source}, "main.log")
    function.invoke({})
    kind, message = function.frames[-1]
    record = json.loads(message)
    assert kind == INFO_RECORD
    assert record.pop("timestamp").endswith("Z")
    assert record == {"level": "INFO", "message": "two\nlines", "requestId": "request-1"}


def test_a_gem_of_the_package_is_found(ruby):
    gems = "vendor/bundle/ruby/3.2.0"
    files = {
        "main.rb": "require 'greeting'\ndef handler(event:, context:) = Greeting.hello\n",
        f"{gems}/gems/greeting-1.0.0/lib/greeting.rb": "module Greeting\ndef self.hello = 'hi'\nend",
        f"{gems}/specifications/greeting-1.0.0.gemspec": "Gem::Specification.new { |s|\n"
        "s.name = 'greeting'\ns.version = '1.0.0'\ns.summary = ''\ns.authors = ['x']\n"
        "s.require_paths = ['lib']\n}",
    }
    assert json.loads(ruby("main.handler", files).invoke({}).body) == "hi"


def test_a_large_event_goes_through(ruby):
    event = {"text": "x" * 5_000_000}
    assert json.loads(ruby().invoke(event).body) == event
