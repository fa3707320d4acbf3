#pragma once
// Orders on disk: one SQLite database in the folder that the service owns.

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "order.hpp"

namespace orders {

/// May be used by several threads. Throws std::runtime_error with SQLite's own words.
class Store {
 public:
  /// Opens the database, or makes it.
  explicit Store(const std::filesystem::path& file);

  /// Keeps the order, on disk when this returns, and gives it its number.
  void add(Order& order);
  std::optional<Order> find(std::int64_t id);
  std::vector<Order> latest(int count);  ///< newest first
  void check();                          ///< throws when the database does not answer

 private:
  class Statement;
  Order read(Statement& statement);
  void execute(const char* sql);

  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
  };
  std::unique_ptr<sqlite3, Close> database_;
  std::mutex mutex_;
};

}  // namespace orders
