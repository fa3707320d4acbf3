#pragma once
// The writers behind the table of formats: one file each, named as the format.

#include "format/format.hpp"

namespace vmimage::format {

void write_qcow2(const Job& job);
void write_qcow2_zstd(const Job& job);
void write_raw(const Job& job);
void write_raw_gz(const Job& job);
void write_vmdk(const Job& job);
void write_ova(const Job& job);
void write_vdi(const Job& job);
void write_vhd(const Job& job);
void write_vhdx(const Job& job);
void write_gce(const Job& job);

/// Has qemu-img write the whole file: `driver` is its name for the format, `options` are more arguments.
void write_by_qemu(const Job& job, const std::string& driver, const std::vector<std::string>& options);

}  // namespace vmimage::format
