// vmimage cat: the content of files in an image of any format.

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "command/command.hpp"
#include "inspect/opened.hpp"
#include "support/error.hpp"

namespace vmimage::command {

namespace {

struct Options {
  std::string location;
  std::vector<std::string> paths;
  std::optional<int> partition;
};

void print(const inspect::Reader& files, const std::string& asked, const std::string& image) {
  const std::string path = inspect::resolve(files, asked);
  if (path.empty())
    throw support::invalid(fmt::format("failed to read '{}' in '{}': no such file", asked, image));
  const auto entry = inspect::entry_of(files, path);
  if (entry.status.type != filesystem::NodeType::File)
    throw support::invalid(fmt::format("failed to read '{}' in '{}': it is no file", asked, image),
                           "'vmimage ls' lists folders");
  files.read(entry, [&](std::string_view bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size())
      support::throw_errno("write to standard output");
  });
  if (std::fflush(stdout) != 0)
    support::throw_errno("write to standard output");
}

void cat(const Options& options) {
  const auto [image, path] = inspect::parse_location(options.location);
  std::vector<std::string> paths = options.paths;
  if (path != "/")
    paths.insert(paths.begin(), path);
  if (paths.empty())
    throw support::invalid("no file is named", "give IMAGE PATH, like orders-vm.qcow2 /etc/hosts");
  inspect::Opened opened(image);
  const auto& files = opened.files(options.partition);
  for (const auto& one : paths)
    print(files, one, image.string());
}

}  // namespace

void add_cat(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("cat", "Prints files of an image of any format");
  command->add_option("image", options->location, "The image")->required()->type_name("IMAGE");
  command->add_option("path", options->paths, "Files in it")->type_name("PATH");
  command->add_option("--partition", options->partition, "Look at this partition instead of the root")
      ->type_name("N");
  command->callback([options] { cat(*options); });
}

}  // namespace vmimage::command
