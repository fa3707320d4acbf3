#include "format/ovf.hpp"

#include <fmt/format.h>

#include <map>
#include <pugixml.hpp>

#include "support/error.hpp"

namespace vmimage::format {

using support::invalid;

namespace {

/// Names without their prefix: OVF's own come with one ("ovf:File") or as the default name space.
std::string_view local_name(const char* name) {
  const std::string_view text(name);
  const auto colon = text.rfind(':');
  return colon == std::string_view::npos ? text : text.substr(colon + 1);
}

std::vector<pugi::xml_node> children(const pugi::xml_node& parent, std::string_view name) {
  std::vector<pugi::xml_node> list;
  for (const auto& child : parent.children())
    if (local_name(child.name()) == name)
      list.push_back(child);
  return list;
}

std::string attribute(const pugi::xml_node& node, std::string_view name) {
  for (const auto& item : node.attributes())
    if (local_name(item.name()) == name)
      return item.value();
  return {};
}

}  // namespace

std::vector<OvfDisk> read_ovf_disks(const std::string& text, const std::string& where) {
  pugi::xml_document document;  // knows no entities but XML's own, and opens no other file
  const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size());
  if (!parsed)
    throw invalid(fmt::format("{}: failed to read the OVF descriptor at byte {}: {}", where, parsed.offset,
                              parsed.description()));
  const pugi::xml_node envelope = document.document_element();
  if (local_name(envelope.name()) != "Envelope")
    throw invalid(fmt::format("{}: the OVF descriptor is no 'Envelope' but a '{}'", where, envelope.name()));
  std::map<std::string, pugi::xml_node> files;
  for (const auto& references : children(envelope, "References"))
    for (const auto& file : children(references, "File"))
      files[attribute(file, "id")] = file;
  std::vector<OvfDisk> disks;
  for (const auto& section : children(envelope, "DiskSection"))
    for (const auto& node : children(section, "Disk")) {
      OvfDisk disk{attribute(node, "diskId"), "", "", false};
      if (const std::string reference = attribute(node, "fileRef"); !reference.empty()) {
        const auto file = files.find(reference);
        if (file == files.end())
          throw invalid(
              fmt::format("{}: the disk '{}' is in the file '{}', which is not among the OVF "
                          "descriptor's references",
                          where, disk.id, reference));
        disk.file = attribute(file->second, "href");
        disk.compression = attribute(file->second, "compression");
        disk.chunked = !attribute(file->second, "chunkSize").empty();
      }
      disks.push_back(disk);
    }
  return disks;
}

}  // namespace vmimage::format
