// What publishing to AWS costs:
//   bench_aws scan <image>      CPU seconds per GiB of its data, and blocks that are not zeroes
//   bench_aws send <image> <n>  seconds and blocks of sending it, n requests at once, to where the
//   environment says

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>

#include "publish/aws/upload.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace aws = vmimage::publish::aws;
namespace support = vmimage::support;

namespace {

const support::Report kQuiet([](const std::string&) {});

double cpu_seconds() {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  double all = 0;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    ::getrusage(who, &used);
    all += seconds(used.ru_utime) + seconds(used.ru_stime);
  }
  return all;
}

void scan(const std::string& image) {
  const auto disk = aws::open_disk(image);
  double bytes = 0;
  for (const auto& extent : disk->data())
    bytes += static_cast<double>(extent.size);
  const double before = cpu_seconds();
  const auto blocks = aws::digests_of(*disk, kQuiet);
  fmt::print("{:.3f}\t{}\n", (cpu_seconds() - before) / (bytes / (1 << 30)), blocks.size());
}

void send(const std::string& image, double at_once) {
  const support::TempDir folder;
  const auto disk = aws::open_disk(image);
  aws::Identity identity("", "");
  aws::Endpoint ebs(identity, "ebs", "EBS", at_once);
  aws::Client client(ebs);
  aws::Journal journal(folder.path() / "journal");
  const std::uint64_t gigabytes = (disk->size() + (1 << 30) - 1) >> 30;
  journal.begin(
      aws::start_snapshot(
          client,
          {.gigabytes = gigabytes, .token = folder.path().filename(), .description = "bench", .tags = {}}),
      "");
  const auto begun = std::chrono::steady_clock::now();
  const auto sent = aws::send_blocks(ebs, *disk, {}, journal, kQuiet);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  fmt::print("{:.3f}\t{}\n", seconds.count(), sent.written.size());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc > 2 ? argv[1] : "";
    if (what == "scan" && argc == 3)
      scan(argv[2]);
    else if (what == "send" && argc == 4)
      send(argv[2], std::atof(argv[3]));
    else
      return fmt::print(stderr, "usage: bench_aws scan IMAGE | send IMAGE N\n"), 2;
  } catch (const support::Error& error) {
    fmt::print(stderr, "bench_aws: {}\n", error.what());
    return 1;
  }
}
