#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string_view>

#include "receipt.hpp"

namespace orders {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShortestKey = 16;  // bytes; below that a receipt could be forged by trying

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

int whole_number(const char* name, int fallback, int least, int most) {
  const std::string_view text = variable(name);
  if (text.empty())
    return fallback;
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc{} || end != text.data() + text.size() || number < least || number > most)
    throw InvalidSetting(std::string(name) + " must be a whole number from " + std::to_string(least) +
                         " to " + std::to_string(most) + ", is '" + std::string(text) + "'");
  return number;
}

}  // namespace

Settings read_settings() {
  Settings settings;
  settings.port = whole_number("PORT", settings.port, 1, 65535);
  settings.most_items = static_cast<std::size_t>(whole_number("ORDERS_MAX_ITEMS", 100, 1, 10'000));
  if (const auto state = variable("STATE_DIRECTORY"); !state.empty())
    settings.state = state;
  if (const auto currency = variable("ORDERS_CURRENCY"); !currency.empty())
    settings.currency = currency;
  const auto capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (settings.currency.size() != 3 ||
      !std::all_of(settings.currency.begin(), settings.currency.end(), capital))
    throw InvalidSetting("ORDERS_CURRENCY must be three capital letters like EUR, is '" + settings.currency +
                         "'");
  settings.signing_key = variable("ORDERS_SIGNING_KEY");
  if (!settings.signing_key.empty() && settings.signing_key.size() < kShortestKey)
    throw InvalidSetting("ORDERS_SIGNING_KEY must have at least " + std::to_string(kShortestKey) + " bytes");
  return settings;
}

std::string signing_key(const Settings& settings) {
  if (!settings.signing_key.empty())
    return settings.signing_key;
  const fs::path file = settings.state / "signing-key";
  std::string key;
  std::getline(std::ifstream(file) >> std::ws, key);
  if (key.size() >= kShortestKey)
    return key;
  key = make_key();
  const fs::path unfinished = settings.state / "signing-key.new";
  fs::remove(unfinished);
  {
    std::ofstream stream(unfinished);
    fs::permissions(unfinished, fs::perms::owner_read | fs::perms::owner_write);
    if (!(stream << key << '\n' << std::flush))
      throw std::runtime_error("failed to write '" + unfinished.string() + "'");
  }
  fs::rename(unfinished, file);
  return key;
}

}  // namespace orders
