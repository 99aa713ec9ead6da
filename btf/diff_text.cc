// SPDX-License-Identifier: Apache-2.0
// Differences as lines; declarations of diff.h.
#include <algorithm>

#include "base/escape.h"
#include "btf/diff.h"
#include "btf/show.h"
#include "btf/types.h"

namespace bpfld::btf {
namespace {

constexpr std::size_t kMaxColumn = 44;  // of declarations; longer ones push the rest to the right

std::string_view keyword(Kind kind) {
  if (is_enum(kind)) return "enum ";
  if (kind == Kind::struct_) return "struct ";
  if (kind == Kind::union_) return "union ";
  return kind == Kind::typedef_ ? "typedef " : "";
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t have = display_width(text);
  if (have < width) text.append(width - have, ' ');
  return text;
}

std::string place_of(const DiffSide& side) {
  return "@" + offset_text(side.bit_offset, side.width);
}

std::string counts(Kind kind, u64 size, u32 count) {
  const std::string_view what = is_composite(kind) ? "member" : "value";
  return format("{} B, {} {}{}", size, count, what, count == 1 ? "" : "s");
}

// "   pid_t tgid    @2236 -> @2420", " - int x   @8", " + int y   @8".
std::string line_of(const DiffEntry& entry, bool has_places, std::size_t column) {
  const auto side_text = [&](const DiffSide& side) {
    const std::string text = escape_terminal(side.text);
    return has_places ? padded(text, column) + "  " + place_of(side) : text;
  };
  if (!entry.before) return entry.after ? " + " + side_text(*entry.after) : std::string();
  if (!entry.after) return " - " + side_text(*entry.before);
  if (entry.renamed)
    return " - " + padded(side_text(*entry.before), column + 10) + "  + " +
           side_text(*entry.after) + "  (renamed)";
  if (entry.before->text != entry.after->text)
    return " ~ " + side_text(*entry.before) + "  ->  " + escape_terminal(entry.after->text) +
           (has_places ? "  " + place_of(*entry.after) : "");
  return "   " + side_text(*entry.before) + " -> " + place_of(*entry.after);
}

}  // namespace

std::string describe(const TypeDiff& diff) {
  const std::string name = std::string(keyword(diff.kind)) + escape_terminal(diff.name);
  const bool lists = is_composite(diff.kind) || is_enum(diff.kind);
  if (diff.before == TypeId{} || diff.after == TypeId{}) return summarize(diff);
  if (!lists) {
    if (diff.text_before == diff.text_after) return name + "  is the same\n";
    return format(" - {}\n + {}\n", diff.text_before, diff.text_after);
  }
  std::string out =
      format("{}   {}  ->  {}\n", name, counts(diff.kind, diff.size_before, diff.count_before),
             counts(diff.kind, diff.size_after, diff.count_after));
  if (diff.text_before != diff.text_after)
    out += format(" - {}\n + {}\n", diff.text_before, diff.text_after);
  std::size_t column = 0;
  for (const DiffEntry& entry : diff.entries)
    for (const std::optional<DiffSide>& side : {entry.before, entry.after})
      if (side)
        column = std::max(column, std::min(display_width(escape_terminal(side->text)), kMaxColumn));
  for (const DiffEntry& entry : diff.entries)
    out += line_of(entry, is_composite(diff.kind), column) + "\n";
  if (diff.entries.empty() && diff.text_before == diff.text_after) out += "   nothing differs\n";
  return out;
}

std::string summarize(const TypeDiff& diff) {
  const std::string name = std::string(keyword(diff.kind)) + escape_terminal(diff.name);
  const bool sized = is_composite(diff.kind) || is_enum(diff.kind);
  if (diff.before == TypeId{})
    return sized ? format("+ {}  {} B\n", name, diff.size_after)
                 : format("+ {}\n", diff.text_after);
  if (diff.after == TypeId{})
    return sized ? format("- {}  {} B\n", name, diff.size_before)
                 : format("- {}\n", diff.text_before);
  if (!sized) return format("~ {}  ->  {}\n", diff.text_before, diff.text_after);
  u32 added = 0, removed = 0, changed = 0;
  for (const DiffEntry& entry : diff.entries) {
    added += !entry.before ? 1 : 0;
    removed += !entry.after ? 1 : 0;
    changed += entry.before && entry.after ? 1 : 0;
  }
  std::string out = format("~ {}  {}", name, diff.size_before);
  if (diff.size_before != diff.size_after) out += format(" -> {}", diff.size_after);
  out += " B";
  if (added != 0 || removed != 0) out += format(", +{} -{}", added, removed);
  if (changed != 0) out += format(", {} moved or changed", changed);
  return out + "\n";
}

}  // namespace bpfld::btf
