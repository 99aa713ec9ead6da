// SPDX-License-Identifier: Apache-2.0
// A report as text and as JSON; see report.h.
#include "cli/report.h"

#include "base/escape.h"
#include "base/format.h"
#include "base/near.h"

namespace bpfld::cli {
namespace {

// `key` and a text whose further lines stand below its first.
void add_lines(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  const std::string indent(key.size() + 2, ' ');
  std::string_view prefix = key;
  out += "  ";
  while (true) {
    const std::size_t end = text.find('\n');
    out += std::string(prefix) + escape_terminal(text.substr(0, end)) + '\n';
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    out += indent;
    prefix = {};
  }
}

void add_member(std::string& out, std::string_view key, std::string_view text) {
  if (!text.empty()) out += format(",\"{}\":{}", key, json_string(text));
}

}  // namespace

std::string to_text(const Report& report, const Style& style) {
  const bool is_error = report.severity == Severity::error;
  std::string title = is_error ? "error" : "warning";
  if (!report.id.empty()) title += format("[{}]", report.id);
  std::string out = style.paint(is_error ? Ink::error : Ink::warning, title) + ": " +
                    style.paint(Ink::heading, escape_terminal(report.what)) + '\n';
  add_lines(out, "--> ", report.where);
  for (const std::string& line : report.excerpt)
    out += "    " + escape_terminal(line) + '\n';
  add_lines(out, kDidYouMean, report.near);
  add_lines(out, "why: ", report.why);
  add_lines(out, "try: ", report.hint);
  return out;
}

std::string to_json(const Report& report) {
  const bool is_error = report.severity == Severity::error;
  std::string out = format("{{\"{}\":{}", is_error ? "error" : "warning",
                           json_string(report.id.empty() ? "-" : report.id));
  if (is_error) out += format(",\"exit\":{}", static_cast<u32>(report.exit));
  add_member(out, "what", report.what);
  add_member(out, "where", report.where);
  if (!report.excerpt.empty()) {
    out += ",\"excerpt\":[";
    for (std::size_t i = 0; i < report.excerpt.size(); i++)
      out += (i == 0 ? "" : ",") + json_string(report.excerpt[i]);
    out += ']';
  }
  add_member(out, "did_you_mean", report.near);
  add_member(out, "why", report.why);
  add_member(out, "try", report.hint);
  return out + "}\n";
}

}  // namespace bpfld::cli
