package lambent;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON as maps, lists, text, numbers and booleans: integers become Integer, Long or BigInteger. */
final class Json {
    private static final int DEEPEST = 500; // a deeper value would end the stack, and the process

    private final String text;
    private int at;
    private int depth;

    private Json(String text) {
        this.text = text;
    }

    static Object parse(String text) {
        Json json = new Json(text);
        Object value = json.value();
        json.space();
        if (json.at < text.length()) {
            throw json.unexpected();
        }
        return value;
    }

    static String kind(Object value) {
        if (value instanceof Map) {
            return "object";
        }
        if (value instanceof List) {
            return "array";
        }
        return value instanceof String ? "string" : value instanceof Number ? "number" : "literal";
    }

    private IllegalArgumentException unexpected() {
        return new IllegalArgumentException("An error occurred during JSON parsing: unexpected "
                + (at < text.length() ? "'" + text.charAt(at) + "'" : "end") + " at " + at);
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        space();
        if (at >= text.length()) {
            throw unexpected();
        }
        return text.charAt(at);
    }

    private void expect(char wanted) {
        if (peek() != wanted) {
            throw unexpected();
        }
        at++;
    }

    private boolean take(char wanted) {
        if (peek() != wanted) {
            return false;
        }
        at++;
        return true;
    }

    private Object value() {
        switch (peek()) {
            case '{':
                return object();
            case '[':
                return array();
            case '"':
                return string();
            case 't':
                return literal("true", Boolean.TRUE);
            case 'f':
                return literal("false", Boolean.FALSE);
            case 'n':
                return literal("null", null);
            default:
                return number();
        }
    }

    private Object literal(String word, Object value) {
        if (!text.startsWith(word, at)) {
            throw unexpected();
        }
        at += word.length();
        return value;
    }

    private void enter() {
        at++;
        if (++depth > DEEPEST) {
            throw new IllegalArgumentException("An error occurred during JSON parsing: too deep");
        }
    }

    private Map<String, Object> object() {
        enter();
        Map<String, Object> object = new LinkedHashMap<>();
        if (!take('}')) {
            do {
                peek();
                String name = string();
                expect(':');
                object.put(name, value());
            } while (take(','));
            expect('}');
        }
        depth--;
        return object;
    }

    private List<Object> array() {
        enter();
        List<Object> array = new ArrayList<>();
        if (!take(']')) {
            do {
                array.add(value());
            } while (take(','));
            expect(']');
        }
        depth--;
        return array;
    }

    private Object number() {
        int start = at;
        while (at < text.length() && "+-0123456789.eE".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(start, at);
        try {
            if (!digits.matches("-?\\d+")) {
                return Double.valueOf(digits);
            }
            java.math.BigInteger whole = new java.math.BigInteger(digits);
            if (whole.bitLength() < 32) {
                return whole.intValue();
            }
            return whole.bitLength() < 64 ? (Object) whole.longValue() : whole;
        } catch (NumberFormatException notOne) {
            at = start;
            throw unexpected();
        }
    }

    private String string() {
        if (text.charAt(at) != '"') {
            throw unexpected();
        }
        StringBuilder string = new StringBuilder();
        for (at++; ; at++) {
            if (at >= text.length()) {
                throw unexpected();
            }
            char each = text.charAt(at);
            if (each == '"') {
                at++;
                return string.toString();
            }
            string.append(each == '\\' ? escape() : each);
        }
    }

    private char escape() {
        if (++at >= text.length()) {
            throw unexpected();
        }
        char letter = text.charAt(at);
        if (letter == 'u') {
            if (at + 4 >= text.length()) {
                throw unexpected();
            }
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
        }
        int index = "\"\\/bfnrt".indexOf(letter);
        if (index < 0) {
            throw unexpected();
        }
        return "\"\\/\b\f\n\r\t".charAt(index);
    }

    static String write(Object value) {
        StringBuilder json = new StringBuilder();
        write(json, value, 0);
        return json.toString();
    }

    private static void write(StringBuilder json, Object value, int depth) {
        if (depth > DEEPEST) {
            throw new IllegalArgumentException("An error occurred during serialization: too deep");
        }
        if (value == null || value instanceof Boolean) {
            json.append(value);
        } else if (value instanceof Number) {
            double number = ((Number) value).doubleValue();
            boolean isFinite = !Double.isNaN(number) && !Double.isInfinite(number);
            boolean isBig = value instanceof java.math.BigInteger || value instanceof java.math.BigDecimal;
            json.append(isFinite || isBig ? value.toString() : '"' + value.toString() + '"');
        } else if (value instanceof Map) {
            write(json, (Map<?, ?>) value, depth);
        } else if (value instanceof Iterable) {
            write(json, (Iterable<?>) value, depth);
        } else if (value.getClass().isArray()) {
            List<Object> items = new ArrayList<>();
            for (int index = 0; index < java.lang.reflect.Array.getLength(value); index++) {
                items.add(java.lang.reflect.Array.get(value, index));
            }
            write(json, items, depth);
        } else if (value instanceof CharSequence || value instanceof Character || value instanceof Enum) {
            quote(json, value.toString());
        } else {
            throw new IllegalArgumentException("An error occurred during serialization: cannot write a "
                    + value.getClass().getName() + " as JSON. For classes of the function's own give the"
                    + " runtime AWS's client: `lambent runtime install` says how.");
        }
    }

    private static void write(StringBuilder json, Map<?, ?> map, int depth) {
        String separator = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
            json.append(separator);
            quote(json, String.valueOf(entry.getKey()));
            json.append(':');
            write(json, entry.getValue(), depth + 1);
            separator = ",";
        }
        json.append(map.isEmpty() ? "{}" : "}");
    }

    private static void write(StringBuilder json, Iterable<?> items, int depth) {
        json.append('[');
        boolean isFirst = true;
        for (Object item : items) {
            if (!isFirst) {
                json.append(',');
            }
            isFirst = false;
            write(json, item, depth + 1);
        }
        json.append(']');
    }

    private static void quote(StringBuilder json, String text) {
        json.append('"');
        for (int index = 0; index < text.length(); index++) {
            char each = text.charAt(index);
            if (each == '"' || each == '\\') {
                json.append('\\').append(each);
            } else if (each < ' ' || Character.isSurrogate(each)) {
                json.append(String.format("\\u%04x", (int) each));
            } else {
                json.append(each);
            }
        }
        json.append('"');
    }
}
