package lambent;


/**
 * What a Java function's process runs unless the operator gave AWS's own client: a runtime
 * interface client that depends on nothing but the JDK. Handlers may take and return streams,
 * text, numbers, lists and maps; classes of the function's own need AWS's client.
 */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Log log = new Log();
        RuntimeClient client = new RuntimeClient(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        Handler handler;
        try {
            handler = Handler.load(arguments[0], new UserClasses(), log);
        } catch (Throwable failure) {
            log.failure(failure);
            client.postInitError(FunctionError.type(failure), FunctionError.json(failure));
            System.exit(1);
            return;
        }
        while (true) {
            serve(client, client.next(), handler, log);
        }
    }

    private static void serve(
            RuntimeClient client, Invocation invocation, Handler handler, Log log)
            throws Exception {
        log.requestId = invocation.requestId();
        log.tenantId = invocation.header("lambda-runtime-aws-tenant-id");
        String trace = invocation.header("lambda-runtime-trace-id");
        if (trace == null) {
            System.clearProperty("com.amazonaws.xray.traceHeader");
        } else {
            System.setProperty("com.amazonaws.xray.traceHeader", trace);
        }
        byte[] answer;
        try {
            answer = handler.call(invocation);
        } catch (Throwable failure) {
            log.failure(failure);
            client.postError(
                    invocation, FunctionError.type(failure), FunctionError.json(failure));
            if (failure instanceof VirtualMachineError) {
                System.exit(1); // out of memory, or worse: the next invocation gets a new process
            }
            return;
        } finally {
            System.out.flush();
            System.err.flush();
        }
        client.postResponse(invocation, answer);
        log.requestId = null;
    }
}
