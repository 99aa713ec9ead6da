// SPDX-License-Identifier: Apache-2.0
// What errors mean: a row for each that bpfld can say more about than the message. The first row
// that fits explains. hints.cc looks for it and fills in its texts.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "cli/hints.h"

namespace bpfld::cli {

inline constexpr int kAnyErrno = 0;

// view: when a row applies.
class Phases {
 public:
  constexpr Phases(Phase phase) : bits_(1u << static_cast<u32>(phase)) {}
  constexpr Phases(Phase one, Phase other)
      : bits_(1u << static_cast<u32>(one) | 1u << static_cast<u32>(other)) {}
  constexpr bool has(Phase phase) const { return (bits_ >> static_cast<u32>(phase) & 1) != 0; }

 private:
  u32 bits_;
};

// spec: one explanation. The texts may hold {message}, {object}, {program}, {name}, {section},
// {kernel} (with --btf: the file), {btf} (with --btf: the file, as an operand), {uid}, {lockdown},
// {lsm}, {memlock}, {type}, {since}, {map}, {maptype}, {mapsince} and {size}.
struct HintRow {
  std::string_view id;
  Phases phases;
  std::optional<Code> code;
  int errno_value;
  std::string_view says;  // a part of the error's message; empty: any
  bool (*when)(const Situation&);
  Exit exit;
  std::string_view what;  // empty: "{message}"
  std::string_view why;
  std::string_view hint;
};

std::span<const HintRow> hint_rows();

// The program of the object that has the function which the situation's program names; null if
// none.
const loader::ProgramSpec* owner_of_function(const Situation& s);

}  // namespace bpfld::cli
