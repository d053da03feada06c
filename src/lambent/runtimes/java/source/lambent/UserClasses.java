package lambent;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The function's own classes: its class folders, its lib/*.jar, and those of its layers.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/java-package.html
 */
final class UserClasses {
    final ClassLoader loader;

    UserClasses() throws MalformedURLException {
        File task = new File(System.getenv("LAMBDA_TASK_ROOT"));
        List<URL> path = new ArrayList<>();
        path.add(task.toURI().toURL());
        addJars(path, new File(task, "lib"));
        addJars(path, new File(System.getProperty("lambent.layers"), "java/lib"));
        loader = new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getSystemClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
    }

    private static void addJars(List<URL> path, File directory) throws MalformedURLException {
        File[] jars = directory.listFiles((folder, name) -> name.endsWith(".jar"));
        if (jars == null) {
            return;
        }
        Arrays.sort(jars); // in the order of Unicode, as on Lambda
        for (File jar : jars) {
            path.add(jar.toURI().toURL());
        }
    }

    /** An interface of aws-lambda-java-core, from the function's own copy; null without one. */
    Class<?> core(String name) {
        try {
            return Class.forName("com.amazonaws.services.lambda.runtime." + name, false, loader);
        } catch (ClassNotFoundException missing) {
            return null;
        }
    }
}
