// Orders, kept in PostgreSQL: POST /orders {"dish", "quantity", "cents"} answers with the order and its
// number, GET /orders/1 shows it.
#include <httplib.h>
#include <libpq-fe.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

using nlohmann::json;

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

/// One connection, made when it is first needed, and anew when the database was away.
class Database {
 public:
  /// Columns are text. Throws std::runtime_error.
  Result query(const std::string& text, const std::vector<std::string>& values) {
    const std::lock_guard lock(mutex_);
    if (!alive())
      connect();
    auto result = run(text, values);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    return result;
  }

 private:
  Result run(const std::string& text, const std::vector<std::string>& values) {
    std::vector<const char*> pointers;
    for (const auto& value : values)
      pointers.push_back(value.c_str());
    return {PQexecParams(connection_.get(), text.c_str(), static_cast<int>(values.size()), nullptr,
                         pointers.data(), nullptr, nullptr, 0),
            PQclear};
  }

  bool alive() { return connection_ && PQresultStatus(run("SELECT 1", {}).get()) == PGRES_TUPLES_OK; }

  void connect() {
    std::ifstream file(setting("CREDENTIALS_DIRECTORY") + "/password");
    std::string password;
    std::getline(file, password);
    const std::string address = setting("DATABASE");
    const char* names[] = {"dbname", "password", "connect_timeout", nullptr};
    const char* values[] = {address.c_str(), password.c_str(), "5", nullptr};
    connection_.reset(PQconnectdbParams(names, values, 1));
    if (PQstatus(connection_.get()) != CONNECTION_OK)
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    run("CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, dish text NOT NULL, quantity integer NOT "
        "NULL, "
        "cents integer NOT NULL)",
        {});
  }

  std::mutex mutex_;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, PQfinish};
};

json order_of(const Result& rows) {
  const auto column = [&](int number) { return std::string(PQgetvalue(rows.get(), 0, number)); };
  return {{"id", std::stoi(column(0))},
          {"dish", column(1)},
          {"quantity", std::stoi(column(2))},
          {"cents", std::stoi(column(3))}};
}

void answer(httplib::Response& response, int status, const json& body) {
  response.status = status;
  response.set_content(body.dump() + "\n", "application/json");
}

}  // namespace

int main() {
  std::signal(SIGTERM, [](int) { _exit(0); });
  Database database;
  httplib::Server server;
  server.Get("/health", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("OK\n", "text/plain");
  });
  server.Post("/orders", [&](const httplib::Request& request, httplib::Response& response) {
    const json order = json::parse(request.body);
    const auto rows =
        database.query("INSERT INTO orders (dish, quantity, cents) VALUES ($1, $2, $3) RETURNING *",
                       {order.at("dish").get<std::string>(), std::to_string(order.at("quantity").get<int>()),
                        std::to_string(order.at("cents").get<int>())});
    answer(response, 201, order_of(rows));
  });
  server.Get(R"(/orders/(\d{1,9}))", [&](const httplib::Request& request, httplib::Response& response) {
    const auto rows = database.query("SELECT * FROM orders WHERE id = $1", {request.matches[1].str()});
    if (PQntuples(rows.get()) == 0)
      answer(response, 404, {{"error", "there is no such order"}});
    else
      answer(response, 200, order_of(rows));
  });
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, const std::exception_ptr& problem) {
        try {
          std::rethrow_exception(problem);
        } catch (const json::exception& error) {
          answer(response, 400, {{"error", error.what()}});
        } catch (const std::exception& error) {
          std::cerr << error.what() << std::endl;
          answer(response, 503, {{"error", "the database does not answer"}});
        }
      });
  return server.listen("0.0.0.0", 8080) ? 0 : 1;
}
