// vmfleet logs and events: what instances said, and what happened to them.

#include "supervisor/logs.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <map>
#include <memory>

#include "command/fleet.hpp"
#include "machine/serial.hpp"
#include "supervisor/events.hpp"
#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

struct Options {
  std::string fleet;
  std::string instance;
  bool follow = false;
  bool json = false;
};

/// The ids that there are logs of, oldest first ("a-2" before "a-10").
std::vector<std::string> logged(const supervisor::Place& place) {
  std::vector<std::string> ids;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(place.logs(), problem))
    if (entry.path().extension() == ".log")
      ids.push_back(entry.path().stem());
  std::sort(ids.begin(), ids.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  });
  return ids;
}

/// Prints whole lines that are new since the last call.
class Follower {
 public:
  explicit Follower(bool prefix) : prefix_(prefix) {}

  void print_new(const std::string& id, const fs::path& file, bool to_the_end) {
    Part& part = read_.try_emplace(id, Part{supervisor::LogReader(file), {}}).first->second;
    std::string text = part.rest + part.reader.read();
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
    supervisor::LogReader reader;
    std::string rest;  ///< of a line that had not ended
  };

  bool prefix_;
  std::map<std::string, Part> read_;
};

void check_instance(const std::vector<std::string>& ids, const std::string& wanted) {
  if (wanted.empty() || std::find(ids.begin(), ids.end(), wanted) != ids.end())
    return;
  const std::string guess = support::nearest(wanted, ids);
  throw support::invalid(fmt::format("there is no log of an instance '{}'", wanted),
                         guess.empty() ? "'vmfleet events' names all that there were"
                                       : fmt::format("did you mean '{}'?", guess));
}

void logs(const Options& options) {
  const auto place = choose_fleet(options.fleet);
  check_instance(logged(place), options.instance);
  Follower follower(options.instance.empty());
  while (true) {
    for (const auto& id : logged(place))
      if (options.instance.empty() || id == options.instance)
        follower.print_new(id, place.log(id), !options.follow);
    std::fflush(stdout);
    if (!options.follow || !fs::exists(place.state()))
      return;
    pollfd interrupt{support::interrupt_fd(), POLLIN, 0};
    ::poll(&interrupt, 1, 250);
    support::check_interrupt();
  }
}

void events(const Options& options) {
  const auto place = choose_fleet(options.fleet);
  for (const auto& event : supervisor::read_events(place.events()))
    fmt::print("{}", options.json ? supervisor::to_json_line(event) : supervisor::to_line(event));
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
