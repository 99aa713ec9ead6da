// SPDX-License-Identifier: Apache-2.0
// One type as people ask for it: a struct with the offset of each member, an enum with its values,
// a function with its parameters. Not for compilers: c_header.h is.
//
//   struct list_head  16 B, 2 members  [12]
//        0  struct list_head *next;
//        8  struct list_head *prev;
#pragma once

#include <string>
#include <string_view>

#include "btf/layout.h"

namespace bpfld::btf {

// "struct list_head", "typedef u32", "int tcp_v4_connect(struct sock *sk, ...)": one line, escaped.
std::string title_of(const View& view, TypeId id);
// The type and, below, what is in it. Escaped, ends with a newline.
std::string show_type(const View& view, TypeId id);
// "16", or "16:3" for the fourth bit of byte 16.
std::string offset_text(u64 bit_offset, u32 width);

}  // namespace bpfld::btf
