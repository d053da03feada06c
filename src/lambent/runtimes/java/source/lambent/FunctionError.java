package lambent;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A failure of the function's, in the shape Lambda answers and logs. */
final class FunctionError {
    private static final int CAUSES = 20; // a chain of causes may be a ring

    private FunctionError() {}

    static String type(Throwable failure) {
        return failure.getClass().getName();
    }

    static byte[] json(Throwable failure) {
        return Json.write(structure(failure, 0)).getBytes(StandardCharsets.UTF_8);
    }

    private static Map<String, Object> structure(Throwable failure, int depth) {
        Map<String, Object> structure = new LinkedHashMap<>();
        String message = failure.getLocalizedMessage();
        structure.put("errorMessage", message == null ? type(failure) : message);
        structure.put("errorType", type(failure));
        List<String> frames = new ArrayList<>();
        for (StackTraceElement frame : trimmed(failure.getStackTrace())) {
            frames.add(frame.toString());
        }
        structure.put("stackTrace", frames);
        if (failure.getCause() != null && depth < CAUSES) {
            structure.put("cause", structure(failure.getCause(), depth + 1));
        }
        return structure;
    }

    /** Without the frames by which our own code called the function's. */
    static StackTraceElement[] trimmed(StackTraceElement[] frames) {
        int end = 0;
        while (end < frames.length && !frames[end].getClassName().startsWith("lambent.")) {
            end++;
        }
        while (end > 0 && isReflection(frames[end - 1].getClassName())) {
            end--;
        }
        return java.util.Arrays.copyOf(frames, end);
    }

    private static boolean isReflection(String className) {
        return className.startsWith("java.lang.reflect.")
                || className.startsWith("jdk.internal.reflect.")
                || className.startsWith("sun.reflect.")
                || className.startsWith("java.lang.invoke.");
    }

    /** As Lambda's Java runtime logs it: the message, the class, the stack trace. */
    static String report(Throwable failure) {
        failure.setStackTrace(trimmed(failure.getStackTrace()));
        StringWriter text = new StringWriter();
        failure.printStackTrace(new PrintWriter(text, true));
        String message = failure.getLocalizedMessage();
        return (message == null ? "" : message) + ": " + type(failure) + "\n" + text;
    }
}
