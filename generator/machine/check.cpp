#include "machine/check.hpp"

#include <fmt/format.h>

#include <map>
#include <thread>

namespace vmimage::machine {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

// What systemd gives a service to stop (DefaultTimeoutStopSec) and a little.
constexpr std::chrono::seconds kPowerOff{100};
constexpr int kTailLines = 40;

std::map<std::string, std::string> client_environment(Instance& instance, const recipe::Manifest& manifest) {
  std::map<std::string, std::string> environment{{"VM_ADDRESS", "127.0.0.1"}, {"VM_NAME", instance.name()}};
  for (const auto& port : manifest.ports)
    environment[fmt::format("VM_PORT_{}", port.number)] = std::to_string(instance.host_port(port));
  return environment;
}

void run_client(Instance& instance, const Image& image, const CheckOptions& options, CheckOutcome& outcome) {
  const support::Result result = support::run({.argv = options.client,
                                               .environment = client_environment(instance, image.manifest),
                                               .timeout = options.timeout});
  outcome.client_out = result.out;
  outcome.client_err = result.err;
  const std::string client = support::quote(options.client);
  if (const auto end = result.ok() ? std::nullopt : instance.ended(std::chrono::milliseconds(0)))
    throw support::failure(fmt::format("the machine ended while the client ran: {}", *end));
  if (result.timed_out)
    throw support::failure(
        fmt::format("the client did not finish within {} s: {}", options.timeout.count(), client));
  if (result.signal)
    throw support::failure(fmt::format("the client was ended by signal {}: {}", result.signal, client));
  if (!result.ok())
    throw support::failure(
        fmt::format("the client failed with exit status {}: {}", result.exit_status, client));
}

void check(Instance& instance, Clock::time_point start, const Image& image, const CheckOptions& options,
           CheckOutcome& outcome) {
  instance.end_on_reset();
  instance.wait_healthy(options.timeout);
  if (image.manifest.health.type != recipe::HealthType::None)
    outcome.healthy_in = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  if (!options.client.empty())
    run_client(instance, image, options, outcome);
  // Without a health check the machine may still be booting, and does not notice its button for so long.
  const bool booting = image.manifest.health.type == recipe::HealthType::None;
  instance.power_off(booting ? kPowerOff + options.timeout : kPowerOff);
}

/// Throws nothing: it is a thread's function.
void check_one(const Image& image, const CheckOptions& options, const InstanceOptions& own,
               CheckOutcome& outcome) {
  outcome.name = own.name;
  try {
    const auto start = Clock::now();
    Instance instance(image, own);
    try {
      check(instance, start, image, options, outcome);
    } catch (const std::exception&) {
      outcome.serial_tail = instance.serial_tail(kTailLines);
      throw;
    }
  } catch (const support::Error& error) {
    outcome.problem = error;
  } catch (const std::exception& error) {
    outcome.problem = support::failure(error.what());
  }
}

}  // namespace

fs::path numbered(const fs::path& file, int number, int count) {
  if (file.empty() || count == 1)
    return file;
  return file.parent_path() / fmt::format("{}-{}{}", file.stem().string(), number, file.extension().string());
}

std::vector<CheckOutcome> check_instances(const Image& image, const CheckOptions& options) {
  std::vector<CheckOutcome> outcomes(static_cast<std::size_t>(options.count));
  std::vector<std::jthread> threads;  // joined when they go
  for (int number = 1; number <= options.count; ++number) {
    InstanceOptions own = options.instance;
    if (options.count > 1)
      own.name += fmt::format("-{}", number);
    own.serial_log = numbered(own.serial_log, number, options.count);
    threads.emplace_back([&image, &options, own, &outcome = outcomes[static_cast<std::size_t>(number - 1)]] {
      check_one(image, options, own, outcome);
    });
  }
  threads.clear();
  support::check_interrupt();
  return outcomes;
}

}  // namespace vmimage::machine
