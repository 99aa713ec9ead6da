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

inline constexpr std::size_t kNoLimit = ~std::size_t{0};

enum class OutputFormat : u8 { columns, json };

// spec: how the events of one map are shown.
class EventTable {
 public:
  // `type` empty: not known; then `btf` may be null. `btf` outlives the table.
  // `object`: the file's name, where there are several.
  EventTable(std::string map_name, const btf::View* btf, std::optional<btf::TypeId> type,
             std::string object = {});

  // Shows only these fields, in that order; hidden ones can be named. Names that the type does not
  // have are skipped; true if any was found.
  bool choose(std::span<const std::string> names);
  // Shows a field in another way, by a name of btf/shown_as.h; a field that the type does not have
  // is skipped. Errors: usage.
  [[nodiscard]] Status show(std::string_view field, std::string_view way);
  // All fields' names.
  std::vector<std::string_view> field_names() const;

  // "events", or "a.bpf.o:events".
  std::string title() const { return object_.empty() ? map_name_ : object_ + ":" + map_name_; }
  bool is_known() const { return type_.has_value(); }
  // "struct event"; empty when it is not known.
  std::string type_text() const;
  // The type ends in an array without a size: no event is too long for it.
  bool has_flexible_tail() const;
  // "PID      COMM", without a newline; empty when the type is not known. At most `line` columns.
  std::string header(std::size_t line = kNoLimit) const;
  // Appends one event as a row and a newline, or as a hexdump of some lines. `cpu` as below. A row
  // that is wider than `line` columns is cut, and so are its values that are wider than theirs;
  // "…" says where.
  void add_row(std::string& out, std::optional<u32> cpu, Bytes record,
               std::size_t line = kNoLimit) const;
  // Appends one event as a JSON object and a newline. `cpu` empty: not known.
  void add_json(std::string& out, std::optional<u32> cpu, Bytes record) const;

 private:
  struct Column {
    std::size_t field;
    std::string title;
    std::size_t width;
  };
  void add_column(std::size_t field);
  void add_cells(std::string& out, Bytes record, std::size_t line) const;
  std::size_t column_width(const btf::Field& field, std::string_view title) const;

  std::string map_name_, object_;
  const btf::View* btf_;
  std::optional<btf::TypeId> type_;
  std::vector<btf::Field> fields_;
  std::vector<Column> columns_;
  std::string object_key_ = "object", map_key_ = "map", cpu_key_ = "cpu";
};

// 16 bytes a line, each line indented by two spaces. Lines that repeat the one before are one `*`,
// as hexdump(1) has it.
std::string hexdump(Bytes bytes);

}  // namespace bpfld::cli
