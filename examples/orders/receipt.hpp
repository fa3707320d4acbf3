#pragma once
// Signed receipts: whoever holds one can have it checked later, by any instance with the same key.

#include <string>

#include "order.hpp"

namespace orders {

/// HMAC-SHA256 over the order as JSON, in lower-case hexadecimal.
std::string sign(const Order& order, const std::string& key);

/// Takes the same time whether and where the two differ.
bool signature_holds(const Order& order, const std::string& key, const std::string& signature);

/// 32 random bytes in hexadecimal.
std::string make_key();

}  // namespace orders
