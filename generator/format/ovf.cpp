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

namespace {

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

/// What hypervisors call the system in the image.
struct System {
  int cim;  ///< CIM_OperatingSystem.OSType
  const char* vmware;
  const char* virtualbox;
};

System system_of(const std::string& base) {
  if (base.starts_with("debian:") || base == "minimal")
    return {96, "debian12_64Guest", "Debian_64"};
  if (base.starts_with("ubuntu:"))
    return {94, "ubuntu64Guest", "Ubuntu_64"};
  return {101, "otherLinux64Guest", "Linux_64"};
}

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kLeastForEfi = 256 * kMiB;  // with less, UEFI has no room to start a kernel

/// An item of the virtual hardware (CIM_ResourceAllocationSettingData). Its elements come in the order of the
/// alphabet, as DSP0243 1.1 demands.
using Item = std::map<std::string, std::string>;

std::string text_of(const Item& item) {
  std::string text = "      <Item>\n";
  for (const auto& [name, value] : item)
    text += fmt::format("        <rasd:{0}>{1}</rasd:{0}>\n", name, escaped(value));
  return text + "      </Item>\n";
}

std::vector<Item> hardware(const Description& about) {
  const bool paravirtual = about.hardware == Hardware::Paravirtual;
  const std::string memory = std::to_string((about.memory + kMiB - 1) / kMiB);
  return {{{"AllocationUnits", "hertz * 10^6"},
           {"Description", "Number of virtual CPUs"},
           {"ElementName", fmt::format("{} virtual CPU(s)", about.cpus)},
           {"InstanceID", "1"},
           {"ResourceType", "3"},
           {"VirtualQuantity", std::to_string(about.cpus)}},
          {{"AllocationUnits", "byte * 2^20"},
           {"Description", "Memory size"},
           {"ElementName", fmt::format("{} MB of memory", memory)},
           {"InstanceID", "2"},
           {"ResourceType", "4"},
           {"VirtualQuantity", memory}},
          {{"Address", "0"},
           {"ElementName", paravirtual ? "SCSI controller 0" : "SATA controller 0"},
           {"InstanceID", "3"},
           {"ResourceSubType", paravirtual ? "VirtualSCSI" : "AHCI"},
           {"ResourceType", paravirtual ? "6" : "20"}},
          {{"AddressOnParent", "0"},
           {"ElementName", "disk 1"},
           {"HostResource", "ovf:/disk/vmdisk1"},
           {"InstanceID", "4"},
           {"Parent", "3"},
           {"ResourceType", "17"}},
          {{"AddressOnParent", "7"},
           {"AutomaticAllocation", "true"},
           {"Connection", "nat"},
           {"ElementName", "network card 1"},
           {"InstanceID", "5"},
           {"ResourceSubType", paravirtual ? "VmxNet3" : "E1000"},
           {"ResourceType", "10"}}};
}

}  // namespace

std::string write_ovf(const OvfPackage& package) {
  const Description& about = package.about;
  const System system = system_of(about.base);
  std::string items;
  for (const auto& item : hardware(about))
    items += text_of(item);
  return fmt::format(
      R"(<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vbox="http://www.virtualbox.org/ovf/machine">
  <References>
    <File ovf:href="{disk_file}" ovf:id="file1" ovf:size="{disk_file_size}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:capacity="{capacity}" ovf:capacityAllocationUnits="byte" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized" ovf:populatedSize="{populated}"/>
  </DiskSection>
  <NetworkSection>
    <Info>Networks</Info>
    <Network ovf:name="nat">
      <Description>The network that the service is reached through</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="{name}">
    <Info>A virtual machine</Info>
    <Name>{name}</Name>
    <OperatingSystemSection ovf:id="{cim}" vmw:osType="{vmware}">
      <Info>The operating system</Info>
      <Description>{virtualbox}</Description>
      <vbox:OSType ovf:required="false">{virtualbox}</vbox:OSType>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>{name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType>
      </System>
{items}      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="{firmware}"/>
    </VirtualHardwareSection>
    <ProductSection>
      <Info>The service</Info>
      <Product>{name}</Product>
      <Version>{version}</Version>
    </ProductSection>
  </VirtualSystem>
</Envelope>
)",
      fmt::arg("disk_file", escaped(package.disk_file)), fmt::arg("disk_file_size", package.disk_file_size),
      fmt::arg("capacity", package.capacity), fmt::arg("populated", package.populated),
      fmt::arg("name", escaped(about.name)), fmt::arg("version", escaped(about.version)),
      fmt::arg("cim", system.cim), fmt::arg("vmware", system.vmware),
      fmt::arg("virtualbox", system.virtualbox), fmt::arg("items", items),
      fmt::arg("firmware", about.memory < kLeastForEfi ? "bios" : "efi"));
}

}  // namespace vmimage::format
