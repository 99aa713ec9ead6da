// SPDX-License-Identifier: Apache-2.0
// See kernel_objects.h.
#include "loader/kernel_objects.h"

#include <cerrno>

#include "bpf/tables.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;
using bpf::MapType;

constexpr u32 kMaxInstructionBytes = 8u
                                     << 20;  // a program has at most a million, and some to spare

bool is_array(MapType type) {
  switch (type) {
    case MapType::array:
    case MapType::percpu_array:
    case MapType::prog_array:
    case MapType::perf_event_array:
    case MapType::cgroup_array:
    case MapType::array_of_maps:
    case MapType::devmap:
    case MapType::sockmap:
    case MapType::cpumap:
    case MapType::xskmap:
    case MapType::reuseport_sockarray: return true;
    default: return false;  // NOLINT: the numbers come from the kernel, and there will be more
  }
}

std::string text_of(const std::vector<std::byte>& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

}  // namespace

Result<KernelObject> describe_object(bpf::Kernel& kernel, bpf::ObjectKind kind, UniqueFd fd) {
  bpf::Reply reply = TRY(kernel.call(bpf::ObjectInfo{Fd::number(fd.get()), bpf::kInfoSize}));
  return KernelObject{kind, std::move(fd), std::move(reply.data)};
}

Result<KernelObject> open_object(bpf::Kernel& kernel, bpf::ObjectKind kind, u32 id) {
  const bpf::Reply reply = TRY(kernel.call(bpf::ObjectById{kind, id}));
  return describe_object(kernel, kind, UniqueFd(static_cast<int>(reply.value)));
}

Status for_each_object(bpf::Kernel& kernel, bpf::ObjectKind kind,
                       const std::function<bool(KernelObject)>& visit) {
  u32 id = 0;
  while (true) {
    const Result<bpf::Reply> next = kernel.call(bpf::NextId{kind, id});
    if (!next && next.error().errno_value == ENOENT) return {};
    if (!next) return std::unexpected(next.error());
    const u32 found = static_cast<u32>(next->value);
    if (found <= id) return {};  // ids only grow: a kernel that says otherwise would never end
    id = found;
    Result<KernelObject> object = open_object(kernel, kind, id);
    if (!object && object.error().errno_value == ENOENT) continue;
    if (!object) return std::unexpected(std::move(object).error());
    if (!visit(std::move(*object))) return {};
  }
}

Result<LoadedBtf> read_loaded_btf(bpf::Kernel& kernel, u32 id) {
  const KernelObject object = TRY(open_object(kernel, bpf::ObjectKind::btf, id));
  const bpf::BtfInfo info = bpf::decode_btf_info(object.info);
  if (info.size > kMaxLoadedBtf)
    return fail(Code::limit, "BTF {} has {} bytes, more than {}", id, info.size, kMaxLoadedBtf);
  bpf::Reply reply = TRY(kernel.call(
      bpf::ObjectContents{bpf::ObjectKind::btf, Fd::number(object.fd.get()), info.size}));
  LoadedBtf out;
  out.bytes = std::move(reply.data);
  out.view = std::make_unique<btf::View>(TRY(btf::View::parse(out.bytes)));
  if (!info.is_kernels) TRY(out.view->validate());
  return out;
}

Result<std::vector<bpf::Insn>> read_instructions(bpf::Kernel& kernel, const KernelObject& program) {
  const u32 size = bpf::decode_program_info(program.info).xlated_size;
  if (size == 0) return std::vector<bpf::Insn>();
  if (size > kMaxInstructionBytes)
    return fail(Code::limit, "{} bytes of instructions are more than {}", size,
                kMaxInstructionBytes);
  const bpf::Reply reply = TRY(kernel.call(
      bpf::ObjectContents{bpf::ObjectKind::program, Fd::number(program.fd.get()), size}));
  std::vector<bpf::Insn> out(reply.data.size() / sizeof(bpf::Insn));
  for (std::size_t i = 0; i < out.size(); i++)
    out[i] = load_checked<bpf::Insn>(reply.data, i * sizeof(bpf::Insn));
  return out;
}

MapKeys::MapKeys(bpf::Kernel& kernel, int map, const bpf::MapInfo& info)
    : kernel_(kernel), keys_stay_(is_array(info.type)) {
  request_.map = Fd::number(map);
  request_.key_size = info.key_size;
}

Result<std::vector<std::byte>> MapKeys::step() {
  constexpr u32 kMaxRestarts = 256;
  for (u64 passed = 0;; passed++) {
    Result<bpf::Reply> reply = kernel_.call(request_);
    if (!reply && reply.error().errno_value == ENOENT) return std::vector<std::byte>();
    if (!reply) return std::unexpected(std::move(reply).error());
    request_.key = std::move(reply->data);
    if (keys_stay_ || seen_.insert(text_of(request_.key)).second) return request_.key;
    // A walk from the first key that meets more keys than were seen was itself sent back.
    if (passed > seen_.size()) passed = 0;
    if (passed == 0 && ++restarts_ > kMaxRestarts)
      return fail(Code::limit, "the map changes faster than its keys can be listed ({} seen)",
                  seen_.size());
  }
}

Result<std::vector<std::byte>> MapKeys::next() {
  if (!started_) ahead_ = TRY(step());
  started_ = true;
  std::vector<std::byte> out = std::move(ahead_);
  ahead_.clear();
  if (!out.empty()) ahead_ = TRY(step());
  return out;
}

u64 lookup_size(const bpf::MapInfo& info, u32 possible_cpus) {
  if (!bpf::is_per_cpu(info.type)) return info.value_size;
  const u64 stride = (u64{info.value_size} + 7) / 8 * 8;
  return stride * possible_cpus;
}

}  // namespace bpfld::loader
