import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;

/** Two endpoints, with what is in every Java runtime: /health, and /menu, which says how much heap there is. */
public final class Restaurants {
  public static void main(String[] arguments) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.createContext("/health", exchange -> answer(exchange, "OK\n"));
    server.createContext("/menu", exchange -> answer(exchange, menu()));
    server.start();
  }

  private static String menu() {
    long heap = Runtime.getRuntime().maxMemory() >> 20;
    return "{\"dishes\": [\"ramen\", \"gyoza\"], \"heap\": " + heap + "}\n";
  }

  private static void answer(HttpExchange exchange, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    try (var stream = exchange.getResponseBody()) {
      stream.write(body);
    }
  }
}
