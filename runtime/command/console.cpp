// vmfleet console: an instance's serial console, live.

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "command/fleet.hpp"
#include "driver/local/process.hpp"
#include "machine/serial.hpp"
#include "machine/terminal.hpp"
#include "supervisor/logs.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/process.hpp"
#include "support/unix_socket.hpp"

namespace vmfleet::command {

namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

constexpr int kLinesBefore = 10;
constexpr int kLook = 50;  // milliseconds between two looks at the log

/// What is typed goes to the instance by a socket of QEMU; what it says is read from its log, which has it in
/// any case. What comes back by the socket is the same once more, and is read so that nothing waits for it.
class Line {
 public:
  explicit Line(const std::filesystem::path& path) : socket_(support::connect_unix(path)) {}

  int fd() const { return socket_.fd; }
  bool open() const { return open_; }
  bool pending() const { return !typed_.empty(); }
  void type(std::string_view text) { typed_ += text; }

  void take() {
    std::array<char, 65536> bytes;
    const auto got = ::read(socket_.fd, bytes.data(), bytes.size());
    open_ = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
  void give() {
    const auto written = ::write(socket_.fd, typed_.data(), typed_.size());
    if (written > 0)
      typed_.erase(0, static_cast<std::size_t>(written));
  }

 private:
  support::Descriptor socket_;
  std::string typed_;
  bool open_ = true;
};

/// Until Ctrl-] is typed, or the instance has ended.
void converse(supervisor::LogReader& log, const driver::ProcessId& process, Line* line) {
  const std::optional<machine::RawTerminal> raw =
      line ? std::optional<machine::RawTerminal>(std::in_place) : std::nullopt;
  bool typing = line != nullptr;
  while (true) {
    const bool alive = driver::is_alive(process);
    machine::write_out(log.read());
    if (!alive)
      return;
    std::array<pollfd, 3> polls{
        pollfd{typing && !line->pending() ? STDIN_FILENO : -1, POLLIN, 0},
        pollfd{line && line->open() ? line->fd() : -1,
               static_cast<short>(line && line->pending() ? POLLIN | POLLOUT : POLLIN), 0},
        pollfd{support::interrupt_fd(), POLLIN, 0}};
    ::poll(polls.data(), polls.size(), kLook);
    support::check_interrupt();
    if (polls[1].revents & (POLLIN | POLLHUP | POLLERR))
      line->take();
    if (polls[1].revents & POLLOUT)
      line->give();
    if (polls[0].revents) {
      const auto typed = machine::read_typed();
      line->type(typed.text);
      typing = !typed.ended;
      if (typed.left)
        return;
    }
  }
}

void console(const std::vector<std::string>& words) {
  const auto [fleet, instance] = choose_instance(words);
  const auto place = place_of(*fleet, "console on this machine");
  const auto process = driver::identify(instance.pid);
  if (instance.pid == 0 || !process)
    throw support::failure(
        fmt::format("{} does not run: it is {}", instance.id, fleet::to_string(instance.state)),
        fmt::format("'vmfleet logs --instance {}' has what it said", instance.id));
  const auto file = place.log(instance.id);
  supervisor::LogReader log(file);
  const std::string before = machine::last_lines(log.read(), kLinesBefore);
  std::optional<Line> line;
  if (::isatty(STDIN_FILENO)) {
    line.emplace(place.console(instance.id));
    fmt::print(stderr, "vmfleet: the console of {}; Ctrl-] leaves it\n", instance.id);
  }
  machine::write_out(before + "\n");
  converse(log, *process, line ? &*line : nullptr);
  if (line)
    fmt::print(stderr, "\n");
}

}  // namespace

void add_console(CLI::App& app) {
  auto words = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand(
      "console", "Shows an instance's serial console, live; on a terminal, what is typed goes to it");
  add_instance_argument(*command, *words);
  command->callback([words] { console(*words); });
}

}  // namespace vmfleet::command
