#include "balancer/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>
#include <sstream>
#include <string_view>

namespace vmfleet::balancer {

namespace {

std::string backend_of(std::uint16_t guest) {
  return fmt::format("port-{}", guest);
}

bool is_http(const Config& config, std::uint16_t guest) {
  return config.health.type == recipe::HealthType::Http && config.health.port == guest;
}

/// As one word of the configuration, whatever is in it (section 2.2, "Quoting and escaping").
std::string quoted(const std::string& text) {
  std::string word = "'";
  for (const char c : text)
    word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// A request that got no answer at all is given to another instance; only one that may be repeated without
/// harm.
const char* const kHttp =
    "  mode http\n"
    "  option http-keep-alive\n"
    "  retry-on conn-failure empty-response\n"
    "  http-request disable-l7-retry unless METH_GET or { method HEAD OPTIONS PUT DELETE }\n";

const std::string& address_of(const Route& route, const std::string& own) {
  return route.address.empty() ? own : route.address;
}

/// A line for each slot that leads somewhere, and templates for those between them.
std::string servers(const Config& config, std::uint16_t guest, const std::string& check) {
  std::string text;
  int free = 1;
  const auto leave_free = [&](int end) {
    if (free < end)
      text += fmt::format("  server-template instance {}-{} {}:1 disabled{}\n", free, end - 1, config.address,
                          check);
  };
  for (const auto& [slot, route] : config.routes) {
    const auto port = route.ports.find(guest);
    if (route.mode != Mode::Ready || port == route.ports.end())
      continue;
    leave_free(slot);
    text += fmt::format("  server instance{} {}:{}{}\n", slot, address_of(route, config.address),
                        port->second, check);
    free = slot + 1;
  }
  leave_free(kSlots + 1);
  return text;
}

std::string backend(const Config& config, const Listener& listener) {
  const bool http = is_http(config, listener.guest);
  std::string text = fmt::format("\nbackend {}\n", backend_of(listener.guest));
  text += http ? kHttp : "  mode tcp\n";
  text += "  balance roundrobin\n";
  // The supervisor decides who gets requests; these checks go on when no supervisor runs.
  if (http)
    text += fmt::format(
        "  option httpchk\n"
        "  http-check send meth GET uri {} ver HTTP/1.1 hdr Host {}\n"
        "  http-check expect status 200-399\n",
        quoted(config.health.path), config.address);
  const bool checked = http || (config.health.type == recipe::HealthType::Tcp &&
                                config.health.port == listener.guest && config.control);
  return text + servers(config, listener.guest, checked ? " check " + config.check : "");
}

/// Its own proxy takes TLS off: HAProxy's runtime API has none.
std::string control(const Config& config) {
  if (!config.control)
    return "";
  const std::string pem = quoted(config.control->pem.string());
  return fmt::format(
      "\nfrontend control\n  mode tcp\n  bind {}:{} ssl crt {} ca-file {} verify required\n"
      "  default_backend control\n"
      "\nbackend control\n  mode tcp\n  server self {}\n",
      config.address, config.control->port, pem, pem, quoted("unix@" + config.socket.string()));
}

}  // namespace

std::string to_text(const Config& config) {
  std::string text = fmt::format(
      "# The balancer of the fleet {}; written by vmfleet.\n"
      "global\n"
      "  stats socket {} mode 600 level admin expose-fd listeners\n"
      "  noreuseport\n"
      "  maxconn 4096\n"
      "  hard-stop-after 30s\n",
      config.fleet, quoted(config.socket.string()));
  if (config.drop_privileges)
    text += "  user nobody\n  group nogroup\n";
  text +=
      "\ndefaults\n"
      "  timeout connect 2s\n"
      "  timeout client 5m\n"
      "  timeout server 5m\n"
      "  timeout check 3s\n"
      "  timeout queue 5s\n"
      "  retries 5\n"
      "  option redispatch 1\n";
  for (const auto& listener : config.listeners) {
    text += fmt::format("\nfrontend front-{}\n  mode {}\n  bind {}:{}\n", listener.guest,
                        is_http(config, listener.guest) ? "http" : "tcp", config.address, listener.host);
    if (config.ipv6)
      text += fmt::format("  bind [::1]:{}\n", listener.host);
    text += fmt::format("  default_backend {}\n", backend_of(listener.guest));
    text += backend(config, listener);
  }
  return text + control(config);
}

std::vector<std::string> commands(int slot, const Route& route, const std::vector<Listener>& listeners,
                                  const std::string& address) {
  std::vector<std::string> list;
  for (const auto& listener : listeners) {
    const std::string server = fmt::format("{}/instance{}", backend_of(listener.guest), slot);
    const auto port = route.ports.find(listener.guest);
    if (route.mode == Mode::Off || port == route.ports.end()) {
      list.push_back(fmt::format("set server {} state maint", server));
      // What is gone does not answer any more: let its clients know now.
      list.push_back(fmt::format("shutdown sessions server {}", server));
      continue;
    }
    list.push_back(
        fmt::format("set server {} addr {} port {}", server, address_of(route, address), port->second));
    list.push_back(
        fmt::format("set server {} state {}", server, route.mode == Mode::Ready ? "ready" : "drain"));
  }
  return list;
}

namespace {

using Cells = std::vector<std::string_view>;

void split(std::string_view line, Cells& cells) {
  cells.clear();
  while (true) {
    const auto end = line.find(',');
    cells.push_back(line.substr(0, end));
    if (end == line.npos)
      return;
    line.remove_prefix(end + 1);
  }
}

/// Where the columns of these names are.
using Columns = std::map<std::string_view, std::size_t>;

Columns columns_of(std::string_view header) {
  Cells names;
  split(header, names);
  Columns columns;
  for (std::size_t i = 0; i < names.size(); ++i)
    columns.emplace(names[i], i);
  return columns;
}

/// A row by the names of its columns.
class Row {
 public:
  Row(const Columns& columns, const Cells& cells) : columns_(columns), cells_(cells) {}
  std::string_view text(std::string_view name) const {
    const auto column = columns_.find(name);
    return column != columns_.end() && column->second < cells_.size() ? cells_[column->second]
                                                                      : std::string_view();
  }
  /// Empty cells are what does not apply to the row's kind of proxy.
  std::uint64_t number(std::string_view name) const {
    std::uint64_t value = 0;
    const auto cell = text(name);
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    return value;
  }

 private:
  const Columns& columns_;
  const Cells& cells_;
};

void count_requests(ServerStatistics& statistics, const Row& row) {
  for (const auto* responses : {"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"})
    statistics.requests += row.number(responses);
  if (row.text("mode") != "http")
    statistics.requests = row.number("stot");
  statistics.errors = row.number("hrsp_5xx") + row.number("econ") + row.number("eresp");
  statistics.response_ms = static_cast<double>(row.number("rtime"));
}

/// Calls `visit` with the slot and the row of each instance in each listener's backend.
template <typename Visit>
void for_each_server(const std::string& csv, const Visit& visit) {
  constexpr std::string_view kServer = "instance";
  Columns columns;
  Cells cells;
  std::string_view rest = csv;
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.starts_with("# ")) {
      columns = columns_of(line.substr(2));
      continue;
    }
    if (line.find(",MAINT,") != line.npos)
      continue;  // nobody's slot; of the 256, most are
    split(line, cells);
    const Row row(columns, cells);
    auto server = row.text("svname");
    if (!row.text("pxname").starts_with("port-") || !server.starts_with(kServer))
      continue;
    server.remove_prefix(kServer.size());
    int slot = 0;
    std::from_chars(server.data(), server.data() + server.size(), slot);
    visit(slot, row);
  }
}

}  // namespace

std::map<int, ServerStatistics> parse_statistics(const std::string& csv, std::uint16_t main) {
  std::map<int, ServerStatistics> statistics;
  const std::string main_backend = backend_of(main);
  for_each_server(csv, [&](int number, const Row& row) {
    auto& slot = statistics[number];
    slot.connections += static_cast<unsigned>(row.number("scur"));
    if (row.text("pxname") == main_backend)
      count_requests(slot, row);
  });
  return statistics;
}

namespace {

/// The slots that were told to drain.
std::set<int> draining(const std::string& state, std::uint16_t main) {
  constexpr int kForcedDrain = 0x08;
  std::set<int> slots;
  std::istringstream lines(state);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string skipped, backend, server, address;
    int operation = 0, administration = 0, slot = 0;
    if (words >> skipped >> backend >> skipped >> server >> address >> operation >> administration &&
        backend == backend_of(main) && std::sscanf(server.c_str(), "instance%d", &slot) == 1 &&
        (administration & kForcedDrain) != 0)
      slots.insert(slot);
  }
  return slots;
}

}  // namespace

std::vector<ServerSight> parse_servers(const std::string& csv, const std::string& state, std::uint16_t main) {
  const auto drained = draining(state, main);
  std::vector<ServerSight> servers;
  for_each_server(csv, [&](int slot, const Row& row) {
    if (row.text("pxname") != backend_of(main))
      return;
    ServerSight sight{.slot = slot, .address = std::string(row.text("addr"))};
    sight.mode = drained.contains(slot) ? Mode::Drain : Mode::Ready;
    const bool checked = !row.text("check_rise").empty();
    sight.healthy = !checked || row.number("check_health") >= row.number("check_rise");
    if (!sight.healthy)
      sight.problem = row.text("check_desc");
    sight.since = row.number("lastchg");
    count_requests(sight.statistics, row);
    sight.statistics.connections = static_cast<unsigned>(row.number("scur"));
    servers.push_back(sight);
  });
  return servers;
}

bool is_refusal(const std::string& answer) {
  const auto has = [&](const char* words) { return answer.find(words) != std::string::npos; };
  return has("No such") || has("Unknown command") || has("Permission denied") || has("Require") ||
         has("rror") || has("nvalid");
}

}  // namespace vmfleet::balancer
