// vmimage convert: any format from any.

#include <fmt/format.h>

#include <memory>

#include "command/command.hpp"
#include "format/format.hpp"
#include "inspect/image.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmimage::command {

namespace fs = std::filesystem;

void add_convert(CLI::App& app) {
  struct Options {
    fs::path image;
    std::string format;
    fs::path output;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("convert", "Writes an image in another format");
  command->add_option("image", options->image, "An image, or its manifest")->required()->type_name("IMAGE");
  command->add_option("--to", options->format, "qcow2, raw, vmdk, vdi or vhdx")
      ->required()
      ->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "File to write (default: beside the image)")
      ->type_name("FILE");
  command->callback([options] {
    const format::Format& format = format::find(options->format);
    inspect::load_manifest(options->image);  // an error that names the cause, for what is no image of ours
    const fs::path image = inspect::image_of(options->image);
    fs::path output = options->output;
    if (output.empty())
      output = fs::path(image).replace_extension(format.extension);
    if (fs::exists(output) && fs::equivalent(image, output))
      throw support::invalid(fmt::format("'{}' is the image itself", output.string()),
                             "give another file with --output");
    support::PendingFile pending(output);
    format::convert(image, "", format, pending.path());
    pending.commit();
    fmt::print("{}\n", output.string());
  });
}

}  // namespace vmimage::command
