// SPDX-License-Identifier: Apache-2.0
// Headers, rows and the count; see event_printer.h.
#include "cli/event_printer.h"

#include "base/escape.h"

namespace bpfld::cli {
namespace {

constexpr u64 kPerfPadding = 7;  // a sample's size and its 4-byte length are rounded up to 8

}  // namespace

void EventPrinter::add(u32 map, EventTable table, u64 size) {
  tables_.emplace(map, Entry{.table = std::move(table), .size = size, .largest = 0});
}

void EventPrinter::begin() {
  if (tables_.size() == 1 && options_.format == OutputFormat::columns) {
    switch_to(tables_.begin()->first, tables_.begin()->second);
    flush();
  }
}

// One map: its header once. Several: each block of rows says whose they are.
void EventPrinter::switch_to(u32 map, const Entry& entry) {
  current_ = map;
  if (!options_.header) return;
  std::string out;
  if (tables_.size() > 1) out += escape_terminal(entry.table.title()) + ":\n";
  const std::string header = entry.table.header(line_width());
  if (!header.empty()) out += style_.paint(Ink::heading, header) + '\n';
  streams_.out.write(out);
}

// On a terminal rows are cut, which keeps them readable; what is written elsewhere is whole.
std::size_t EventPrinter::line_width() const {
  const std::size_t columns = is_terminal_ ? streams_.out.columns() : 0;
  return columns != 0 ? columns : kNoLimit;
}

bool EventPrinter::event(u32 map, std::optional<u32> cpu, Bytes record) {
  const auto found = tables_.find(map);
  if (found == tables_.end()) return true;
  Entry& entry = found->second;
  line_.clear();
  if (options_.format == OutputFormat::json) {
    entry.table.add_json(line_, cpu, record);
  } else {
    if (current_ != map) switch_to(map, entry);
    entry.table.add_row(line_, cpu, record, line_width());
  }
  streams_.out.write(line_);
  if (record.size() > entry.largest) entry.largest = record.size();
  count_++;
  return !limit_reached() && !output_closed();
}

std::vector<std::string> EventPrinter::oversized() const {
  std::vector<std::string> out;
  for (const auto& [map, entry] : tables_) {
    if (!entry.table.is_known() || entry.table.has_flexible_tail()) continue;
    if (entry.largest > kPerfPadding && entry.largest - kPerfPadding > entry.size)
      out.push_back(
          format("map {}: events have up to {} bytes, but {} has {}; is it the right type?",
                 escape_terminal(entry.table.title()), entry.largest, entry.table.type_text(),
                 entry.size));
  }
  return out;
}

}  // namespace bpfld::cli
