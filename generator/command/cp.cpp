// vmimage cp: files and folders out of an image of any format.

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "command/command.hpp"
#include "inspect/copy.hpp"
#include "inspect/opened.hpp"
#include "support/error.hpp"

namespace vmimage::command {

namespace {

struct Options {
  std::string from;
  std::string to;
  std::optional<int> partition;
};

void copy(const Options& options) {
  const auto [image, asked] = inspect::parse_location(options.from);
  inspect::Opened opened(image);
  const auto& files = opened.files(options.partition);
  const std::string path = inspect::resolve(files, asked);
  if (path.empty())
    throw support::invalid(
        fmt::format("failed to copy '{}' out of '{}': no such file", asked, image.string()));
  if (options.to == "-")
    return inspect::tar_out(files, path, STDOUT_FILENO);
  for (const auto& left_out : inspect::copy_out(files, path, options.to))
    fmt::print(stderr, "left out: {} is neither file, folder nor link\n", support::one_line(left_out));
}

}  // namespace

void add_cp(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("cp", "Copies a file or a folder out of an image of any format");
  command->add_option("from", options->from, "The image, and a file or folder in it")
      ->required()
      ->type_name("IMAGE:PATH");
  command
      ->add_option("to", options->to, "Where to: a folder to copy into, a new name, or - for a tar archive")
      ->required()
      ->type_name("DEST");
  command->add_option("--partition", options->partition, "Look at this partition instead of the root")
      ->type_name("N");
  command->callback([options] { copy(*options); });
}

}  // namespace vmimage::command
