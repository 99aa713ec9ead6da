// SPDX-License-Identifier: Apache-2.0
// See object_warnings.h.
#include "cli/object_warnings.h"

#include "base/format.h"
#include "cli/style.h"

namespace bpfld::cli {
namespace {

constexpr std::string_view kRebuild =
    "compile it again with -g; of tools that strip, llvm-strip -g keeps what is needed";

// "struct task_struct, struct file and 3 more types"
std::string names_of(const loader::LostRelocations& lost) {
  std::string out;
  for (std::size_t i = 0; i < lost.types.size(); i++)
    out += (i == 0 ? "" : ", ") + lost.types[i];
  if (lost.type_count > lost.types.size())
    out += format(" and {} more", count_of(lost.type_count - lost.types.size(), "type"));
  return out;
}

}  // namespace

std::optional<Report> lost_relocations(const loader::ObjectSpec& spec, std::string_view object) {
  if (!spec.lost_relocations) return std::nullopt;
  const loader::LostRelocations& lost = *spec.lost_relocations;
  Report report;
  report.severity = Severity::warning;
  report.id = "E29";
  report.hint = kRebuild;
  if (lost.type_count == 0) {
    report.what =
        format("{} has no .BTF.ext: if there were CO-RE relocations, they are lost", object);
    report.why =
        "if it reads kernel structures, then at the offsets that it was compiled with; the lines "
        "of its source are not known either";
    return report;
  }
  report.what = format("{} has lost its CO-RE relocations: {}", object,
                       lost.ext_is_missing ? "there is no .BTF.ext" : ".BTF.ext has none");
  report.why = format(
      "nothing else would name {} in .BTF; the programs read kernel structures at the offsets "
      "that they were compiled with, which may be other fields here",
      names_of(lost));
  return report;
}

}  // namespace bpfld::cli
