#pragma once
// --json: what commands print for programs. The shapes are in docs/vmimage.md, "JSON", and only grow.

#include <fmt/format.h>

#include "support/json.hpp"

namespace vmimage::command {

/// A file's name may be any bytes, and JSON is UTF-8: what is not gets U+FFFD.
inline void print_json(const support::json& document) {
  fmt::print("{}\n", document.dump(2, ' ', false, support::json::error_handler_t::replace));
}

}  // namespace vmimage::command
