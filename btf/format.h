// SPDX-License-Identifier: Apache-2.0
// BTF's numbers: kinds, header, info word. One row per kind says how long its record is, so that
// the walk over a type section is a table look-up and an unknown kind is an error, not a
// derailment.
#pragma once

#include "base/bytes.h"
#include "base/int.h"

namespace bpfld::btf {

enum class Kind : u8 {
  void_ = 0,
  int_,
  ptr,
  array,
  struct_,
  union_,
  enum_,
  fwd,
  typedef_,
  volatile_,
  const_,
  restrict_,
  func,
  func_proto,
  var,
  datasec,
  float_,
  decl_tag,
  type_tag,
  enum64,
};
inline constexpr u32 kKindCount = 20;

}  // namespace bpfld::btf
