package lambent;

import java.util.Map;

/** An invocation as the Runtime API hands it out. */
final class Invocation {
    final Map<String, String> headers; // names in lower case
    final byte[] event;

    Invocation(Map<String, String> headers, byte[] event) {
        this.headers = headers;
        this.event = event;
    }

    String header(String name) {
        return headers.get(name);
    }

    String requestId() {
        return headers.get("lambda-runtime-aws-request-id");
    }

    long deadlineMillis() {
        return Long.parseLong(headers.getOrDefault("lambda-runtime-deadline-ms", "0"));
    }
}
