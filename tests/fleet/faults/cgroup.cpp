// Cgroups as the kernel has them, tried inside a guest, where they are ours alone: driver/local/cgroup holds
// processes to a size, as root and as an ordinary user to whom some were delegated. When all is as it should
// be, it listens on port 8080, and so becomes healthy.

#include "driver/local/cgroup.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace driver = vmfleet::driver;
using vmimage::machine::Accelerator;

const fs::path kRoot = "/sys/fs/cgroup";
constexpr uid_t kUser = 1000;

void require(bool right, const std::string& what) {
  if (right)
    return;
  std::cout << "cgroup: wrong: " << what << " (" << std::strerror(errno) << ")" << std::endl;
  std::_Exit(1);
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

void write_text(const fs::path& file, const std::string& text) {
  std::ofstream stream(file);
  stream << text << std::flush;
  require(stream.good(), "write to " + file.string());
}

/// A process that begins when it is told to, by the returned descriptor.
pid_t start(const std::function<void()>& work, int& go) {
  int ends[2];
  require(pipe2(ends, O_CLOEXEC) == 0, "pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    char byte = 0;
    require(read(ends[0], &byte, 1) == 1, "wait");
    work();
    std::_Exit(0);
  }
  close(ends[0]);
  go = ends[1];
  return pid;
}

int end_of(pid_t pid) {
  int status = 0;
  require(waitpid(pid, &status, 0) == pid, "waitpid");
  return status;
}

void eat() {
  std::vector<char*> pieces;
  for (int i = 0; i < 300; ++i) {
    pieces.push_back(new char[1 << 20]);
    std::memset(pieces.back(), 1, 1 << 20);
  }
}

void spin() {
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([] {
      while (getppid() != 1)  // for as long as somebody looks
        ;
    });
  for (auto& thread : threads)
    thread.join();
}

/// Starts `work` as the machine `name`, held to 1 processor and 64 + 128 MiB.
pid_t start_held(const fs::path& fleet, const std::string& name, const std::function<void()>& work) {
  const fs::path folder = fleet / "instances" / name;
  fs::create_directories(folder);
  int go = -1;
  const pid_t pid = start(work, go);
  driver::hold(pid, folder, {.cpus = 1, .memory = 64 << 20}, Accelerator::Kvm);
  require(driver::limits_of(pid) == "cgroup", "limits: " + driver::limits_of(pid));
  require(write(go, "", 1) == 1, "go");
  close(go);
  return pid;
}

void check_limits(const fs::path& base, const fs::path& fleet) {
  require(driver::probe_cgroups().base == base,
          "base: " + driver::probe_cgroups().base.string() + " " + driver::probe_cgroups().reason);
  const pid_t hungry = start_held(fleet, "one-1", eat);
  const pid_t busy = start_held(fleet, "one-2", spin);
  const int status = end_of(hungry);
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "it may eat what it likes");
  require(driver::wanted_more(fleet / "instances/one-1"), "it is not told why");
  require(!driver::wanted_more(fleet / "instances/one-2"), "it is told of another one");
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::string own = driver::parse_cgroup(text_of("/proc/" + std::to_string(busy) + "/cgroup"));
  const std::string used = text_of(kRoot / fs::path(own).relative_path() / "cpu.stat");
  require(
      used.find("nr_throttled ") != std::string::npos && used.find("nr_throttled 0\n") == std::string::npos,
      "its processors are not held: " + used);
  kill(busy, SIGKILL);
  end_of(busy);
  driver::release(fleet / "instances/one-1");
  require(fs::exists(base / "vmfleet"), "the other one's is gone");
  driver::release(fleet / "instances/one-2");
  require(!fs::exists(base / "vmfleet"), "cgroups are left");
  for (const auto& entry : fs::directory_iterator(fleet / "instances"))
    require(entry.is_directory(), "a file is left: " + entry.path().string());
}

/// In a process of its own, which forgets what was found out.
void apart(const std::function<void()>& work) {
  int go = -1;
  const pid_t pid = start(work, go);
  require(write(go, "", 1) == 1, "go");
  require(end_of(pid) == 0, "see above");
}

void become_user() {
  require(setgid(kUser) == 0 && setuid(kUser) == 0, "become another user");
}

void check_delegated() {
  const fs::path own = kRoot / "delegated";
  fs::create_directory(own);
  write_text(kRoot / "cgroup.subtree_control", "+cpu +memory");
  for (const auto* file : {".", "cgroup.procs", "cgroup.subtree_control"})
    require(chown((own / file).c_str(), kUser, kUser) == 0, "chown");
  require(setxattr(own.c_str(), "user.delegate", "1", 1, 0) == 0, "setxattr");
  write_text(own / "cgroup.procs", std::to_string(getpid()));
  become_user();
  check_limits(own, "/tmp/of-user");
}

void check_not_delegated() {
  become_user();
  require(driver::probe_cgroups().base.empty(), "it takes what is not its own");
  require(driver::limits_of(getpid()) ==
              "none: no cgroup is delegated to us: '/sys/fs/cgroup': it is not ours to write to",
          driver::limits_of(getpid()));
}

void become_healthy() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(8080);
  require(
      bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener, 16) == 0,
      "listen");
  for (int connection; (connection = accept(listener, nullptr, nullptr)) >= 0;)
    std::thread([connection] {  // until the other side closes
      char byte = 0;
      while (read(connection, &byte, 1) > 0) {
      }
      close(connection);
    })
        .detach();
}

}  // namespace

int main() {
  require(mount("cgroup2", kRoot.c_str(), "cgroup2", 0, nullptr) == 0 || errno == EBUSY, "mount");
  apart(check_not_delegated);
  apart(check_delegated);
  apart([] { check_limits(kRoot, "/tmp/of-root"); });
  std::cout << "cgroup: all as it should be" << std::endl;
  become_healthy();
}
