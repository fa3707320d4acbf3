#include "driver/aws/fleet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "driver/aws/template.hpp"
#include "publish/prepare.hpp"
#include "publish/registry.hpp"
#include "support/file.hpp"
#include "support/process.hpp"
#include "support/progress.hpp"

namespace vmfleet::driver::aws {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

/// What a plan shows where an AMI is not published yet.
constexpr const char* kNoAmi = "ami-00000000000000000";

std::unique_ptr<vmimage::publish::Registry> open(const Options& options) {
  return vmimage::publish::open_registry("aws", {options.profile, options.region});
}

/// The AMI of the image, which is made unless it is there.
std::string publish_image(const Options& options, const fs::path& image) {
  support::Progress progress(support::Progress::detect());
  return vmimage::publish::publish_image(*open(options), image, progress.report());
}

/// The same of one that is there.
std::string published_image(const Options& options, const std::string& digest) {
  for (const auto& one : open(options)->list())
    if (one.digest == digest && one.whole)
      return one.id;
  return kNoAmi;
}

/// This machine's, as the time zone database names it: schedules mean it.
std::string time_zone() {
  const std::string zones = "zoneinfo/";
  std::error_code none;
  const std::string link = fs::read_symlink("/etc/localtime", none);
  const auto at = link.find(zones);
  return at == std::string::npos ? "Etc/UTC" : link.substr(at + zones.size());
}

std::chrono::milliseconds now() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

}  // namespace

Cloud& AwsFleet::cloud() {
  if (!cloud_) {
    const auto account = note_.read();
    cloud_.emplace(account.value("profile", ""), account.value("region", ""));
  }
  return *cloud_;
}

void AwsFleet::remember(const std::string& profile, const std::string& region) {
  note_.write({{"profile", profile}, {"region", region}});
}

std::optional<fleet::Spec> AwsFleet::spec() {
  if (!note_.exists())
    return std::nullopt;
  const auto look = find();
  return look ? std::optional(look->record.spec) : std::nullopt;
}

void AwsFleet::check(const Wanted& wanted) {
  const Options options = read_options(wanted.spec.driver_options);
  if (!wanted.spec.secrets.empty())
    throw support::invalid(
        "the driver 'aws' brings no secrets to instances: everybody who may read the stack could read them",
        "keep them in Secrets Manager or Parameter Store, let instances read them with --driver-opt "
        "secrets=ARN, and tell the service their names with --env");
  if (!wanted.spec.network.bridge.empty())
    throw support::invalid("a bridge is for the driver 'local'",
                           "here, the network is --driver-opt subnets=ID,...");
  if (!wanted.manifest.volumes.empty())
    throw support::invalid("the driver 'aws' has no volumes yet, and the image asks for some");
  if (!cloud_)
    cloud_.emplace(options.profile, options.region);
  record_for(wanted, kNoAmi, std::nullopt);
  const auto size = fleet::instance_size(wanted.spec, wanted.manifest.size);
  if (options.instance_type.empty())
    return;
  const auto type = cloud_->instance_type(options.instance_type);
  if (!type)
    throw support::invalid(
        fmt::format("there is no instance type '{}' in {}", options.instance_type, cloud_->region()),
        "leave instance_type out for the smallest one that is large enough");
  check_type(*type, size);
}

Launch AwsFleet::launch_of(const Wanted& wanted, const std::string& ami) {
  const Options options = read_options(wanted.spec.driver_options);
  const auto size = fleet::instance_size(wanted.spec, wanted.manifest.size);
  return {.spec = wanted.spec,
          .digest = wanted.manifest.digest,
          .ami = ami,
          .instance_type = options.instance_type.empty() ? smallest_type(size) : options.instance_type,
          .ports = wanted.manifest.ports,
          .health = wanted.manifest.health};
}

/// What the fleet becomes. Throws Error{Usage} for what cannot be.
Record AwsFleet::record_for(const Wanted& wanted, const std::string& ami, const std::optional<Look>& look) {
  const Options options = read_options(wanted.spec.driver_options);
  const Launch launch = launch_of(wanted, ami);
  const auto rules = wanted.rollout.value_or(wanted.spec.rollout);
  Record record{.spec = wanted.spec, .network = {}, .launch = launch, .before = {}, .rollout = {}};
  record.rollout.rules = rules;
  record.rollout.to = launch.spec.image;
  if (look) {
    record = present(*look);
    record.spec = wanted.spec;
    record.stopped = false;
    if (differ(record.launch, launch)) {
      record.before = record.launch;
      record.launch = launch;
      record.rollout = fleet::begin(record.rollout.number + 1, rules, false, false, now());
      record.rollout.from = record.before->spec.image;
      record.rollout.to = launch.spec.image;
    } else {
      record.launch = launch;
    }
  }
  record.network = cloud().network(options.subnets);
  if (record.spec.autoscale)
    record.time_zone = time_zone();
  check_record(record);
  return record;
}

std::string AwsFleet::plan(const Wanted& wanted) {
  check(wanted);
  const Options options = read_options(wanted.spec.driver_options);
  const auto look = find();
  const std::string ami = published_image(options, wanted.manifest.digest);
  if (ami == kNoAmi)
    fmt::print(stderr, "vmfleet: the image is not published yet, which 'up' does: {} stands for its AMI\n",
               ami);
  const std::string text = to_text(make_template(record_for(wanted, ami, look)));
  if (!look) {
    fmt::print(stderr, "vmfleet: the stack '{}' would be made\n", stack_);
    return text;
  }
  const auto changes = cloud_->changes(stack_, text);
  if (changes.empty())
    fmt::print(stderr, "vmfleet: the stack '{}' would stay as it is\n", stack_);
  for (const auto& line : changes)
    fmt::print(stderr, "vmfleet: {}: {}\n", stack_, line);
  return text;
}

Change AwsFleet::apply(const Wanted& wanted) {
  check(wanted);
  const auto alone = note_.lock();
  const Options options = read_options(wanted.spec.driver_options);
  const auto before = find();
  if (before && before->stack.busy() && !before->stack.stillborn() &&
      before->stack.status.find("CLEANUP") == std::string::npos)
    throw support::invalid(fmt::format("a change of '{}' is under way", name_),
                           fmt::format("wait until it is done, or 'vmfleet rollback {}'", name_));
  const std::string ami = publish_image(options, wanted.spec.image);
  remember(options.profile, cloud().region());
  last_.reset();
  if (!before) {
    cloud().create(stack_, to_text(make_template(record_for(wanted, ami, std::nullopt))), name_);
    return {true, false, 0};
  }
  const Look look = idle();
  return change(look, record_for(wanted, ami, look));
}

/// Tells CloudFormation, unless it is so already.
Change AwsFleet::change(const Look& look, const Record& record) {
  last_.reset();
  told_ = record.rollout.number;
  const auto text = to_text(make_template(record));
  const bool same = ordered_json::parse(text) == make_template(look.record);
  const bool changed = !same && cloud().update(stack_, text) == Told::Changed;
  return {changed, changed && look.record.stopped && !record.stopped, record.rollout.number};
}

Change AwsFleet::roll_back() {
  Look look = require();
  if (look.stack.status == "UPDATE_IN_PROGRESS") {
    cloud().cancel_update(stack_);
    last_.reset();
    // It is the undoing of that change, which has a number of its own.
    return {true, false, look.record.rollout.number + 1};
  }
  look = idle();
  if (!look.record.before)
    throw support::invalid(fmt::format("there is nothing before this that '{}' could go back to", name_));
  Record record = present(look);
  const Launch launch = *record.before;
  if (!cloud().has_image(launch.ami))
    throw support::failure(fmt::format("the AMI '{}' that '{}' would go back to is gone", launch.ami, name_),
                           "'vmfleet deploy' publishes an image again");
  record.before = record.launch;
  record.launch = launch;
  record.spec.image = launch.spec.image;
  record.spec.environment = launch.spec.environment;
  record.spec.cpus = launch.spec.cpus;
  record.spec.memory = launch.spec.memory;
  record.rollout = fleet::begin(record.rollout.number + 1, record.spec.rollout, true, false, now());
  record.rollout.from = record.before->spec.image;
  record.rollout.to = launch.spec.image;
  return change(look, record);
}

/// What CloudFormation has done to its end, is well: it was told so of each new instance.
void AwsFleet::undo() {
  if (require().stack.status != "UPDATE_IN_PROGRESS")
    return;
  cloud().cancel_update(stack_);
  idle();  // the way back waits for words about instances, too
  last_.reset();
}

Change AwsFleet::scale(int count) {
  const Look look = idle();
  Record record = present(look);
  record.spec.count = count;
  check_record(record);
  const bool drifted = !drift(look).empty();
  Change made = change(look, record);
  // The load goes on from there; the template does not say how many there are.
  if (const auto& autoscale = record.spec.autoscale; autoscale && look.group() && !record.stopped) {
    cloud().resize(look.group()->name,
                   {autoscale->least, autoscale->most, std::clamp(count, autoscale->least, autoscale->most)});
    return {true, made.was_stopped, made.rollout};
  }
  // CloudFormation compares with what it was told last, and would leave what somebody else has set.
  if (!made.changed && drifted) {
    cloud().resize(look.group()->name, sizes(record));
    made.changed = true;
  }
  return made;
}

void AwsFleet::autoscale(const std::optional<fleet::Autoscale>& autoscale) {
  const Look look = idle();
  Record record = present(look);
  if (record.spec.autoscale && !autoscale && look.group())
    record.spec.count = look.group()->desired;
  record.spec.autoscale = autoscale;
  if (autoscale)
    record.time_zone = time_zone();
  check_record(record);
  change(look, record);
}

Change AwsFleet::restart() {
  const Look look = idle();
  const Group* group = look.group();
  if (!group || look.refreshing)
    throw support::invalid(fmt::format("a change of '{}' is under way", name_));
  cloud().refresh(group->name, look.record.spec.rollout, group->desired, look.record.spec.rules.stable);
  last_.reset();
  return {true, false, present(look).rollout.number};
}

Change AwsFleet::start() {
  const Look look = idle();
  Record record = present(look);
  record.stopped = false;
  return change(look, record);
}

void AwsFleet::stop() {
  const Look look = idle();
  Record record = present(look);
  record.stopped = true;
  change(look, record);
  while (true) {
    const Look after = idle();
    if (after.stack.back())
      throw support::failure(fmt::format("failed to stop '{}': {}", name_, after.reason));
    if (std::ranges::all_of(after.groups, [](const Group& group) { return group.members.empty(); }))
      break;
    support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  last_.reset();
}

void AwsFleet::down(Volumes) {
  const bool tidying = support::interrupted();
  if (!note_.exists())
    return;
  std::string told;
  while (const auto stack = cloud().stack(stack_)) {
    const std::string& status = stack->status;
    if (status == "UPDATE_IN_PROGRESS" && told != "cancel") {
      cloud().cancel_update(stack_);
      told = "cancel";
    } else if ((!stack->busy() || status == "CREATE_IN_PROGRESS") && told != status) {
      cloud().remove(stack_);
      told = status;
    } else if (status == "DELETE_FAILED") {
      throw support::failure(
          fmt::format("failed to remove the stack '{}': {}", stack_, reason_of(cloud().stack_events(stack_))),
          fmt::format("remove what is in its way, and 'vmfleet down {}' again", name_));
    }
    if (!tidying)
      support::check_interrupt();
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  note_.remove();
}

}  // namespace vmfleet::driver::aws
