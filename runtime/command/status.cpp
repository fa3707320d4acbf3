// vmfleet status and list: what runs, and how it is.

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <optional>

#include "command/fleet.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmfleet::command {

namespace support = vmimage::support;

namespace {

struct Options {
  std::string fleet;
  bool json = false;
  bool watch = false;
};

void show(const fleet::Status& status, const Options& options) {
  if (options.json)
    fmt::print("{}\n", fleet::to_json(status).dump(options.watch ? -1 : 2));
  else
    fmt::print("{}", fleet::render(status, std::time(nullptr)));
  std::fflush(stdout);
}

/// A terminal that shows one frame after the other, and afterwards what it showed before.
class Screen {
 public:
  Screen() { write("\033[?1049h\033[?25l\033[?7l"); }  // another page, no cursor, long lines are cut
  ~Screen() { write("\033[?7h\033[?25h\033[?1049l"); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  void show(const std::string& text) {
    winsize size{};
    const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    write(fleet::redraw(text, known ? size.ws_row : 24));
  }

 private:
  static void write(const std::string& text) {
    fmt::print("{}", text);
    std::fflush(stdout);
  }
};

void show_status(const Options& options) {
  const auto fleet = choose_fleet(options.fleet);
  std::optional<Screen> screen;
  if (options.watch && !options.json && ::isatty(STDOUT_FILENO))
    screen.emplace();
  while (true) {
    const auto status = fleet->status();
    if (screen)
      screen->show(fleet::render(status, std::time(nullptr)));
    else
      show(status, options);
    if (!options.watch)
      return;
    pollfd interrupt{support::interrupt_fd(), POLLIN, 0};
    ::poll(&interrupt, 1, 1000);
    support::check_interrupt();
    if (!fleet->exists())
      return;  // it was taken down
  }
}

struct ListOptions {
  bool json = false;
  std::string driver;
  std::vector<std::string> driver_options;
};

void list(const ListOptions& options) {
  if (options.driver.empty() && !options.driver_options.empty())
    throw support::invalid("--driver-opt without --driver", "name the driver");
  if (!options.driver.empty())
    driver::find_driver(options.driver).find(parse_driver_options(options.driver_options));
  std::vector<fleet::Status> fleets;
  for (const auto& driver : driver::drivers()) {
    for (const auto& name : driver->fleets())
      try {
        fleets.push_back(driver->fleet(name)->status());
      } catch (const support::Error& error) {  // the others are there all the same
        fmt::print(stderr, "vmfleet: {}\n", error.what());
      }
    for (const auto& status : driver->gone())
      fleets.push_back(status);
  }
  if (options.json) {
    support::json document = support::json::array();
    for (const auto& status : fleets)
      document.push_back(fleet::to_json(status));
    fmt::print("{}\n", document.dump(2));
  } else if (fleets.empty()) {
    fmt::print(stderr, "vmfleet: there is no fleet; start one with 'vmfleet up IMAGE'\n");
  } else {
    fmt::print("{}", fleet::render_list(fleets));
  }
}

}  // namespace

void add_status(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("status", "Says what runs, and how it is");
  add_fleet_argument(*command, options->fleet);
  command->add_flag("--json", options->json, "For programs");
  command->add_flag("--watch", options->watch, "Again every second, until interrupted");
  command->callback([options] { show_status(*options); });
}

void add_list(CLI::App& app) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("list", "Lists the fleets");
  command->add_flag("--json", options->json, "For programs");
  command->add_option("--driver", options->driver, "Look there for fleets made from other machines")
      ->type_name("NAME");
  add_driver_options(*command, options->driver_options);
  command->callback([options] { list(*options); });
}

}  // namespace vmfleet::command
