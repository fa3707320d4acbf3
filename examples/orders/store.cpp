#include "store.hpp"

namespace orders {

namespace {

[[noreturn]] void fail(sqlite3* database, const std::string& what) {
  throw std::runtime_error("failed to " + what + ": " +
                           (database == nullptr ? "out of memory" : sqlite3_errmsg(database)));
}

}  // namespace

/// One prepared statement; parameters and columns are numbered as SQLite does (from 1, and from 0).
class Store::Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    if (sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) != SQLITE_OK)
      fail(database, "prepare a query");
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int index, std::int64_t value) {
    if (sqlite3_bind_int64(statement_, index, value) != SQLITE_OK)
      fail(database_, "bind a value");
    return *this;
  }
  Statement& bind(int index, const std::string& value) {
    if (sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()),
                          SQLITE_TRANSIENT) != SQLITE_OK)
      fail(database_, "bind a value");
    return *this;
  }
  /// True while there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
      fail(database_, "run a query");
    return result == SQLITE_ROW;
  }
  std::int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
};

Store::Store(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  const int result = sqlite3_open(file.c_str(), &database);
  database_.reset(database);
  if (result != SQLITE_OK)
    fail(database, "open '" + file.string() + "'");
  // Write-ahead logging: readers do not wait for the disk; FULL: what was acknowledged survives a power cut.
  execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  execute(
      "CREATE TABLE IF NOT EXISTS orders("
      "  id INTEGER PRIMARY KEY AUTOINCREMENT, customer TEXT NOT NULL, currency TEXT NOT NULL);"
      "CREATE TABLE IF NOT EXISTS items("
      "  order_id INTEGER NOT NULL REFERENCES orders(id), article TEXT NOT NULL,"
      "  quantity INTEGER NOT NULL, price INTEGER NOT NULL);"
      "CREATE INDEX IF NOT EXISTS items_of_order ON items(order_id)");
}

void Store::execute(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail(database_.get(), "change the database");
}

void Store::add(Order& order) {
  const std::lock_guard lock(mutex_);
  sqlite3* database = database_.get();
  execute("BEGIN IMMEDIATE");
  try {
    Statement(database, "INSERT INTO orders(customer, currency) VALUES(?, ?)")
        .bind(1, order.customer)
        .bind(2, order.currency)
        .step();
    order.id = sqlite3_last_insert_rowid(database);
    for (const auto& item : order.items)
      Statement(database, "INSERT INTO items(order_id, article, quantity, price) VALUES(?, ?, ?, ?)")
          .bind(1, order.id)
          .bind(2, item.article)
          .bind(3, item.quantity)
          .bind(4, item.price)
          .step();
    execute("COMMIT");
  } catch (...) {
    sqlite3_exec(database, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

Order Store::read(Statement& statement) {
  Order order{
      .id = statement.number(0), .customer = statement.text(1), .currency = statement.text(2), .items = {}};
  Statement items(database_.get(),
                  "SELECT article, quantity, price FROM items WHERE order_id = ? ORDER BY rowid");
  items.bind(1, order.id);
  while (items.step())
    order.items.push_back({items.text(0), items.number(1), items.number(2)});
  return order;
}

std::optional<Order> Store::find(std::int64_t id) {
  const std::lock_guard lock(mutex_);
  Statement statement(database_.get(), "SELECT id, customer, currency FROM orders WHERE id = ?");
  if (!statement.bind(1, id).step())
    return std::nullopt;
  return read(statement);
}

std::vector<Order> Store::latest(int count) {
  const std::lock_guard lock(mutex_);
  Statement statement(database_.get(), "SELECT id, customer, currency FROM orders ORDER BY id DESC LIMIT ?");
  statement.bind(1, std::int64_t{count});
  std::vector<Order> found;
  while (statement.step())
    found.push_back(read(statement));
  return found;
}

void Store::check() {
  const std::lock_guard lock(mutex_);
  Statement(database_.get(), "SELECT id FROM orders LIMIT 1").step();
}

}  // namespace orders
