// SPDX-License-Identifier: Apache-2.0
// Where events go: onto standard output, each by the table of the map that it came from.
#pragma once

#include <map>
#include <optional>

#include "cli/event_table.h"
#include "cli/stream.h"
#include "cli/style.h"

namespace bpfld::cli {

struct PrinterOptions {
  OutputFormat format = OutputFormat::columns;
  bool header = true;
  u64 limit = ~u64{0};  // events
};

class EventPrinter {
 public:
  EventPrinter(Streams& streams, const Style& style, const PrinterOptions& options)
      : streams_(streams),
        style_(style),
        options_(options),
        is_terminal_(streams.out.is_terminal()) {}

  // The table of the events of map number `map`; `size` is what its type says, in bytes.
  void add(u32 map, EventTable table, u64 size);
  // Prints the header before the first event, if it is clear which one it will be.
  void begin();

  // False when that was enough: the limit is reached, or nobody reads any more.
  bool event(u32 map, std::optional<u32> cpu, Bytes record);
  void flush() { streams_.out.flush(); }
  // For waiting: becomes readable when the reader of our output goes away; -1 when that cannot be.
  int output_fd() const { return streams_.out.pipe_fd(); }
  // After waiting.
  void look_for_reader() { streams_.out.look_for_reader(); }

  u64 count() const { return count_; }
  bool limit_reached() const { return count_ >= options_.limit; }
  bool output_closed() const { return streams_.out.closed() || streams_.out.error() != 0; }
  // Maps with events that are longer than their type, beyond the padding of perf samples.
  std::vector<std::string> oversized() const;

 private:
  struct Entry {
    EventTable table;
    u64 size = 0;
    u64 largest = 0;  // bytes of the largest event
  };
  void switch_to(u32 map, const Entry& entry);
  std::size_t line_width() const;

  Streams& streams_;
  Style style_;
  PrinterOptions options_;
  bool is_terminal_;
  std::map<u32, Entry> tables_;
  std::optional<u32> current_;
  std::string line_;
  u64 count_ = 0;
};

}  // namespace bpfld::cli
