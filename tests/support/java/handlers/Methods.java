package handlers;

import com.amazonaws.services.lambda.runtime.Context;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Handlers of the form `handlers.Methods::name`. */
public class Methods {
    public String shout(String text) {
        return text.toUpperCase();
    }

    public static int add(List<Integer> numbers) {
        return numbers.stream().mapToInt(Integer::intValue).sum();
    }

    public double half(double number, Context context) {
        return number / 2;
    }

    public void nothing() {}

    public Object same(Object value) {
        return value;
    }

    public Thread unwritable() {
        return Thread.currentThread();
    }

    public String fail(Map<String, Object> event) {
        try {
            Collections.emptyList().add(null);
        } catch (UnsupportedOperationException cause) {
            throw new IllegalStateException("no such order", cause);
        }
        return "";
    }

    public void exit() {
        System.exit(3);
    }

    public String resource() {
        return getClass().getResource("/greeting.txt") == null ? "none" : "found";
    }

    private void hidden() {}
}
