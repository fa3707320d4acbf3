#pragma once
// Where a fleet keeps what it has: one folder for state, one (with a short path) for sockets, and the lock
// that says who looks after it.

#include <filesystem>
#include <string>
#include <vector>

namespace vmfleet::supervisor {

namespace fs = std::filesystem;

struct Place {
  std::string name;
  fs::path root;     ///< $XDG_STATE_HOME/vmfleet/<name>
  fs::path sockets;  ///< in $XDG_RUNTIME_DIR/vmfleet; empty: not known yet

  fs::path state() const { return root / "state.json"; }
  fs::path events() const { return root / "events.jsonl"; }
  fs::path logs() const { return root / "logs"; }
  fs::path log(const std::string& id) const { return logs() / (id + ".log"); }
  fs::path instance(const std::string& id) const { return root / "instances" / id; }
  fs::path image(const std::string& digest) const { return root / "images" / digest; }
  fs::path secrets(const std::string& digest) const { return root / "secrets" / digest; }
  /// Volumes are beside the fleets, so that they outlive theirs: a folder for each set of them.
  fs::path volumes() const { return root.parent_path() / ".volumes" / name; }
  fs::path volumes(int number) const { return volumes() / std::to_string(number); }
  fs::path control() const { return sockets / "control"; }
  fs::path balancer() const { return sockets / "balancer"; }
  fs::path console(const std::string& id) const { return monitor(id).parent_path() / "console"; }
  fs::path guest_line(const std::string& id) const { return monitor(id).parent_path() / "guest"; }
  fs::path monitor(const std::string& id) const;  ///< the QMP socket, in the machine's own folder of sockets
};

/// The folder that holds all fleets of this user.
fs::path fleets_folder();
/// The fleets that have a state, sorted.
std::vector<std::string> fleet_names();

/// Where a fleet is, or would be; nothing is made.
Place locate(const std::string& name);
/// The same, with its folder made. That of the sockets is made by the supervisor, once it has the lock.
Place make_place(const std::string& name);
void make_sockets(const Place& place);
/// The same with another folder for sockets, when nobody uses those of this one any more.
Place renew_sockets(Place place);
/// Removes all of it; for who has the lock.
void remove_place(const Place& place);

/// The right to look after a fleet, until the process ends.
class SupervisorLock {
 public:
  explicit SupervisorLock(const Place& place);  ///< does not wait; not held when another has it
  ~SupervisorLock();
  SupervisorLock(const SupervisorLock&) = delete;
  SupervisorLock& operator=(const SupervisorLock&) = delete;
  bool held() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace vmfleet::supervisor
