// SPDX-License-Identifier: Apache-2.0
// Request -> the bytes of `union bpf_attr`. Pure, so that the layout is tested without a kernel:
// each field is stored at its documented offset, and nothing is cast to a struct of the system's
// headers.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "bpf/request.h"

namespace bpfld::bpf {

inline constexpr u32 kAttrSize =
    168;  // sizeof(union bpf_attr) of v6.18; the tail of zeros suits all kernels

// view: the encoded attr. Its pointers point into the Request and into `output`, `log`, `insns`
// and `value` here, so it must not be copied or moved and the Request must outlive it.
struct EncodedAttr {
  Command command{};
  alignas(8) std::array<std::byte, kAttrSize> attr{};
  std::vector<std::byte> output;  // where the kernel writes a value, key or info
  std::vector<char> log;          // where the verifier writes
  std::vector<Insn> insns;        // the program with its fds filled in
  std::vector<i32> fds;           // fd_array
  std::vector<u64> pointers;      // of strings
  std::array<u32, 4> info{};      // union bpf_iter_link_info
  std::vector<std::byte> value;   // a map's value with the fds in it filled in
  u32 value_fd = 0;               // an element that is a map or a program

  EncodedAttr() = default;
  EncodedAttr(const EncodedAttr&) = delete;
  EncodedAttr& operator=(const EncodedAttr&) = delete;
};

// Fills `out` and returns true; false for the requests that are not bpf(2) calls.
bool encode(const Request& request, EncodedAttr& out);

// The name as the kernel accepts it: 15 bytes, characters outside [A-Za-z0-9_.] replaced by '_'.
std::string kernel_object_name(std::string_view name);

// Offsets in `union bpf_attr` of the fields that the kernel writes back.
inline constexpr u32 kNextIdResult = 4;      // next_id
inline constexpr u32 kTestRunResult = 4;     // test.retval
inline constexpr u32 kInfoLengthResult = 4;  // info.info_len
// log_true_size, btf_log_true_size: all of the log, its NUL included; since v6.4.
inline constexpr u32 kProgLogSizeResult = 140, kBtfLogSizeResult = 28;

// Offsets in struct bpf_btf_info.
inline constexpr u32 kBtfInfoId = 12, kBtfInfoName = 16, kBtfInfoNameLength = 24;
// The output of ObjectContents: a struct bpf_*_info of that many bytes, then the contents, whose
// length the kernel writes into the info.
inline constexpr u32 kContentsStart = 256;
inline constexpr u32 contents_length_at(const ObjectContents& contents) {
  if (contents.functions) return 144;                    // nr_func_info
  return contents.kind == ObjectKind::program ? 20 : 8;  // xlated_prog_len, btf_size
}

}  // namespace bpfld::bpf
