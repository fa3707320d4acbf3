#pragma once
// An order, as it comes in and as it is kept. Pure.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace orders {

struct Item {
  std::string article;
  std::int64_t quantity = 0;
  std::int64_t price = 0;  ///< of one, in hundredths of the currency
};

struct Order {
  std::int64_t id = 0;  ///< given by the store
  std::string customer;
  std::string currency;
  std::vector<Item> items;
  std::int64_t total() const;  ///< in hundredths of the currency
};

/// What a client sent is not an order; what() is one line for that client.
struct InvalidOrder : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Reads {"customer": "…", "items": [{"article": "…", "quantity": 2, "price": 1250}, …]}, and nothing else.
Order parse_order(const std::string& text, const std::string& currency, std::size_t most_items);

nlohmann::json to_json(const Order& order);

}  // namespace orders
