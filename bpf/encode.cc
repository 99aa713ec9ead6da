// SPDX-License-Identifier: Apache-2.0
// One overload per bpf(2) command; the number behind each put() is the field's byte offset in the
// command's part of `union bpf_attr` (include/uapi/linux/bpf.h).
#include "bpf/encode.h"

#include <bit>
#include <cassert>

namespace bpfld::bpf {
namespace {

u32 token_flag(Fd token) {
  return token.is_set() ? kTokenFd : 0;
}

// Stores fields at byte offsets of the attr.
struct Writer {
  EncodedAttr& out;

  template <typename T>
  void put(u32 offset, T value) {
    assert(offset + sizeof(T) <= kAttrSize);
    std::memcpy(out.attr.data() + offset, &value, sizeof(T));
  }
  void put_fd(u32 offset, Fd fd) {
    assert(!fd.is_slot());
    if (fd.is_set()) put(offset, static_cast<u32>(fd.get()));
  }
  void put_pointer(u32 offset, const void* pointer) {
    put(offset, static_cast<u64>(reinterpret_cast<std::uintptr_t>(pointer)));
  }
  void put_name(u32 offset, std::string_view name) {
    const std::string clean = kernel_object_name(name);
    std::memcpy(out.attr.data() + offset, clean.data(), clean.size());
  }
  void put_log(u32 level_at, u32 size_at, u32 buffer_at, u32 level, u32 size) {
    if (level == 0) return;
    out.log.assign(size, '\0');
    put(level_at, level);
    put(size_at, size);
    put_pointer(buffer_at, out.log.data());
  }
  void put_element(Command command, Fd map, const std::vector<std::byte>& key, const void* value) {
    out.command = command;
    put_fd(0, map);
    put_pointer(8, key.empty() ? nullptr : key.data());
    put_pointer(16, value);
  }

  bool operator()(const MapCreate& r) {
    out.command = Command::map_create;
    put(0, static_cast<u32>(r.type));
    put(4, r.key_size);
    put(8, r.value_size);
    put(12, r.max_entries);
    put(16, r.flags | token_flag(r.token));
    put_fd(20, r.inner_map);
    put(24, r.numa_node);
    put_name(28, r.name);
    put_fd(48, r.btf);
    put(52, r.btf_key_type_id);
    put(56, r.btf_value_type_id);
    put(60, r.btf_vmlinux_value_type_id);
    put(64, r.map_extra);
    put_fd(72, r.value_type_btf);
    put_fd(76, r.token);
    return true;
  }
  void patch_value(const ValueFd& patch) {
    assert(!patch.fd.is_slot() && fits(out.value.size(), patch.offset, patch.size));
    const u32 narrow = static_cast<u32>(patch.fd.get());
    const u64 wide = narrow;
    std::memcpy(out.value.data() + patch.offset,
                patch.size == sizeof(wide) ? static_cast<const void*>(&wide) : &narrow, patch.size);
  }
  bool operator()(const MapUpdate& r) {
    const void* value = r.value.data();
    if (r.value_fd.is_set()) {
      assert(!r.value_fd.is_slot());
      out.value_fd = static_cast<u32>(r.value_fd.get());
      value = &out.value_fd;
    } else if (!r.value_fds.empty()) {
      out.value = r.value;
      for (const ValueFd& patch : r.value_fds)
        patch_value(patch);
      value = out.value.data();
    }
    put_element(Command::map_update_elem, r.map, r.key, value);
    put(24, r.flags);
    return true;
  }
  bool operator()(const MapLookup& r) {
    out.output.resize(r.value_size);
    put_element(Command::map_lookup_elem, r.map, r.key, out.output.data());
    return true;
  }
  bool operator()(const MapNextKey& r) {
    out.output.resize(r.key_size);
    put_element(Command::map_get_next_key, r.map, r.key, out.output.data());
    return true;
  }
  bool operator()(const MapDelete& r) {
    put_element(Command::map_delete_elem, r.map, r.key, nullptr);
    return true;
  }
  bool operator()(const MapFreeze& r) {
    out.command = Command::map_freeze;
    put_fd(0, r.map);
    return true;
  }
  void put_info(u32 size_at, u32 pointer_at, u32 count_at, const InfoRecords& records) {
    if (records.count == 0) return;
    put(size_at, records.record_size);
    put_pointer(pointer_at, records.bytes.data());
    put(count_at, records.count);
  }
  bool operator()(const ProgLoad& r) {
    out.command = Command::prog_load;
    out.insns = r.insns;
    for (const MapReference& reference : r.map_references) {
      assert(reference.at.value < out.insns.size() && !reference.map.is_slot());
      out.insns[reference.at.value].imm = reference.map.get();
    }
    // Both slots exist: the reference is to an ld_imm64.
    for (const BtfReference& reference : r.btf_references) {
      assert(reference.at.value + 1 < out.insns.size() && !reference.btf.is_slot());
      out.insns[reference.at.value + 1].imm = reference.btf.get();
    }
    for (const Fd fd : r.fd_array)
      out.fds.push_back(fd.is_set() ? fd.get() : 0);
    put(0, static_cast<u32>(r.type));
    put(4, static_cast<u32>(out.insns.size()));
    put_pointer(8, out.insns.data());
    put_pointer(16, r.license.c_str());
    put_log(24, 28, 32, r.log_level, r.log_size);
    put(40, r.kernel_version);
    put(44, r.flags | token_flag(r.token));
    put_name(48, r.name);
    put(68, static_cast<u32>(r.expected_attach_type));
    put_fd(72, r.btf);
    put_info(76, 80, 88, r.func_info);
    put_info(92, 96, 104, r.line_info);
    put(108, r.attach_btf_id);
    put_fd(112, r.attach_target);
    if (!out.fds.empty()) put_pointer(120, out.fds.data());
    put_fd(144, r.token);
    return true;
  }
  bool operator()(const BtfLoad& r) {
    out.command = Command::btf_load;
    put_pointer(0, r.blob.data());
    put(16, static_cast<u32>(r.blob.size()));
    put_log(24, 20, 8, r.log_level, r.log_size);
    put(32, token_flag(r.token));
    put_fd(36, r.token);
    return true;
  }
  bool operator()(const TokenCreate& r) {
    out.command = Command::token_create;
    put_fd(4, r.file_system);
    return true;
  }
  bool operator()(const ProgBindMap& r) {
    out.command = Command::prog_bind_map;
    put_fd(0, r.program);
    put_fd(4, r.map);
    return true;
  }
  bool operator()(const LinkCreate& r) {
    out.command = Command::link_create;
    put_fd(0, r.program);
    put_fd(4, r.target);
    put(8, static_cast<u32>(r.attach_type));
    put(12, r.flags);
    put(16, r.cookie);
    if (r.interface != 0) put(4, r.interface);
    if (r.target_type != 0) put(16, r.target_type);
    if (r.netfilter) {
      put(16, r.netfilter->family);
      put(20, r.netfilter->hook);
      put(24, r.netfilter->priority);
      put(28, r.netfilter->flags);
    }
    return true;
  }
  void put_link(Fd program, AttachType type) {
    out.command = Command::link_create;
    put_fd(0, program);
    put(8, static_cast<u32>(type));
  }
  bool operator()(const LinkKprobeMulti& r) {
    put_link(r.program, r.attach_type);
    put(16, u32{r.at_return});
    put(20, static_cast<u32>(r.symbols.size()));
    for (const std::string& symbol : r.symbols)
      out.pointers.push_back(reinterpret_cast<std::uintptr_t>(symbol.c_str()));
    put_pointer(24, out.pointers.data());
    return true;
  }
  void put_list(u32 offset, const std::vector<u64>& list) {
    put_pointer(offset, list.empty() ? nullptr : list.data());
  }
  bool operator()(const LinkUprobeMulti& r) {
    put_link(r.program, r.attach_type);
    put_pointer(16, r.path.c_str());
    put_list(24, r.offsets);
    put_list(32, r.semaphores);
    put_list(40, r.cookies);
    put(48, static_cast<u32>(r.offsets.size()));
    put(52, u32{r.at_return});
    put(56, r.pid);
    return true;
  }
  bool operator()(const LinkTracingMulti& r) {
    put_link(r.program, r.attach_type);
    put_pointer(16, r.ids.data());
    put(32, static_cast<u32>(r.ids.size()));
    return true;
  }
  bool operator()(const LinkIterator& r) {
    put_link(r.program, AttachType::trace_iter);
    const auto fd = [](Fd one) { return one.is_set() ? static_cast<u32>(one.get()) : 0; };
    // union bpf_iter_link_info: a map's fd; an order with a cgroup's fd or id; a thread's and a
    // process's id, or its fd.
    if (r.order != 0)
      out.info = {r.order, fd(r.cgroup), static_cast<u32>(r.cgroup_id),
                  static_cast<u32>(r.cgroup_id >> 32)};
    else if (r.map.is_set())
      out.info = {fd(r.map), 0, 0, 0};
    else if (r.tid != 0 || r.pid != 0 || r.process.is_set())
      out.info = {r.tid, r.pid, fd(r.process), 0};
    else
      return true;  // everything; old kernels take no more than that
    put_pointer(16, out.info.data());
    put(24, static_cast<u32>(sizeof(out.info)));
    return true;
  }
  bool operator()(const IteratorOpen& r) {
    out.command = Command::iter_create;
    put_fd(0, r.link);
    return true;
  }
  bool operator()(const RawTracepointOpen& r) {
    out.command = Command::raw_tracepoint_open;
    put_pointer(0, r.name.empty() ? nullptr : r.name.c_str());
    put_fd(8, r.program);
    return true;
  }
  bool operator()(const ProgAttach& r) {
    out.command = Command::prog_attach;
    put_fd(0, r.target);
    put_fd(4, r.program);
    put(8, static_cast<u32>(r.attach_type));
    put(12, r.flags);
    return true;
  }
  bool operator()(const ProgDetach& r) {
    out.command = Command::prog_detach;
    put_fd(0, r.target);
    put_fd(4, r.program);
    put(8, static_cast<u32>(r.attach_type));
    return true;
  }
  bool operator()(const ProgTestRun& r) {
    out.command = Command::prog_test_run;
    if (r.context_size != 0) {
      out.output.resize(r.context_size);  // the kernel writes the context back
      put(40, r.context_size);
      put_pointer(48, out.output.data());
    }
    put_fd(0, r.program);
    put(8, static_cast<u32>(r.data_in.size()));
    put_pointer(16, r.data_in.empty() ? nullptr : r.data_in.data());
    put(32, r.repeat);
    return true;
  }
  bool operator()(const NextId& r) {
    switch (r.kind) {
      case ObjectKind::program: out.command = Command::prog_get_next_id; break;
      case ObjectKind::map: out.command = Command::map_get_next_id; break;
      case ObjectKind::link: out.command = Command::link_get_next_id; break;
      case ObjectKind::btf: out.command = Command::btf_get_next_id; break;
    }
    put(0, r.after);
    return true;
  }
  bool operator()(const ObjectInfo& r) {
    out.command = Command::obj_get_info_by_fd;
    out.output.resize(std::size_t{r.info_size} + r.name_room);
    if (r.name_room != 0 && r.info_size >= kBtfInfoNameLength + sizeof(u32)) {
      const u64 name =
          static_cast<u64>(reinterpret_cast<std::uintptr_t>(out.output.data() + r.info_size));
      std::memcpy(out.output.data() + kBtfInfoName, &name, sizeof(name));
      std::memcpy(out.output.data() + kBtfInfoNameLength, &r.name_room, sizeof(r.name_room));
    }
    put_fd(0, r.object);
    put(4, r.info_size);
    put_pointer(8, out.output.data());
    return true;
  }
  bool operator()(const ObjPin& r) {
    out.command = Command::obj_pin;
    put_pointer(0, r.path.c_str());
    put_fd(8, r.object);
    return true;
  }
  bool operator()(const ObjGet& r) {
    out.command = Command::obj_get;
    put_pointer(0, r.path.c_str());
    return true;
  }
  bool operator()(const PinFolder&) { return false; }
  bool operator()(const PinRename&) { return false; }
  bool operator()(const PinRemove&) { return false; }
  bool operator()(const ObjectById& r) {
    switch (r.kind) {
      case ObjectKind::program: out.command = Command::prog_get_fd_by_id; break;
      case ObjectKind::map: out.command = Command::map_get_fd_by_id; break;
      case ObjectKind::link: out.command = Command::link_get_fd_by_id; break;
      case ObjectKind::btf: out.command = Command::btf_get_fd_by_id; break;
    }
    put(0, r.id);
    put(8, token_flag(r.token));
    put_fd(12, r.token);
    return true;
  }
  bool operator()(const ObjectContents& r) {
    constexpr u32 kXlatedInsns = 32, kBtf = 0, kFunctionSize = 132, kFunctions = 136;
    out.command = Command::obj_get_info_by_fd;
    out.output.resize(u64{kContentsStart} + r.size);
    const bool is_program = r.kind == ObjectKind::program;
    const u64 contents = std::bit_cast<u64>(out.output.data() + kContentsStart);
    const u32 length = r.functions ? r.size / kFunctionInfoSize : r.size;
    std::memcpy(out.output.data() + contents_length_at(r), &length, sizeof(length));
    if (r.functions)
      std::memcpy(out.output.data() + kFunctionSize, &kFunctionInfoSize, sizeof(u32));
    const u32 at = r.functions ? kFunctions : is_program ? kXlatedInsns : kBtf;
    std::memcpy(out.output.data() + at, &contents, sizeof(contents));
    put_fd(0, r.object);
    put(4, kContentsStart);
    put_pointer(8, out.output.data());
    return true;
  }
  bool operator()(const LinkDetach& r) {
    out.command = Command::link_detach;
    put_fd(0, r.link);
    return true;
  }
  template <typename Other>  // not a bpf(2) call
  bool operator()(const Other&) {
    return false;
  }
};

}  // namespace

bool encode(const Request& request, EncodedAttr& out) {
  return std::visit(Writer{out}, request);
}

std::string kernel_object_name(std::string_view name) {
  std::string clean(name.substr(0, kObjectNameLength - 1));
  for (char& c : clean) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '_' && c != '.') c = '_';
  }
  return clean;
}

}  // namespace bpfld::bpf
