import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.OptionalInt;
import java.util.concurrent.Executors;

/** What dishes there are, and what they cost: GET /dishes/ramen. */
public final class Restaurants {
  private static Connection database;

  public static void main(String[] arguments) throws IOException {
    HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
    server.setExecutor(Executors.newFixedThreadPool(8));
    server.createContext("/health", exchange -> answer(exchange, 200, "OK\n"));
    server.createContext("/dishes/", Restaurants::dish);
    server.start();
  }

  private static void dish(HttpExchange exchange) throws IOException {
    String name = exchange.getRequestURI().getPath().substring("/dishes/".length());
    try {
      OptionalInt cents = price(name);
      if (cents.isPresent()) {
        answer(exchange, 200, "{\"cents\": " + cents.getAsInt() + "}\n");
      } else {
        answer(exchange, 404, "{\"error\": \"there is no such dish\"}\n");
      }
    } catch (SQLException problem) {
      System.err.println(problem);
      answer(exchange, 503, "{\"error\": \"the database does not answer\"}\n");
    }
  }

  private static synchronized OptionalInt price(String dish) throws SQLException, IOException {
    if (database == null || !database.isValid(5)) {  // it was away
      database = connect();
    }
    try (var query = database.prepareStatement("SELECT cents FROM dishes WHERE name = ?")) {
      query.setString(1, dish);
      var rows = query.executeQuery();
      return rows.next() ? OptionalInt.of(rows.getInt(1)) : OptionalInt.empty();
    }
  }

  private static Connection connect() throws SQLException, IOException {
    Path password = Path.of(System.getenv("CREDENTIALS_DIRECTORY"), "password");
    Connection database =
        DriverManager.getConnection(System.getenv("DATABASE"), "ftgo", Files.readString(password).strip());
    try (var statement = database.createStatement()) {
      statement.execute("CREATE TABLE IF NOT EXISTS dishes (name text PRIMARY KEY, cents integer NOT NULL)");
      statement.execute("INSERT INTO dishes VALUES ('ramen', 1250), ('gyoza', 600) ON CONFLICT DO NOTHING");
    }
    return database;
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    try (var stream = exchange.getResponseBody()) {
      stream.write(body);
    }
  }
}
