// SPDX-License-Identifier: Apache-2.0
// struct_ops: an object implements a struct of callbacks that the kernel (or a module) declared
// ready for it, such as tcp_congestion_ops. The object knows the struct as its compiler did; this
// kernel's may have other members in other places. So members are matched by name, scalars are
// copied, and each callback's program is loaded for the number of its member. The outcome is the
// value that the kernel's map takes, but for the fds of the programs. Pure.
//
// Kernel side: kernel/bpf/bpf_struct_ops.c, kernel/bpf/verifier.c: check_struct_ops_btf_id().
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "btf/types.h"
#include "loader/profile.h"
#include "loader/spec.h"

namespace bpfld::loader {

// More than any kernel's struct of callbacks, or the value around it, has.
inline constexpr u32 kMaxStructOps = 64u << 10;

// spec: what a struct_ops program is loaded for.
struct StructOpsTarget {
  u32 type = 0;    // attach_btf_id: the kernel's struct
  u32 member = 0;  // expected_attach_type: which of its members
  u32 module = 0;  // as in KernelPlace: whose struct it is
  bool operator==(const StructOpsTarget&) const = default;
};

// spec: a struct_ops map as a kernel takes it.
struct StructOps {
  u32 map = 0;                       // index into ObjectSpec::maps
  std::string kernel_type;           // "tcp_congestion_ops"
  u32 type = 0;                      // its id in the BTF of the kernel, or of
  u32 module = 0;                    // the module, as in KernelPlace
  u32 value_type = 0;                // that of bpf_struct_ops_tcp_congestion_ops
  std::vector<std::byte> value;      // of value_type; callbacks are 0
  std::vector<StructOpsSlot> slots;  // programs of the selection; offsets in `value`
  bool link = false;                 // registered by a link
  std::vector<u32> left_out;         // programs of callbacks that the kernel lacks
  std::vector<std::string> notes;
  bool operator==(const StructOps&) const = default;
};

// spec: the outcome for an object.
struct StructOpsOutcome {
  std::vector<StructOps> maps;
  std::vector<std::optional<StructOpsTarget>> targets;  // by program index
};

// Whether a load of `selection` is about the map: it is created anyway, or a program is its
// callback.
bool wants_struct_ops(const MapSpec& map, const Selection& selection);

// Adds the names to look up in the BTF of the kernel and of its modules.
void struct_ops_needs(const ObjectSpec& spec, const Selection& selection, Needs& out);

// Every map that is wanted, for this kernel. Errors, each naming struct and member: not_found (no
// kernel BTF; a struct or a member that is set but does not exist there), unsupported (a member of
// another kind or size, a program for two members), malformed (the object's BTF). A struct that is
// not created by default fails silently: then its programs have no target.
[[nodiscard]] Result<StructOpsOutcome> fit_struct_ops(const ObjectSpec& spec,
                                                      const Selection& selection,
                                                      const KernelProfile& profile);

// Whether the type is a pointer to a function.
bool is_callback(const btf::View& btf, btf::TypeId type);

}  // namespace bpfld::loader
