#include "order.hpp"

#include <algorithm>
#include <initializer_list>

namespace orders {

namespace {

using nlohmann::json;

constexpr std::size_t kLongestText = 200;               // bytes
constexpr std::int64_t kMostOfOne = 10'000;             // quantity
constexpr std::int64_t kHighestPrice = 100'000'000'00;  // hundredths: with kMostOfOne far from an overflow

void require_object(const json& value, const std::string& what, std::initializer_list<std::string> keys) {
  if (!value.is_object())
    throw InvalidOrder(what + " must be an object");
  for (const auto& entry : value.items())
    if (std::find(keys.begin(), keys.end(), entry.key()) == keys.end())
      throw InvalidOrder(what + " has an unknown key '" + entry.key() + "'");
}

std::string text_of(const json& object, const std::string& key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string())
    throw InvalidOrder("'" + key + "' must be a text");
  const auto text = found->get<std::string>();
  if (text.empty() || text.size() > kLongestText)
    throw InvalidOrder("'" + key + "' must have 1 to " + std::to_string(kLongestText) + " bytes");
  return text;
}

std::int64_t number_of(const json& object, const std::string& key, std::int64_t least, std::int64_t most) {
  const auto found = object.find(key);
  // Above 2^63 a number is unsigned, and would turn negative.
  const bool whole = found != object.end() && found->is_number_integer() &&
                     (!found->is_number_unsigned() || found->get<std::uint64_t>() <= INT64_MAX);
  if (!whole || found->get<std::int64_t>() < least || found->get<std::int64_t>() > most)
    throw InvalidOrder("'" + key + "' must be a whole number from " + std::to_string(least) + " to " +
                       std::to_string(most));
  return found->get<std::int64_t>();
}

Item parse_item(const json& value) {
  require_object(value, "an item", {"article", "quantity", "price"});
  return {text_of(value, "article"), number_of(value, "quantity", 1, kMostOfOne),
          number_of(value, "price", 0, kHighestPrice)};
}

}  // namespace

std::int64_t Order::total() const {
  std::int64_t sum = 0;
  for (const auto& item : items)
    sum += item.quantity * item.price;
  return sum;
}

Order parse_order(const std::string& text, const std::string& currency, std::size_t most_items) {
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded())
    throw InvalidOrder("the body is not valid JSON");
  require_object(document, "an order", {"customer", "items"});
  Order order;
  order.customer = text_of(document, "customer");
  order.currency = currency;
  const auto items = document.find("items");
  if (items == document.end() || !items->is_array() || items->empty() || items->size() > most_items)
    throw InvalidOrder("'items' must be a list of 1 to " + std::to_string(most_items) + " items");
  for (const auto& item : *items)
    order.items.push_back(parse_item(item));
  return order;
}

json to_json(const Order& order) {
  json items = json::array();
  for (const auto& item : order.items)
    items.push_back({{"article", item.article}, {"quantity", item.quantity}, {"price", item.price}});
  return {{"id", order.id},
          {"customer", order.customer},
          {"currency", order.currency},
          {"items", items},
          {"total", order.total()}};
}

}  // namespace orders
