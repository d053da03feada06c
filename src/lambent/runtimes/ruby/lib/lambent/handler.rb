# The method a handler setting names: `file.method` or `file.Module::Class.method`.

require "stringio"

module Lambent
  class Handler
    FORMS = "must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds " \
            "with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class " \
            "namespace and METHOD is a callable method. If using CLASS, METHOD must be a " \
            "class-level method.".freeze

    def self.load(setting, task_root)
      file, *owner, method = setting.split(".")
      raise ArgumentError, "Invalid handler #{setting}, #{FORMS}" if method.nil? || owner.size > 1

      require File.expand_path(file, task_root)
      new(owner.empty? ? Kernel : Kernel.const_get(owner.first), method)
    end

    def initialize(owner, method)
      @owner = owner
      @method = method
    end

    # The body of the response and its content type.
    def call(event, context)
      answer = @owner.send(@method, event: event, context: context)
      return [answer.read, "application/unknown"] if answer.is_a?(StringIO)

      [JSON.generate(answer), "application/json"]
    end
  end
end
