package lambent;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * The Runtime API over one connection that is kept: a socket of our own starts 20 ms sooner than
 * the JDK's HTTP client.
 */
final class RuntimeClient {
    private static final String VERSION = "/2018-06-01/runtime";

    private final String address;
    private Socket socket;
    private InputStream input;
    private OutputStream output;

    RuntimeClient(String address) {
        this.address = address;
    }

    Invocation next() throws IOException {
        send("GET", "/invocation/next", "", null);
        return receive();
    }

    void postResponse(Invocation invocation, byte[] body) throws IOException {
        post(path(invocation, "response"), "Content-Type: application/json\r\n" + echo(invocation), body);
    }

    void postError(Invocation invocation, String type, byte[] body) throws IOException {
        post(path(invocation, "error"), errorType(type) + echo(invocation), body);
    }

    void postInitError(String type, byte[] body) throws IOException {
        post("/init/error", errorType(type), body);
    }

    private static String path(Invocation invocation, String kind) {
        return "/invocation/" + invocation.requestId() + "/" + kind;
    }

    private static String errorType(String type) {
        return "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: " + type + "\r\n";
    }

    /** Lambda wants an answer to carry what its invocation did. */
    private static String echo(Invocation invocation) {
        String id = invocation.header("lambda-runtime-invocation-id");
        return id == null ? "" : "Lambda-Runtime-Invocation-Id: " + id + "\r\n";
    }

    private void post(String path, String headers, byte[] body) throws IOException {
        send("POST", path, headers, body);
        receive();
    }

    private void send(String method, String path, String headers, byte[] body) throws IOException {
        if (socket == null) {
            connect();
        }
        String length = body == null ? "" : "Content-Length: " + body.length + "\r\n";
        String head = method + " " + VERSION + path + " HTTP/1.1\r\nHost: " + address + "\r\n"
                + headers + length + "\r\n";
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(head.getBytes(StandardCharsets.UTF_8));
        if (body != null) {
            message.write(body);
        }
        message.writeTo(output);
    }

    private void connect() throws IOException {
        int colon = address.lastIndexOf(':');
        socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        socket.setTcpNoDelay(true);
        input = new BufferedInputStream(socket.getInputStream(), 65536);
        output = socket.getOutputStream();
    }

    private Invocation receive() throws IOException {
        String status = line();
        Map<String, String> headers = new HashMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).trim());
        }
        int length = Integer.parseInt(headers.getOrDefault("content-length", "0"));
        byte[] body = input.readNBytes(length);
        if (body.length < length) {
            throw new EOFException("the Runtime API hung up within a body");
        }
        if (!status.contains(" 2")) {
            throw new IOException("the Runtime API refused: " + status);
        }
        return new Invocation(headers, body);
    }

    private String line() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int each = input.read(); each != '\n'; each = input.read()) {
            if (each < 0) {
                throw new EOFException("the Runtime API hung up");
            }
            if (each != '\r') {
                line.write(each);
            }
        }
        return line.toString(StandardCharsets.UTF_8);
    }
}
