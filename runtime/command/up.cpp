// vmfleet up: a fleet becomes what an image or a spec says. And plan: what that would be.

#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "command/change.hpp"
#include "command/system.hpp"
#include "inspect/image.hpp"
#include "recipe/manifest.hpp"
#include "recipe/settings.hpp"
#include "supervisor/engine.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::command {

namespace fs = std::filesystem;
namespace support = vmimage::support;
namespace recipe = vmimage::recipe;

namespace {

struct Options {
  fs::path what;
  std::optional<int> count;
  std::string name;
  std::vector<std::string> environment;
  std::vector<fs::path> environment_files;
  std::vector<std::string> secrets;
  std::optional<int> port;
  std::optional<int> cpus;
  std::string memory;
  std::optional<bool> warm;
  std::optional<int> warm_pool;
  bool overcommit = false;
  bool host_loopback = false;
  std::string bridge;
  bool ipv6 = false;
  std::string driver;
  std::vector<std::string> driver_options;
  int timeout = kDefaultTimeout;
};

std::map<std::string, std::string> read_settings(const fs::path& file) {
  try {
    return recipe::parse_settings(support::read_file(file), file.string());
  } catch (const support::Error& error) {
    throw support::invalid(error.what(), error.hint());
  }
}

/// Files first: what is named by itself counts more.
void overlay_settings(fleet::Spec& spec, const Options& options) {
  if (!options.environment.empty() || !options.environment_files.empty())
    spec.environment.clear();
  for (const auto& file : options.environment_files)
    for (const auto& [key, value] : read_settings(file))
      spec.environment[key] = value;
  for (const auto& setting : options.environment) {
    const auto [key, value] = recipe::parse_setting(setting);
    spec.environment[key] = value;
  }
  if (!options.secrets.empty())
    spec.secrets.clear();
  for (const auto& secret : options.secrets) {
    const auto [name, file] = recipe::parse_secret(secret);
    spec.secrets[name] = fs::absolute(file);
  }
}

/// What the command line says of a spec; `fallback` has the rest.
void overlay(fleet::Spec& spec, const Options& options) {
  if (options.count)
    spec.count = *options.count;
  if (options.port)
    spec.port = static_cast<std::uint16_t>(*options.port);
  if (options.cpus)
    spec.cpus = *options.cpus;
  if (!options.memory.empty())
    spec.memory = recipe::parse_size(options.memory);
  spec.network.host_loopback |= options.host_loopback;
  spec.network.ipv6 |= options.ipv6;
  if (!options.bridge.empty())
    spec.network.bridge = options.bridge;
  fleet::check_network(spec.network);
  spec.warm = options.warm.value_or(spec.warm);
  spec.warm_pool = options.warm_pool.value_or(spec.warm_pool);
  spec.overcommit |= options.overcommit;
  if (!options.driver.empty())
    spec.driver = options.driver;
  for (const auto& [key, value] : parse_driver_options(options.driver_options))
    spec.driver_options[key] = value;
  overlay_settings(spec, options);
}

/// What the fleet of this name is, with whatever driver.
std::optional<fleet::Spec> present_spec(const std::string& name) {
  for (const auto& driver : driver::drivers())
    if (const auto spec = driver->fleet(name)->spec())
      return spec;
  return std::nullopt;
}

/// A fleet's name stands for one fleet, whatever drivers there are.
void require_same_driver(const fleet::Spec& wanted, const std::optional<fleet::Spec>& present) {
  if (present && present->driver != wanted.driver)
    throw support::invalid(
        fmt::format("there is a fleet '{}' already, with the driver '{}'", wanted.name, present->driver),
        fmt::format("give another name, or 'vmfleet down {}' first", wanted.name));
}

driver::Wanted read(const fs::path& what, const Options& options) {
  const auto document = read_spec(what);
  const fs::path image = fs::absolute(vmimage::inspect::image_of(document ? document->image : what));
  driver::Wanted wanted{document.value_or(fleet::Spec{}), vmimage::inspect::load_manifest(image)};
  std::string name = !options.name.empty() ? options.name : wanted.spec.name;
  if (name.empty())
    name = fleet::default_name(wanted.manifest.service);
  fleet::check_name(name);
  const auto present = present_spec(name);
  if (!document)  // what the command line does not name stays as it is
    wanted.spec = present.value_or(fleet::Spec{});
  wanted.spec.name = name;
  wanted.spec.image = image.lexically_normal();
  overlay(wanted.spec, options);
  // Once more as a document, so that both ways are held to the same rules.
  wanted.spec = fleet::parse_spec(fleet::to_json(wanted.spec), "the command line", "/");
  return wanted;
}

/// The fleets of a document, with their images; each is looked at before any starts.
std::vector<driver::Wanted> read(const fleet::System& system) {
  std::vector<driver::Wanted> fleets;
  std::set<std::string> with_address;
  for (auto spec : system) {
    spec.image = fs::absolute(vmimage::inspect::image_of(spec.image)).lexically_normal();
    const driver::Wanted wanted{spec, vmimage::inspect::load_manifest(spec.image)};
    for (const auto& other : fleet::references(spec))
      if (!with_address.contains(other))
        throw support::invalid(
            fmt::format("'{}' refers to the address of '{}', whose image has no TCP port", spec.name, other));
    if (supervisor::main_port(wanted.manifest) != 0)
      with_address.insert(spec.name);
    fleets.push_back(wanted);
  }
  return fleets;
}

fleet::Status up_one(const driver::Wanted& wanted, const Options& options) {
  require_same_driver(wanted.spec, present_spec(wanted.spec.name));
  const auto fleet = driver::find_driver(wanted.spec.driver).fleet(wanted.spec.name);
  return change_fleet(*fleet, wanted, std::chrono::seconds(options.timeout));
}

/// One after the other: each finds those that it refers to.
void up_system(const fleet::System& system, const Options& options) {
  std::map<std::string, std::string> addresses;
  for (auto wanted : read(system)) {
    wanted.spec = fleet::resolve(wanted.spec, [&](const std::string& name) { return addresses.at(name); });
    const auto status = up_one(wanted, options);
    fmt::print("{} {}\n", status.name, status.endpoint.empty() ? "-" : status.endpoint);
    std::fflush(stdout);
    if (!status.endpoint.empty())
      addresses[status.name] = address_in_guests(status.endpoint);
  }
}

void refuse_options(const CLI::App& command) {
  for (const auto* option : command.get_options())
    if (option->count() > 0 && option->nonpositional() && option->get_name() != "--timeout")
      throw support::invalid(
          fmt::format("{} is about one fleet, and several are described", option->get_name()),
          "say it in the spec");
}

void plan(const Options& options) {
  const fs::path what = spec_file(options.what);
  if (read_system(what))
    throw support::invalid("a plan is of one fleet, and several are described", "name the spec of one");
  const auto wanted = read(what, options);
  require_same_driver(wanted.spec, present_spec(wanted.spec.name));
  const auto fleet = driver::find_driver(wanted.spec.driver).fleet(wanted.spec.name);
  fmt::print("{}", fleet->plan(wanted));
}

void up(const Options& options, const CLI::App& command) {
  const fs::path what = spec_file(options.what);
  if (const auto system = read_system(what)) {
    refuse_options(command);
    up_system(*system, options);
  } else {
    print_address(up_one(read(what, options), options));
  }
}

/// What a fleet shall be, as 'up' and 'plan' are told it.
void add_options(CLI::App* command, const std::shared_ptr<Options>& options) {
  command
      ->add_option("image", options->what,
                   "An image, its manifest, a fleet spec (JSON), or a folder with fleets.json")
      ->required()
      ->type_name("IMAGE|SPEC");
  command->add_option("--count", options->count, "Number of instances")
      ->type_name("N")
      ->check(CLI::Range(0, fleet::kMaximumCount));
  command->add_option("--name", options->name, "The fleet's name (default: the service's)")
      ->type_name("NAME");
  command->add_option("--env", options->environment, "A setting for the service (repeatable)")
      ->type_name("K=V")
      ->take_all()
      ->expected(1);
  command
      ->add_option("--env-file", options->environment_files,
                   "A file of such settings, line by line (repeatable)")
      ->type_name("FILE")
      ->take_all()
      ->expected(1);
  command->add_option("--secret", options->secrets, "A secret for the service, read from a file (repeatable)")
      ->type_name("NAME=FILE")
      ->take_all()
      ->expected(1);
  command->add_option("--port", options->port, "Port of the address (default: a free one, which is kept)")
      ->type_name("P")
      ->check(CLI::Range(1, 65535));
  command->add_option("--cpus", options->cpus, "Processors of an instance (default: what the image asks for)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command->add_option("--memory", options->memory, "Memory of an instance (default: what the image asks for)")
      ->type_name("SIZE");
  command->add_flag_callback(
      "--cold", [options] { options->warm = false; },
      "Every instance boots, instead of being resumed from a snapshot of one that is healthy");
  command->add_flag_callback(
      "--warm", [options] { options->warm = true; },
      "Instances are resumed from such a snapshot (the default)");
  command
      ->add_option(
          "--warm-pool", options->warm_pool,
          "Instances that stand by, resumed and stopped, for those that are wanted next (default: 0)")
      ->type_name("N")
      ->check(CLI::Range(0, fleet::kMaximumCount));
  command->add_flag("--overcommit", options->overcommit,
                    "Even if the instances together ask for more memory than this machine has");
  command->add_flag("--host-loopback", options->host_loopback,
                    "Instances reach services on this machine's loopback network, as 10.0.2.2");
  command
      ->add_option("--bridge", options->bridge,
                   "Instances are on this bridge of the machine, with addresses of its network")
      ->type_name("NAME");
  command->add_flag("--ipv6", options->ipv6, "The fleet's address is on ::1, too");
  command->add_option("--driver", options->driver, "Where it runs (default: local)")->type_name("DRIVER");
  add_driver_options(*command, options->driver_options);
}

}  // namespace

void add_up(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("up", "Starts a fleet, or makes it what is asked for");
  add_options(command, options);
  add_timeout_option(*command, options->timeout);
  command->callback([options, command] { up(*options, *command); });
}

void add_plan(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("plan", "Shows what 'up' would tell the driver, and changes nothing");
  add_options(command, options);
  command->callback([options] { plan(*options); });
}

}  // namespace vmfleet::command
