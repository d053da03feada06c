package lambent;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Whole records for the platform, each with its level; what a function prints goes its own way.
 * One record is one log event, however many lines it has.
 */
final class Log {
    private static final int TEXT = 0xA55A0003;
    private static final int JSON = 0xA55A0002;
    private static final List<String> LEVELS =
            Arrays.asList("", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL");

    private final boolean isJson = "JSON".equals(System.getenv("AWS_LAMBDA_LOG_FORMAT"));
    private final int threshold = Math.max(0, LEVELS.indexOf(System.getenv("AWS_LAMBDA_LOG_LEVEL")));
    private final OutputStream output = open();
    volatile String requestId; // of the invocation at work
    volatile String tenantId; // null without tenant isolation

    private static OutputStream open() {
        String descriptor = System.getenv("_LAMBDA_TELEMETRY_LOG_FD");
        if (descriptor == null) {
            return System.out;
        }
        try {
            // No public way leads from a number to a descriptor, and /proc/self/fd does not let
            // another user than the pipe's maker in: the start command opens java.io to us.
            Constructor<FileDescriptor> constructor =
                    FileDescriptor.class.getDeclaredConstructor(int.class);
            constructor.setAccessible(true);
            return new FileOutputStream(constructor.newInstance(Integer.parseInt(descriptor)));
        } catch (ReflectiveOperationException | RuntimeException closed) {
            return System.out;
        }
    }

    void failure(Throwable failure) {
        write("ERROR", FunctionError.report(failure));
    }

    /** `level` is "" for none; a message of a level the function does not want is left out. */
    void write(String level, String message) {
        int rank = Math.max(0, LEVELS.indexOf(level));
        if (rank > 0 && rank < threshold) {
            return;
        }
        byte[] body = (isJson ? record(level, message) : message).getBytes(StandardCharsets.UTF_8);
        Instant now = Instant.now();
        long micros = now.getEpochSecond() * 1_000_000 + now.getNano() / 1000;
        ByteBuffer frame = ByteBuffer.allocate(16 + body.length);
        frame.putInt((isJson ? JSON : TEXT) + (rank << 2)).putInt(body.length).putLong(micros).put(body);
        try {
            synchronized (output) {
                output.write(output == System.out ? body : frame.array());
                output.flush();
            }
        } catch (IOException closed) {
            System.err.println(message);
        }
    }

    private String record(String level, String message) {
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        record.put("message", message);
        record.put("level", level.isEmpty() ? "UNDEFINED" : level);
        if (requestId != null) {
            record.put("AWSRequestId", requestId);
        }
        if (tenantId != null) {
            record.put("tenantId", tenantId);
        }
        return Json.write(record);
    }
}
