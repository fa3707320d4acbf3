#pragma once
// What a deployment may set, from the environment.

#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace orders {

/// A setting cannot be used; what() names it and says what it must be.
struct InvalidSetting : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Settings {
  int port = 8080;                    ///< PORT
  std::filesystem::path state = ".";  ///< STATE_DIRECTORY: the folder that the service owns
  std::string currency = "EUR";       ///< ORDERS_CURRENCY: three capital letters (ISO 4217)
  std::size_t most_items = 100;       ///< ORDERS_MAX_ITEMS: in one order
  std::string signing_key;  ///< ORDERS_SIGNING_KEY; empty: one that is made once and kept in `state`
};

/// Reads the environment of this process. Throws InvalidSetting.
Settings read_settings();

/// The key of the settings, or the one kept in the state folder, which is made when it is not there.
std::string signing_key(const Settings& settings);

}  // namespace orders
