package lambent;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;

/** From a JSON value to what a handler's parameter wants. */
final class Conversion {
    private Conversion() {}

    static Object toType(Object value, Type type) {
        Class<?> raw = rawClass(type);
        if (raw == void.class || raw == Void.class) {
            return null;
        }
        if (value == null) {
            return raw.isPrimitive() ? number(0, raw, value) : null;
        }
        if (raw == Object.class) {
            return value;
        }
        if (raw == String.class) {
            return text(value);
        }
        if (raw == boolean.class || raw == Boolean.class) {
            return bool(value);
        }
        if (raw.isPrimitive() || Number.class.isAssignableFrom(raw)) {
            return number(value, raw, value);
        }
        if (value instanceof Map && raw.isAssignableFrom(LinkedHashMap.class)) {
            return map((Map<?, ?>) value, argument(type, 1));
        }
        if (value instanceof List) {
            return list((List<?>) value, type, raw);
        }
        throw unsupported(value, raw);
    }

    private static IllegalArgumentException unsupported(Object value, Class<?> raw) {
        return new IllegalArgumentException("An error occurred during JSON parsing: cannot make a "
                + raw.getName() + " of a JSON " + Json.kind(value)
                + ". For classes of the function's own give the runtime AWS's client:"
                + " `lambent runtime install` says how.");
    }

    private static String text(Object value) {
        if (value instanceof Map || value instanceof List) {
            throw unsupported(value, String.class);
        }
        return value.toString();
    }

    private static Boolean bool(Object value) {
        if (value instanceof Boolean) {
            return (Boolean) value;
        }
        if ("true".equals(value) || "false".equals(value)) {
            return Boolean.valueOf((String) value);
        }
        throw unsupported(value, Boolean.class);
    }

    private static Object number(Object value, Class<?> raw, Object original) {
        Number number;
        try {
            number = value instanceof Number ? (Number) value : Double.valueOf((String) value);
        } catch (ClassCastException | NumberFormatException notOne) {
            throw unsupported(original, raw);
        }
        if (raw == boolean.class) {
            return false;
        }
        if (raw == int.class || raw == Integer.class) {
            return number.intValue();
        }
        if (raw == long.class || raw == Long.class) {
            return number.longValue();
        }
        if (raw == float.class || raw == Float.class) {
            return number.floatValue();
        }
        if (raw == short.class || raw == Short.class) {
            return number.shortValue();
        }
        if (raw == byte.class || raw == Byte.class) {
            return number.byteValue();
        }
        if (raw == java.math.BigDecimal.class) {
            return new java.math.BigDecimal(number.toString());
        }
        if (raw == java.math.BigInteger.class) {
            return new java.math.BigDecimal(number.toString()).toBigInteger();
        }
        if (raw == double.class || raw == Double.class) {
            return number.doubleValue();
        }
        if (raw == Number.class) {
            return number;
        }
        throw unsupported(original, raw);
    }

    private static Map<Object, Object> map(Map<?, ?> value, Type values) {
        Map<Object, Object> converted = new LinkedHashMap<>();
        value.forEach((name, inner) -> converted.put(name, toType(inner, values)));
        return converted;
    }

    private static Object list(List<?> value, Type type, Class<?> raw) {
        Type items = raw.isArray() ? raw.getComponentType() : argument(type, 0);
        Collection<Object> converted =
                raw.isAssignableFrom(LinkedHashSet.class) && !raw.isAssignableFrom(ArrayList.class)
                        ? new LinkedHashSet<>()
                        : new ArrayList<>();
        value.forEach(item -> converted.add(toType(item, items)));
        if (raw.isArray()) {
            Object array = java.lang.reflect.Array.newInstance(raw.getComponentType(), value.size());
            int index = 0;
            for (Object item : converted) {
                java.lang.reflect.Array.set(array, index++, item);
            }
            return array;
        }
        if (!raw.isInstance(converted)) {
            throw unsupported(value, raw);
        }
        return converted;
    }

    private static Type argument(Type type, int index) {
        return type instanceof ParameterizedType
                ? ((ParameterizedType) type).getActualTypeArguments()[index]
                : Object.class;
    }

    private static Class<?> rawClass(Type type) {
        if (type instanceof Class) {
            return (Class<?>) type;
        }
        if (type instanceof ParameterizedType) {
            return (Class<?>) ((ParameterizedType) type).getRawType();
        }
        if (type instanceof WildcardType) {
            return rawClass(((WildcardType) type).getUpperBounds()[0]);
        }
        if (type instanceof TypeVariable) {
            return rawClass(((TypeVariable<?>) type).getBounds()[0]);
        }
        return Object.class;
    }
}
