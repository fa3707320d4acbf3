#include "driver/local/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

namespace vmfleet::driver {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

constexpr std::chrono::seconds kKillLimit{10};

/// The fields of /proc/<pid>/stat after the program's name, from the third ("state") on; empty: no such
/// process.
std::vector<std::string> stat_fields(pid_t pid) {
  // Read for each instance every second, and so without a stream.
  const support::Descriptor file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 4096> buffer{};
  const ssize_t size = file.open() ? ::read(file.fd, buffer.data(), buffer.size()) : 0;
  std::string_view line(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const auto name_end = line.rfind(") ");
  if (name_end == line.npos)
    return {};
  line.remove_prefix(name_end + 2);
  std::vector<std::string> fields;
  while (!line.empty()) {
    const auto field = line.substr(0, line.find_first_of(" \n"));
    fields.emplace_back(field);
    line.remove_prefix(std::min(line.size(), field.size() + 1));
  }
  return fields;
}

}  // namespace

std::optional<ProcessId> identify(pid_t pid) {
  if (pid <= 0)
    return std::nullopt;
  ::waitpid(pid, nullptr, WNOHANG);  // when it is a child of ours that has ended
  const auto fields = stat_fields(pid);
  if (fields.size() < 20 || fields[0] == "Z" || fields[0] == "X")
    return std::nullopt;
  return ProcessId{pid, std::stoull(fields[19])};
}

bool is_alive(const ProcessId& process) {
  const auto now = identify(process.pid);
  return now && *now == process;
}

ProcessEnd::ProcessEnd(const ProcessId& process)
    : process_(process), opened_(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0))) {
  if (!is_alive(process))  // what was opened may be another one
    opened_ = {};
}

bool ProcessEnd::has_come() const {
  pollfd ended{opened_.fd, POLLIN, 0};
  return (!opened_.open() || ::poll(&ended, 1, 0) != 0) && !is_alive(process_);
}

void send_signal(const ProcessId& process, int signal) {
  if (is_alive(process))
    ::kill(process.pid, signal);
}

bool wait_for_end(const ProcessId& process, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (is_alive(process)) {
    if (std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

void end_now(const ProcessId& process) {
  send_signal(process, SIGKILL);
  wait_for_end(process, kKillLimit);
}

Use use_of(pid_t pid) {
  const auto fields = stat_fields(pid);
  if (fields.size() < 22)
    return {};
  const auto ticks = std::stoull(fields[11]) + std::stoull(fields[12]);
  return {std::stoull(fields[21]) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
          static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK))};
}

std::optional<ProcessId> find_by_argument(const std::string& word) {
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator("/proc", problem)) {
    const std::string name = entry.path().filename();
    struct stat status {};
    if (name.find_first_not_of("0123456789") != std::string::npos ||
        ::stat(entry.path().c_str(), &status) != 0)
      continue;
    // What root started may have given its rights up meanwhile.
    if (::geteuid() != 0 && status.st_uid != ::geteuid())
      continue;
    const pid_t pid = std::stoi(name);
    if (has_argument(pid, word))
      return identify(pid);
  }
  return std::nullopt;
}

bool has_argument(pid_t pid, const std::string& word) {
  std::ifstream file(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  for (std::string argument; std::getline(file, argument, '\0');)
    if (argument == word)
      return true;
  return false;
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace vmfleet::driver
