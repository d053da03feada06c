package handlers;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LogLevel;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.LinkedHashMap;
import java.util.Map;

public class Greeting implements RequestHandler<Map<String, String>, Map<String, Object>> {
    @Override
    public Map<String, Object> handleRequest(Map<String, String> event, Context context) {
        System.out.println("printed");
        context.getLogger().log("two\nlines");
        context.getLogger().log("hidden unless wanted", LogLevel.DEBUG);
        context.getLogger().log("wanted", LogLevel.ERROR);
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("greeting", "Hello " + event.get("name"));
        answer.put("requestId", context.getAwsRequestId());
        answer.put("function", context.getFunctionName());
        answer.put("arn", context.getInvokedFunctionArn());
        answer.put("memory", context.getMemoryLimitInMB());
        answer.put("hasTime", context.getRemainingTimeInMillis() > 0);
        answer.put("custom", context.getClientContext() == null ? null : context.getClientContext().getCustom());
        answer.put("tenant", context.getTenantId());
        answer.put("java", System.getProperty("java.specification.version"));
        return answer;
    }
}
