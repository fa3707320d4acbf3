#pragma once
// The HTTP side of the service.
//   POST /orders           an order (order.hpp): 201 with its receipt {"order": …, "signature": "…"}; 400 if
//   it is none GET  /orders           the latest 100, newest first GET  /orders/<id>      the receipt of one;
//   404 if there is none POST /receipts/check   a receipt: {"valid": true|false} GET  /healthz          ok,
//   when the database answers

#include <httplib.h>

#include "settings.hpp"
#include "store.hpp"

namespace orders {

void add_routes(httplib::Server& server, const Settings& settings, const std::string& key, Store& store);

}  // namespace orders
