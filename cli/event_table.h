// SPDX-License-Identifier: Apache-2.0
// Events as text: aligned columns, JSON lines, or a hexdump where the type is not known. Column
// widths come from the types, so that rows align without waiting for the rows after them. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/value.h"
#include "cli/style.h"

namespace bpfld::cli {

enum class OutputFormat : u8 { columns, json };

// spec: how the events of one map are shown.
class EventTable {
 public:
  // `type` empty: not known; then `btf` may be null. `btf` outlives the table.
  EventTable(std::string map_name, const btf::View* btf, std::optional<btf::TypeId> type);

  // Shows only these fields, in that order; hidden ones can be named. Names that the type does not
  // have are skipped; true if any was found.
  bool choose(std::span<const std::string> names);
  // All fields' names.
  std::vector<std::string_view> field_names() const;

  const std::string& map_name() const { return map_name_; }
  bool is_known() const { return type_.has_value(); }
  // "struct event"; empty when it is not known.
  std::string type_text() const;
  // The type ends in an array without a size: no event is too long for it.
  bool has_flexible_tail() const;
  // "PID      COMM", without a newline; empty when the type is not known.
  std::string header() const;
  // Appends one event as a row and a newline, or as a hexdump of some lines. `cpu` as below.
  void add_row(std::string& out, std::optional<u32> cpu, Bytes record) const;
  // Appends one event as a JSON object and a newline. `cpu` empty: not known.
  void add_json(std::string& out, std::optional<u32> cpu, Bytes record) const;

 private:
  struct Column {
    std::size_t field;
    std::string title;
    std::size_t width;
  };
  void add_column(std::size_t field);

  std::string map_name_;
  const btf::View* btf_;
  std::optional<btf::TypeId> type_;
  std::vector<btf::Field> fields_;
  std::vector<Column> columns_;
  std::string map_key_ = "map", cpu_key_ = "cpu";
};

// 16 bytes a line, each line indented by two spaces.
std::string hexdump(Bytes bytes);

}  // namespace bpfld::cli
