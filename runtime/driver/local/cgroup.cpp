#include "driver/local/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <thread>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::driver {

namespace machine = vmimage::machine;
namespace support = vmimage::support;
using support::failure;
using vmimage::recipe::Size;

namespace {

constexpr std::uint64_t kMega = 1 << 20;
constexpr std::uint64_t kOverhead = 128 * kMega;  // QEMU itself: some 40 MiB, and what it keeps for devices
constexpr const char* kOurs = "vmfleet";
constexpr const char* kMain = "main";  // where the processes of a cgroup go of which ours are made
constexpr const char* kControllers = "+cpu +memory";

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// One write(2), as the kernel takes it here.
void write_value(const fs::path& file, const std::string& value) {
  const support::Descriptor opened(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened.open() || ::write(opened.fd, value.data(), value.size()) < 0)
    support::throw_errno(fmt::format("write '{}' to '{}'", value, file.string()));
}

bool has_words(const fs::path& file) {
  std::istringstream words(text_of(file));
  bool cpu = false;
  bool memory = false;
  for (std::string word; words >> word;) {
    cpu |= word == "cpu";
    memory |= word == "memory";
  }
  return cpu && memory;
}

bool is_delegated(const fs::path& cgroup) {
  std::array<char, 8> value{};
  return ::getxattr(cgroup.c_str(), "user.delegate", value.data(), value.size() - 1) == 1 && value[0] == '1';
}

/// A cgroup has processes or parts, not both; the root alone may have both.
void empty_into(const fs::path& cgroup, const fs::path& part) {
  fs::create_directory(part);
  std::istringstream processes(text_of(cgroup / "cgroup.procs"));
  for (std::string process; processes >> process;)
    write_value(part / "cgroup.procs", process);
}

/// Why parts with limits cannot be made of it; empty: they can.
std::string refusal(const fs::path& cgroup) {
  if (!has_words(cgroup / "cgroup.controllers"))
    return "it has no controllers of processors and memory";
  for (const auto& file : {cgroup, cgroup / "cgroup.procs", cgroup / "cgroup.subtree_control"})
    if (::access(file.c_str(), W_OK) != 0)
      return "it is not ours to write to";
  const bool is_root = !fs::exists(cgroup / "cgroup.type");
  if (!is_root && !text_of(cgroup / "cgroup.procs").empty())
    return "it has processes of its own";
  try {
    if (!has_words(cgroup / "cgroup.subtree_control"))
      write_value(cgroup / "cgroup.subtree_control", kControllers);
  } catch (const support::Error& error) {
    return error.what();
  }
  return {};
}

CgroupSupport find_base() {
  const fs::path mount = parse_cgroup_mount(text_of("/proc/self/mountinfo"));
  if (mount.empty())
    return {{}, "this machine has no cgroups of version 2"};
  const fs::path path = fs::path(parse_cgroup(text_of("/proc/self/cgroup"))).relative_path();
  const fs::path own = path.empty() ? mount : mount / path;
  try {
    if (is_delegated(own))
      empty_into(own, own / kMain);
  } catch (const std::exception&) {
    // Then its processes are still there, which is the reason that is told.
  }
  std::string reason;
  for (fs::path at = own;; at = at.parent_path()) {
    const std::string why = refusal(at);
    if (why.empty())
      return {at, {}};
    if (reason.empty())
      reason = fmt::format("no cgroup is delegated to us: '{}': {}", at.string(), why);
    if (at == mount)
      break;
  }
  return {{}, reason};
}

/// The machine's folder is <fleet>/instances/<id>.
fs::path place_of(const fs::path& folder) {
  const std::string fleet = support::sha256(folder.parent_path().parent_path().string()).substr(0, 12);
  return probe_cgroups().base / kOurs / fleet / folder.filename();
}

/// Where a machine's cgroup is noted: the machine itself cannot write there.
fs::path note_of(const fs::path& folder) {
  return folder.parent_path() / fmt::format(".{}.cgroup", folder.filename().string());
}

fs::path noted(const fs::path& folder) {
  return text_of(note_of(folder));
}

void make(const fs::path& cgroup) {
  fs::create_directories(cgroup.parent_path());
  for (const auto& parent : {cgroup.parent_path().parent_path(), cgroup.parent_path()})
    write_value(parent / "cgroup.subtree_control", kControllers);
  fs::create_directory(cgroup);
}

/// Whoever removes the last machine's cgroup meanwhile removes those above it.
void make_persistently(const fs::path& cgroup) {
  for (int attempt = 0; attempt < 3; ++attempt)
    try {
      return make(cgroup);
    } catch (const std::exception&) {
      continue;
    }
  make(cgroup);
}

}  // namespace

std::string cpu_limit(const Size& size) {
  // In microseconds of each tenth of a second; a quarter of a processor is for QEMU's own work.
  return fmt::format("{} 100000", size.cpus * 100000 + 25000);
}

std::string memory_limit(const Size& size, machine::Accelerator accelerator) {
  const auto translated =
      accelerator == machine::Accelerator::Tcg ? machine::kTranslationBuffer : std::uint64_t{0};
  return std::to_string(size.memory + kOverhead + translated);
}

fs::path parse_cgroup_mount(const std::string& mountinfo) {
  std::istringstream lines(mountinfo);
  for (std::string line; std::getline(lines, line);) {
    const auto end = line.find(" - ");
    if (end == std::string::npos || !line.substr(end).starts_with(" - cgroup2 "))
      continue;
    std::istringstream words(line);  // ID, parent, device, root, mount point
    std::string word;
    for (int i = 0; i < 5; ++i)
      words >> word;
    return word;
  }
  return {};
}

std::string parse_cgroup(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("0::"))
      return line.substr(3);
  return {};
}

const CgroupSupport& probe_cgroups() {
  static const CgroupSupport support = find_base();
  return support;
}

void hold(pid_t process, const fs::path& folder, const Size& size, machine::Accelerator accelerator) {
  if (probe_cgroups().base.empty())
    return;
  const fs::path cgroup = place_of(folder);
  try {
    support::write_file_atomic(note_of(folder), cgroup.string(), 0600, support::Sync::No);
    make_persistently(cgroup);
    write_value(cgroup / "cpu.max", cpu_limit(size));
    write_value(cgroup / "memory.max", memory_limit(size, accelerator));
    write_value(cgroup / "cgroup.procs", std::to_string(process));
  } catch (const std::exception&) {
    release(folder);  // limits_of() tells that it has none
  }
}

std::string limits_of(pid_t process) {
  const fs::path path = parse_cgroup(text_of(fmt::format("/proc/{}/cgroup", process)));
  if (path.parent_path().parent_path().filename() == kOurs)
    return "cgroup";
  const auto& support = probe_cgroups();
  return "none: " + (support.base.empty() ? support.reason : "it was started without");
}

bool wanted_more(const fs::path& folder) {
  const fs::path cgroup = noted(folder);
  const std::string events = cgroup.empty() ? "" : text_of(cgroup / "memory.events");
  const auto at = events.find("oom_kill ");
  return at != std::string::npos && std::atoi(events.c_str() + at + 9) > 0;
}

void release(const fs::path& folder) {
  const fs::path cgroup = noted(folder);
  if (cgroup.empty())
    return;
  // Threads of a process that has been killed may end later than itself.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (::rmdir(cgroup.c_str()) != 0 && errno == EBUSY && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  // Those above go with the last one in them.
  if (::rmdir(cgroup.parent_path().c_str()) == 0)
    ::rmdir(cgroup.parent_path().parent_path().c_str());
  std::error_code ignored;
  fs::remove(note_of(folder), ignored);
}

}  // namespace vmfleet::driver
