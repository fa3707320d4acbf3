#pragma once
// Machines, one by one: the seam under a fleet that we look after ourselves (driver.hpp). It acts and
// observes; it decides nothing.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "recipe/manifest.hpp"

namespace vmfleet::driver {

namespace recipe = vmimage::recipe;

/// All that one instance is started from.
struct Launch {
  std::string id;  ///< also its host name
  std::filesystem::path image;
  std::shared_ptr<const recipe::Manifest> manifest;
  recipe::Size size;
  std::map<std::string, std::string> environment;
  std::filesystem::path volumes = {};  ///< folder of the disks of its volumes, which outlives it; empty: none
  std::filesystem::path secrets;       ///< folder of files, one for each secret; empty: there are none
  bool host_loopback =
      false;                ///< it may reach services on the loopback network of the machine that it runs on
  std::string bridge = {};  ///< of the machine that it runs on, to which it is connected; empty: to none
  bool warm = true;         ///< it may be resumed from a snapshot of a healthy one, where the driver can
  std::filesystem::path folder;  ///< its own: made and removed by the driver
  std::filesystem::path socket;  ///< place for its control socket
  std::filesystem::path log;     ///< its serial console; outlives it
};

/// A running machine; what must be kept to find it again.
struct Running {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  ///< tells a process from a later one with the same pid
  /// Guest's TCP port → port on 127.0.0.1, or on the guest's own address when it is on a bridge.
  std::map<std::uint16_t, std::uint16_t> ports;
  std::string start = {};  ///< "warm…", or "cold: <why>"; empty: not known
  bool bridged = false;    ///< it has an address of its own, which its guest line tells
  bool operator==(const Running&) const = default;
};

struct Look {
  enum class Phase { Launching, Alive, Gone };
  Phase phase = Phase::Gone;
  Running running;      ///< once alive
  std::string problem;  ///< why it is gone, where that is known
};

/// What a machine that is alive takes of the one that it runs on.
struct Use {
  std::uint64_t memory = 0;  ///< resident bytes
  double cpu_seconds = 0;
};

/// What a machine that is alive is held by.
struct Bounds {
  std::string confinement = {};  ///< what keeps it from the rest of the machine that it runs on
  std::string limits = {};       ///< what holds it to its size there
};

class Machines {
 public:
  virtual ~Machines() = default;
  /// Returns at once; look() tells how it goes.
  virtual void start(const Launch& launch) = 0;
  /// An instance that an earlier supervisor started. `running` empty: it was just about to; when no machine
  /// is found, one is started.
  virtual void adopt(const Launch& launch, const std::optional<Running>& running) = 0;
  /// Asked at every tick of every instance, so it costs next to nothing; the other two may cost more.
  virtual Look look(const std::string& id) = 0;
  virtual Use use(const std::string& id) = 0;
  virtual Bounds bounds(const std::string& id) = 0;
  virtual void power_off(const std::string& id) = 0;
  virtual void kill(const std::string& id) = 0;
  /// Removes what an instance that is gone has left, but for its log.
  virtual void discard(const std::string& id) = 0;
  /// Those that would be started next, and no others, are made ready where the driver can. Told at every
  /// look while nothing changes.
  virtual void prepare(const std::vector<Launch>&) {}
  virtual int prepared() { return 0; }  ///< how many are ready
};

}  // namespace vmfleet::driver
