package lambent;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;

/** The method that a handler setting names: `package.Class::method`, or `package.Class`. */
final class Handler {
    private final Object target;
    private final Method method;
    private final UserClasses classes;
    private final Log log;
    private final Type input;

    private Handler(Object target, Method method, Type input, UserClasses classes, Log log) {
        this.target = target;
        this.method = method;
        this.input = input;
        this.classes = classes;
        this.log = log;
    }

    static Handler load(String setting, UserClasses classes, Log log) throws Throwable {
        int colons = setting.indexOf("::");
        String className = colons < 0 ? setting : setting.substring(0, colons);
        String methodName = colons < 0 ? "handleRequest" : setting.substring(colons + 2);
        Class<?> type;
        try {
            type = Class.forName(className, true, classes.loader);
        } catch (ClassNotFoundException missing) {
            throw new ClassNotFoundException("Class not found: " + className);
        }
        Method method = Arrays.stream(type.getMethods())
                .filter(each -> each.getName().equals(methodName) && !each.isBridge() && fits(each, classes))
                // As on Lambda, the one with the most parameters, and a Context before none.
                .max(Comparator.comparingInt(Method::getParameterCount))
                .orElseThrow(() -> new NoSuchMethodException("No public method named " + methodName
                        + " with appropriate method signature found on class " + className));
        method.setAccessible(true);
        return new Handler(instance(type, method), method, inputType(method), classes, log);
    }

    private static boolean fits(Method method, UserClasses classes) {
        Class<?>[] types = method.getParameterTypes();
        int context = types.length > 0 && isContext(types[types.length - 1], classes) ? 1 : 0;
        int others = types.length - context;
        return others <= 1 || isStream(types) && others == 2;
    }

    private static boolean isContext(Class<?> type, UserClasses classes) {
        return type == classes.core("Context");
    }

    private static boolean isStream(Class<?>[] types) {
        return types.length >= 2 && types[0] == InputStream.class && types[1] == OutputStream.class;
    }

    private static Type inputType(Method method) {
        Type[] types = method.getGenericParameterTypes();
        return types.length == 0 ? Object.class : types[0];
    }

    private static Object instance(Class<?> type, Method method) throws Throwable {
        if (Modifier.isStatic(method.getModifiers())) {
            Class.forName(type.getName(), true, type.getClassLoader());
            return null;
        }
        try {
            return type.getConstructor().newInstance();
        } catch (InvocationTargetException failure) {
            throw failure.getCause();
        }
    }

    /** The body of the response. Throws what the function throws. */
    byte[] call(Invocation invocation) throws Throwable {
        Class<?>[] types = method.getParameterTypes();
        Object[] arguments = new Object[types.length];
        ByteArrayOutputStream stream = new ByteArrayOutputStream();
        for (int index = 0; index < types.length; index++) {
            if (isContext(types[index], classes)) {
                arguments[index] = Context.of(invocation, classes, log);
            } else if (types[index] == InputStream.class) {
                arguments[index] = new ByteArrayInputStream(invocation.event);
            } else if (types[index] == OutputStream.class) {
                arguments[index] = stream;
            } else {
                String text = new String(invocation.event, StandardCharsets.UTF_8);
                arguments[index] = Conversion.toType(Json.parse(text), input);
            }
        }
        Object answer;
        try {
            answer = method.invoke(target, arguments);
        } catch (InvocationTargetException failure) {
            throw failure.getCause();
        }
        if (isStream(types)) {
            return stream.toByteArray();
        }
        return Json.write(answer).getBytes(StandardCharsets.UTF_8);
    }
}
