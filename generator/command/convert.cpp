// vmimage convert: any format from any.

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "command/command.hpp"
#include "command/print.hpp"
#include "format/check.hpp"
#include "image/formats.hpp"
#include "inspect/image.hpp"
#include "inspect/opened.hpp"
#include "recipe/service.hpp"
#include "support/error.hpp"
#include "support/json.hpp"
#include "support/progress.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;
using support::invalid;

namespace {

struct Options {
  fs::path image;
  std::vector<std::string> formats;
  fs::path output;
  int cpus = 0;
  std::string memory;
  bool json = false;
  bool quiet = false;
};

/// Beside the image, under its name without what says the format.
fs::path beside(const fs::path& image, const format::Format& format) {
  const std::string name = image.filename().string();
  std::size_t extension = fs::path(name).extension().string().size();
  for (const auto& known : format::all())
    if (name.size() > known.extension.size() && name.ends_with(known.extension))
      extension = std::max(extension, known.extension.size());
  return image.parent_path() / (name.substr(0, name.size() - extension) + format.extension);
}

std::vector<image::Target> targets_of(const Options& options, const fs::path& image) {
  std::vector<image::Target> targets;
  std::set<std::string> seen;
  for (const auto& name : options.formats) {
    const format::Format& format = format::find(name);
    if (!seen.insert(name).second)
      throw invalid(fmt::format("--to has '{}' twice", name), "name each format once");
    fs::path file = beside(image, format);
    if (fs::is_directory(options.output))
      file = options.output / file.filename();
    else if (!options.output.empty())
      file = options.output;
    if (fs::exists(file) && fs::equivalent(image, file))
      throw invalid(fmt::format("'{}' is the image itself", file.string()),
                    "give another file with --output");
    targets.push_back({&format, file});
  }
  if (targets.size() > 1 && !options.output.empty() && !fs::is_directory(options.output))
    throw invalid(
        fmt::format("'{}' is no folder, and several formats are asked for", options.output.string()),
        "give a folder with --output");
  return targets;
}

/// From the manifest in the image; an image that has none is taken as it is.
format::Description describe(const Options& options, const format::Source& source) {
  inspect::Opened opened(source, format::open_checked(source));
  const auto manifest = opened.manifest();
  format::Description about =
      manifest ? image::describe(*manifest) : image::describe_foreign(source, opened.device());
  if (options.cpus > 0)
    about.cpus = options.cpus;
  if (!options.memory.empty())
    about.memory = recipe::parse_size(options.memory);
  return about;
}

void print(const Options& options, const fs::path& image, const std::vector<image::Target>& targets) {
  if (!options.json) {
    for (const auto& target : targets)
      fmt::print("{}\n", target.file.string());
    return;
  }
  support::json files = support::json::array();
  for (const auto& target : targets)
    files.push_back({{"format", target.format->name},
                     {"path", target.file.string()},
                     {"size", fs::file_size(target.file)}});
  print_json({{"version", 1}, {"image", image.string()}, {"files", files}});
}

void convert(const Options& options) {
  const fs::path image = inspect::image_of(options.image);
  const auto targets = targets_of(options, image);
  {
    using Mode = support::Progress::Mode;
    support::Progress progress(options.quiet ? Mode::Quiet : support::Progress::detect());
    progress.step("reading " + image.filename().string());
    const format::Source source = format::find_disk(image);
    const format::Description about = describe(options, source);
    image::write_formats(source, about, targets, progress.report());
  }
  print(options, image, targets);
}

}  // namespace

void add_convert(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("convert", "Writes an image in other formats");
  command->add_option("image", options->image, "An image of any format, or the manifest beside one")
      ->required()
      ->type_name("IMAGE");
  command->add_option("--to", options->formats, format::names() + " (repeatable)")
      ->required()
      ->type_name("FORMAT")
      ->delimiter(',')
      ->expected(1)
      ->take_all();
  command
      ->add_option("-o,--output", options->output, "File to write, or a folder (default: beside the image)")
      ->type_name("FILE");
  command
      ->add_option("--cpus", options->cpus, "Processors that an OVA asks for (default: the image's, else 1)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--memory", options->memory, "Memory that an OVA asks for (default: the image's, else 1G)")
      ->type_name("SIZE");
  command->add_flag("--json", options->json, "Say what was written as JSON");
  command->add_flag("-q,--quiet", options->quiet, "No progress");
  command->callback([options] { convert(*options); });
}

}  // namespace vmimage::command
