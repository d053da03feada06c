package handlers;

public class Broken {
    public Broken() {
        throw new IllegalStateException("no database");
    }

    public void handle() {}
}
