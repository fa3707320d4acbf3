#pragma once
// What is asked of a cloud: Heat (Orchestration API v1), Nova (Compute API v2.1), Neutron (Networking API
// v2.0).

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/event.hpp"
#include "publish/http.hpp"
#include "publish/openstack/session.hpp"
#include "support/json.hpp"

namespace vmfleet::driver::openstack {

using vmimage::support::json;

struct Stack {
  std::string id;
  std::string status;  ///< "CREATE_IN_PROGRESS" … "UPDATE_FAILED"
  std::string reason;
  std::int64_t changed = 0;  ///< seconds since the epoch: when it was told something last
  std::map<std::string, std::string> parameters;           ///< hidden ones as Heat shows them
  std::string address;                                     ///< of the balancer; empty: not known yet
  std::map<std::string, std::vector<std::string>> groups;  ///< "a", "b": Nova's identifiers

  bool busy() const { return status.ends_with("_IN_PROGRESS"); }
  bool failed() const { return status.ends_with("_FAILED"); }
};

struct Server {
  std::string id;
  std::string status;        ///< "BUILD", "ACTIVE", "ERROR", "SHUTOFF", …
  std::string group;         ///< "a", "b", "balancer"
  std::string address;       ///< empty: none yet
  std::int64_t created = 0;  ///< seconds since the epoch
  std::string fault;         ///< why it is in ERROR
};

/// As the services tell it. Pure.
Stack read_stack(const json& stack);
std::vector<Server> read_servers(const json& servers, const std::string& fleet);
/// What happened to a fleet's servers and to its stack, oldest first; the servers as `name_of` calls them.
std::vector<fleet::Event> read_events(const json& events, const std::string& stack,
                                      const std::function<std::string(const std::string& server)>& name_of);

/// A flavor that holds so much. Throws Error{Usage} with those that there are.
struct Need {
  int cpus = 1;
  std::uint64_t memory = 0;  ///< bytes
  std::uint64_t disk = 0;    ///< bytes
};
/// The identifier of the flavor of that name (or identifier), which has to be large enough; `name` empty: the
/// smallest one that is. Throws Error{Usage} with those that there are. Pure.
std::string choose_flavor(const json& flavors, const std::string& name, const Need& need);
/// Of the project's networks: the one of that name or identifier; `name` empty: the only one that leads
/// nowhere else. Throws Error{Usage}. Pure.
std::string choose_network(const json& networks, const std::string& name);

/// What the names of fleets' stacks begin with.
constexpr std::string_view kStackPrefix = "vmfleet-";

class Cloud {
 public:
  /// `name` as in clouds.yaml; empty: as OpenStack's own clients choose. Throws Error.
  explicit Cloud(const std::string& name);

  std::vector<std::string> fleets();  ///< the names of those that have a stack
  std::optional<Stack> find(const std::string& name);
  void create(const std::string& name, const std::string& text,
              const std::map<std::string, std::string>& parameters);
  /// Parameters that are not named stay; `text` empty: the template stays.
  void update(const std::string& name, const Stack& stack,
              const std::map<std::string, std::string>& parameters, const std::string& text = {});
  void remove(const std::string& name, const Stack& stack);
  /// Heat replaces the server the next time that the stack is updated.
  void mark_unhealthy(const std::string& name, const Stack& stack, const std::string& server,
                      const std::string& reason);

  std::vector<Server> servers(const std::string& fleet);
  std::string console(const std::string& server);  ///< what Nova has of it; empty: nothing
  std::vector<fleet::Event> events(const std::string& name, const Stack& stack,
                                   const std::function<std::string(const std::string&)>& name_of);
  std::string flavor(const std::string& name, const Need& need);
  std::string network(const std::string& name);

 private:
  json get(const vmimage::publish::Service& service, const std::string& path, const std::string& what);
  void order(const vmimage::publish::Service& service, const std::string& method, const std::string& path,
             const json& body, const std::string& what);

  vmimage::publish::openstack::Session session_;
  vmimage::publish::Service heat_;
  vmimage::publish::Service nova_;
  vmimage::publish::Service neutron_;
};

}  // namespace vmfleet::driver::openstack
