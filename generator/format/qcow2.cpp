// qcow2 (docs/interop/qcow2.txt of QEMU), and what else qemu-img writes. It writes in the order of the disk,
// so that the same disk gives the same file.

#include <fmt/format.h>

#include <cstdlib>

#include "format/writers.hpp"
#include "support/process.hpp"

namespace vmimage::format {

namespace fs = std::filesystem;

namespace {

/// "    (12.34/100%)\r", again and again: the last number there.
double percent(std::string_view output) {
  const auto open = output.rfind('(');
  return open == std::string_view::npos ? 0
                                        : std::strtod(std::string(output.substr(open + 1)).c_str(), nullptr);
}

}  // namespace

void write_by_qemu(const Job& job, const std::string& driver, const std::vector<std::string>& options) {
  std::vector<std::string> argv{"qemu-img", "convert", "-p", "-O", driver};
  argv.insert(argv.end(), options.begin(), options.end());
  const Source& source = job.source;
  if (source.part.size == 0 && !source.driver.empty())
    argv.insert(argv.end(), {"-f", source.driver});
  argv.push_back(source.part.size ? filesystem::qemu_part(source.file, source.driver, source.part)
                                  : fs::absolute(source.file).string());
  argv.push_back(fs::absolute(job.to).string());
  const auto total = job.disk.size();
  support::run_checked({.argv = argv, .on_output = [&](std::string_view output) {
                          job.meter(static_cast<std::uint64_t>(percent(output) / 100 * total), total);
                        }});
}

void write_qcow2(const Job& job) {
  write_by_qemu(job, "qcow2", {});
}

void write_qcow2_zstd(const Job& job) {
  write_by_qemu(job, "qcow2", {"-c", "-o", "compression_type=zstd"});
}

}  // namespace vmimage::format
