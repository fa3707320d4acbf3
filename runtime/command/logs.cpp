// vmfleet logs and events: what instances said, and what happened to them.

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <memory>

#include "command/fleet.hpp"
#include "machine/serial.hpp"
#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmfleet::command {

namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

struct Options {
  std::string fleet;
  std::string instance;
  bool follow = false;
  bool json = false;
};

/// Prints whole lines that are new since the last call.
class Follower {
 public:
  explicit Follower(bool prefix) : prefix_(prefix) {}

  void print_new(driver::Fleet& fleet, const std::string& id, bool to_the_end) {
    Part& part = read_[id];
    if (!part.log)
      part.log = fleet.log(id);
    std::string text = part.rest + part.log->read();
    const auto end = to_the_end ? text.size() : text.rfind('\n') + 1;  // npos + 1 is 0
    part.rest = text.substr(end);
    text.resize(end);
    for (std::size_t start = 0; start < text.size();) {
      const auto stop = std::min(text.find('\n', start), text.size());
      const std::string line = machine::without_control(text.substr(start, stop - start));
      fmt::print("{}{}\n", prefix_ ? id + "  " : "", line);
      start = stop + 1;
    }
  }

 private:
  struct Part {
    std::unique_ptr<driver::Log> log;
    std::string rest;  ///< of a line that had not ended
  };

  bool prefix_;
  std::map<std::string, Part> read_;
};

void check_instance(const std::vector<std::string>& ids, const std::string& wanted) {
  if (wanted.empty() || std::find(ids.begin(), ids.end(), wanted) != ids.end())
    return;
  throw support::invalid(fmt::format("there is no log of an instance '{}'", wanted),
                         support::did_you_mean(wanted, ids, "'vmfleet events' names all that there were"));
}

void logs(const Options& options) {
  const auto fleet = choose_fleet(options.fleet);
  check_instance(fleet->logged(), options.instance);
  Follower follower(options.instance.empty());
  while (true) {
    for (const auto& id : fleet->logged())
      if (options.instance.empty() || id == options.instance)
        follower.print_new(*fleet, id, !options.follow);
    std::fflush(stdout);
    if (!options.follow || !fleet->exists())
      return;
    pollfd interrupt{support::interrupt_fd(), POLLIN, 0};
    ::poll(&interrupt, 1, 250);
    support::check_interrupt();
  }
}

void events(const Options& options) {
  const auto fleet = choose_fleet(options.fleet);
  for (const auto& event : fleet->events())
    fmt::print("{}", options.json ? fleet::to_json_line(event) : fleet::to_line(event));
}

}  // namespace

void add_logs(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("logs", "Prints what the instances said, also those that are gone");
  add_fleet_argument(*command, options->fleet);
  command->add_flag("-f,--follow", options->follow, "Go on printing, until interrupted");
  command->add_option("--instance", options->instance, "Only this one")->type_name("ID");
  command->callback([options] { logs(*options); });
}

void add_events(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("events", "Prints what happened");
  add_fleet_argument(*command, options->fleet);
  command->add_flag("--json", options->json, "For programs: one object per line");
  command->callback([options] { events(*options); });
}

}  // namespace vmfleet::command
