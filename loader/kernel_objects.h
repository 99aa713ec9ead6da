// SPDX-License-Identifier: Apache-2.0
// What is in the kernel already, whoever loaded it: programs, maps, links and BTF by id, their
// types, the elements of a map. Other processes create, change and remove all of it meanwhile, and
// none of it is to be trusted: BTF is validated before anything is read from it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/fd.h"
#include "bpf/kernel.h"
#include "bpf/object_info.h"
#include "btf/view.h"

namespace bpfld::loader {

// handle: one object of the kernel, and its struct bpf_*_info.
struct KernelObject {
  bpf::ObjectKind kind{};
  UniqueFd fd;
  std::vector<std::byte> info;
};

// Errors: not_found, denied (ids are for CAP_SYS_ADMIN), kernel.
[[nodiscard]] Result<KernelObject> open_object(bpf::Kernel& kernel, bpf::ObjectKind kind, u32 id);
// The same for an fd of that kind, which it takes.
[[nodiscard]] Result<KernelObject> describe_object(bpf::Kernel& kernel, bpf::ObjectKind kind,
                                                   UniqueFd fd);
// Every object of a kind, in the order of ids, those that go away meanwhile left out; visiting ends
// when `visit` returns false. Errors: denied, kernel.
[[nodiscard]] Status for_each_object(bpf::Kernel& kernel, bpf::ObjectKind kind,
                                     const std::function<bool(KernelObject)>& visit);

// handle: BTF with the bytes that it is a view of.
struct LoadedBtf {
  std::vector<std::byte> bytes;
  std::unique_ptr<btf::View> view;
};
inline constexpr u32 kMaxLoadedBtf = 64u << 20;
// The BTF with that id, validated. Errors: those of open_object(), malformed, unsupported (split
// BTF of a module), limit.
[[nodiscard]] Result<LoadedBtf> read_loaded_btf(bpf::Kernel& kernel, u32 id);

// The instructions of a program as the kernel's verifier left them; empty when it does not show
// them. Errors: kernel.
[[nodiscard]] Result<std::vector<bpf::Insn>> read_instructions(bpf::Kernel& kernel,
                                                               const KernelObject& program);

// Walks over a map's keys, each once. The key after one that is gone is the first key again (Linux:
// htab_map_get_next_key() in kernel/bpf/hashtab.c), so the walk is one key ahead of its caller, who
// may delete what it gets, and when somebody else deletes the one ahead, keys that were seen are
// passed over.
class MapKeys {
 public:
  MapKeys(bpf::Kernel& kernel, int map, const bpf::MapInfo& info);
  // The next key; empty at the end. Errors: limit (the map changes faster than it can be walked),
  // kernel (its type has no keys to walk over).
  [[nodiscard]] Result<std::vector<std::byte>> next();

 private:
  bpf::Kernel& kernel_;
  bpf::MapNextKey request_;
  // The next key that was not seen; empty at the end.
  [[nodiscard]] Result<std::vector<std::byte>> step();

  bool keys_stay_;  // those of an array
  std::unordered_set<std::string> seen_;
  u32 restarts_ = 0;
  bool started_ = false;
  std::vector<std::byte> ahead_;
};

// The size of what a lookup gives: of a per-CPU map, one value of a multiple of eight bytes for
// each possible CPU.
u64 lookup_size(const bpf::MapInfo& info, u32 possible_cpus);

}  // namespace bpfld::loader
