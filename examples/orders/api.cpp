#include "api.hpp"

#include <charconv>
#include <iostream>

#include "receipt.hpp"

namespace orders {

namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::json;

constexpr std::size_t kLargestBody = 1 << 20;  // bytes; 10,000 items do not come near
constexpr int kLatest = 100;

void answer(Response& response, int status, const json& body) {
  response.status = status;
  // What clients sent may not be UTF-8 in an error text: replaced, not thrown at.
  response.set_content(body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n", "application/json");
}

json receipt(const Order& order, const std::string& key) {
  return {{"order", to_json(order)}, {"signature", sign(order, key)}};
}

void check_receipt(const Request& request, Response& response, const std::string& key, Store& store) {
  const json document = json::parse(request.body, nullptr, false);
  if (!document.is_object() || !document.contains("order") || !document["order"].is_object() ||
      !document.contains("signature") || !document["signature"].is_string())
    return answer(response, 400, {{"error", "a receipt has an 'order' and a 'signature'"}});
  const json id = document["order"].value("id", json());
  const auto order = id.is_number_integer() ? store.find(id.get<std::int64_t>()) : std::nullopt;
  const bool valid = order && to_json(*order) == document["order"] &&
                     signature_holds(*order, key, document["signature"].get<std::string>());
  answer(response, 200, {{"valid", valid}});
}

}  // namespace

void add_routes(httplib::Server& server, const Settings& settings, const std::string& key, Store& store) {
  server.set_payload_max_length(kLargestBody);
  server.Post("/orders", [&](const Request& request, Response& response) {
    Order order = parse_order(request.body, settings.currency, settings.most_items);
    store.add(order);
    response.set_header("Location", "/orders/" + std::to_string(order.id));
    answer(response, 201, receipt(order, key));
  });
  server.Get("/orders", [&](const Request&, Response& response) {
    json list = json::array();
    for (const auto& order : store.latest(kLatest))
      list.push_back(to_json(order));
    answer(response, 200, list);
  });
  server.Get(R"(/orders/(\d{1,18}))", [&](const Request& request, Response& response) {
    const auto order = store.find(std::stoll(request.matches[1]));
    if (order)
      answer(response, 200, receipt(*order, key));
    else
      answer(response, 404, {{"error", "there is no such order"}});
  });
  server.Post("/receipts/check", [&](const Request& request, Response& response) {
    check_receipt(request, response, key, store);
  });
  server.Get("/healthz", [&](const Request&, Response& response) {
    store.check();
    response.set_content("ok\n", "text/plain");
  });
  server.set_exception_handler([](const Request& request, Response& response, std::exception_ptr exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const InvalidOrder& error) {
      answer(response, 400, {{"error", error.what()}});
    } catch (const std::exception& error) {
      std::cerr << "orders: " << request.method << ' ' << request.path << ": " << error.what() << std::endl;
      answer(response, 500, {{"error", "the service failed; its log says why"}});
    }
  });
}

}  // namespace orders
