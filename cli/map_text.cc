// SPDX-License-Identifier: Apache-2.0
// See map_text.h.
#include "cli/map_text.h"

#include "base/escape.h"
#include "bpf/tables.h"
#include "btf/encode_value.h"
#include "btf/layout.h"
#include "btf/print_value.h"
#include "btf/types.h"

namespace bpfld::cli {
namespace {

// The type, if values of it have that size; else 0.
btf::TypeId fitting(const btf::View& view, u32 id, u32 size) {
  if (id == 0 || id >= view.count()) return {};
  const Result<u64> bytes = btf::size_of(view, {id});
  return bytes && *bytes == size ? btf::TypeId{id} : btf::TypeId{};
}

std::string hex_of(Bytes bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "hex:";
  for (const std::byte byte : bytes) {
    out += kDigits[std::to_integer<u32>(byte) >> 4];
    out += kDigits[std::to_integer<u32>(byte) & 15];
  }
  return out;
}

u64 stride_of(const bpf::MapInfo& info) {
  return (u64{info.value_size} + 7) / 8 * 8;
}

}  // namespace

MapText::MapText(bpf::MapInfo info, std::optional<loader::LoadedBtf> btf, u32 possible_cpus)
    : info_(std::move(info)), btf_(std::move(btf)), cpus_(possible_cpus) {
  if (!btf_) return;
  key_type_ = fitting(*btf_->view, info_.btf_key_type, info_.key_size);
  value_type_ = fitting(*btf_->view, info_.btf_value_type, info_.value_size);
}

bool MapText::is_section() const {
  return value_type_.value != 0 && btf_->view->type(value_type_).kind == btf::Kind::datasec;
}

std::string MapText::key_text(Bytes key) const {
  if (key_type_.value != 0) return btf::print_text(*btf_->view, key_type_, key);
  if (key.size() == sizeof(u32)) return format("{}", load_checked<u32>(key, 0));
  return hex_of(key);
}

std::string MapText::key_json(Bytes key) const {
  if (key_type_.value != 0) return btf::print_json(*btf_->view, key_type_, key);
  if (key.size() == sizeof(u32)) return format("{}", load_checked<u32>(key, 0));
  return json_string(hex_of(key));
}

std::string MapText::value_text(Bytes value) const {
  if (bpf::holds_ids(info_.type))
    return format("{} id {}", info_.type == bpf::MapType::prog_array ? "prog" : "map",
                  load_checked<u32>(value, 0));
  if (value_type_.value != 0) return btf::print_text(*btf_->view, value_type_, value);
  return hex_of(value);
}

std::string MapText::value_json(Bytes value) const {
  if (bpf::holds_ids(info_.type)) return format("{}", load_checked<u32>(value, 0));
  if (is_section()) return section_json(value);
  if (value_type_.value != 0) return btf::print_json(*btf_->view, value_type_, value);
  return json_string(hex_of(value));
}

// A data section: each variable on a line.
std::string MapText::section_text(Bytes value) const {
  const btf::View& view = *btf_->view;
  std::string out;
  for (const btf::Variable& one : btf::variables(view, view.type(value_type_))) {
    const btf::Type var = view.type(one.type);
    const Result<Bytes> bytes = slice(value, one.offset, one.size);
    out += format("{} = {}\n", escape_terminal(var.name),
                  bytes && var.kind == btf::Kind::var ? btf::print_text(view, var.type(), *bytes)
                                                      : std::string("-"));
  }
  return out;
}

std::string MapText::section_json(Bytes value) const {
  const btf::View& view = *btf_->view;
  std::string out;
  for (const btf::Variable& one : btf::variables(view, view.type(value_type_))) {
    const btf::Type var = view.type(one.type);
    const Result<Bytes> bytes = slice(value, one.offset, one.size);
    if (!bytes || var.kind != btf::Kind::var) continue;
    out += format("{}{}:{}", out.empty() ? "" : ",", json_string(var.name),
                  btf::print_json(view, var.type(), *bytes));
  }
  return "{" + out + "}";
}

std::string MapText::element_text(Bytes key, Bytes value) const {
  if (is_section()) return section_text(value);
  if (info_.key_size == 0) return value_text(value) + "\n";
  std::string out = key_text(key);
  if (!bpf::is_per_cpu(info_.type)) return out + "  " + value_text(value) + "\n";
  for (u32 cpu = 0; cpu < cpus_; cpu++) {
    const Result<Bytes> one = slice(value, cpu * stride_of(info_), info_.value_size);
    if (one) out += format("  cpu{} {}", cpu, value_text(*one));
  }
  return out + "\n";
}

std::string MapText::element_json(Bytes key, Bytes value) const {
  if (info_.key_size == 0) return format("{{\"value\":{}}}\n", value_json(value));
  if (!bpf::is_per_cpu(info_.type))
    return format("{{\"key\":{},\"value\":{}}}\n", key_json(key), value_json(value));
  std::string values;
  for (u32 cpu = 0; cpu < cpus_; cpu++) {
    const Result<Bytes> one = slice(value, cpu * stride_of(info_), info_.value_size);
    if (one) values += (cpu == 0 ? "" : ",") + value_json(*one);
  }
  return format("{{\"key\":{},\"values\":[{}]}}\n", key_json(key), values);
}

Result<std::vector<std::byte>> MapText::encode_key(std::string_view text) const {
  if (key_type_.value != 0) return btf::encode_value(*btf_->view, key_type_, text);
  return btf::encode_bytes(info_.key_size, text);
}

Result<std::vector<std::byte>> MapText::encode_value(std::string_view text) const {
  std::vector<std::byte> one;
  if (value_type_.value != 0 && !is_section())
    one = TRY(btf::encode_value(*btf_->view, value_type_, text));
  else
    one = TRY(btf::encode_bytes(info_.value_size, text));
  if (!bpf::is_per_cpu(info_.type)) return one;
  one.resize(stride_of(info_));
  std::vector<std::byte> all;
  for (u32 cpu = 0; cpu < cpus_; cpu++)
    all.insert(all.end(), one.begin(), one.end());
  return all;
}

}  // namespace bpfld::cli
