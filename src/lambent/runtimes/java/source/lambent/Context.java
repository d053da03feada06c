package lambent;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

/**
 * aws-lambda-java-core's Context, whichever release of it the function brings: its interfaces are
 * answered by the names of their methods.
 */
final class Context {
    private Context() {}

    static Object of(Invocation invocation, UserClasses classes, Log log) {
        Map<String, Object> answers = new HashMap<>();
        answers.put("getAwsRequestId", invocation.requestId());
        answers.put("getInvokedFunctionArn", invocation.header("lambda-runtime-invoked-function-arn"));
        answers.put("getTenantId", invocation.header("lambda-runtime-aws-tenant-id"));
        answers.put("getXrayTraceId", invocation.header("lambda-runtime-trace-id"));
        answers.put("getLogGroupName", System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
        answers.put("getLogStreamName", System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
        answers.put("getFunctionName", System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
        answers.put("getFunctionVersion", System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
        answers.put("getMemoryLimitInMB", Integer.valueOf(System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")));
        answers.put("getLogger", logger(classes, log));
        answers.put("getIdentity", record(classes, "CognitoIdentity", identity(invocation)));
        answers.put("getClientContext", clientContext(classes, invocation));
        return proxy(classes.core("Context"), (self, method, arguments) ->
                method.getName().equals("getRemainingTimeInMillis")
                        ? (int) Math.max(0, invocation.deadlineMillis() - System.currentTimeMillis())
                        : answer(answers, self, method, arguments));
    }

    private static Object proxy(Class<?> type, InvocationHandler handler) {
        return type == null ? null : Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler);
    }

    private static Object answer(Map<String, Object> answers, Object self, Method method, Object[] arguments) {
        switch (method.getName()) {
            case "toString":
                return method.getDeclaringClass().getSimpleName() + answers;
            case "hashCode":
                return System.identityHashCode(self);
            case "equals":
                return self == arguments[0];
            default:
                return answers.get(method.getName());
        }
    }

    private static Object logger(UserClasses classes, Log log) {
        return proxy(classes.core("LambdaLogger"), (self, method, arguments) -> {
            if (!method.getName().equals("log")) {
                return answer(Map.of(), self, method, arguments);
            }
            String message = arguments[0] instanceof byte[]
                    ? new String((byte[]) arguments[0], StandardCharsets.UTF_8)
                    : String.valueOf(arguments[0]);
            log.write(arguments.length > 1 ? String.valueOf(arguments[1]) : "", message);
            return null;
        });
    }

    private static Map<?, ?> parsed(Invocation invocation, String header) {
        String text = invocation.header(header);
        Object value = text == null ? null : Json.parse(text);
        return value instanceof Map ? (Map<?, ?>) value : null;
    }

    private static Map<String, Object> identity(Invocation invocation) {
        Map<?, ?> said = parsed(invocation, "lambda-runtime-cognito-identity");
        Map<String, Object> answers = new HashMap<>();
        answers.put("getIdentityId", said == null ? "" : said.get("cognitoIdentityId"));
        answers.put("getIdentityPoolId", said == null ? "" : said.get("cognitoIdentityPoolId"));
        return answers;
    }

    private static Object clientContext(UserClasses classes, Invocation invocation) {
        Map<?, ?> said = parsed(invocation, "lambda-runtime-client-context");
        if (said == null) {
            return null;
        }
        Map<String, Object> client = new HashMap<>();
        if (said.get("client") instanceof Map) {
            Map<?, ?> parts = (Map<?, ?>) said.get("client");
            client.put("getInstallationId", parts.get("installation_id"));
            client.put("getAppTitle", parts.get("app_title"));
            client.put("getAppVersionName", parts.get("app_version_name"));
            client.put("getAppVersionCode", parts.get("app_version_code"));
            client.put("getAppPackageName", parts.get("app_package_name"));
        }
        Map<String, Object> answers = new HashMap<>();
        answers.put("getClient", record(classes, "Client", client));
        answers.put("getCustom", said.get("custom"));
        answers.put("getEnvironment", said.get("env"));
        return record(classes, "ClientContext", answers);
    }

    private static Object record(UserClasses classes, String type, Map<String, Object> answers) {
        return proxy(classes.core(type), (self, method, arguments) -> answer(answers, self, method, arguments));
    }
}
