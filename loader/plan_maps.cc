// SPDX-License-Identifier: Apache-2.0
// From MapSpec to BPF_MAP_CREATE: the sizes that an object leaves open, what the kernel is told of
// the map's types, first values, freezing. See plan_parts.h.
#include <algorithm>
#include <bit>

#include "base/escape.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;
using bpf::MapType;

constexpr u32 kDefaultStackDepth = 127;  // PERF_MAX_STACK_DEPTH
constexpr u32 kDefaultStacks = 16384;
constexpr u32 kDefaultEntries = 10240;
constexpr u32 kDefaultRingBytes = 256u << 10;
constexpr u32 kLargestRing = 1u << 31;

std::string map_label(const MapSpec& map) {
  return format("map \"{}\"", escape_terminal(map.name));
}

// Map types whose keys or values the kernel does not describe by BTF (map_check_no_btf in
// kernel/bpf).
bool takes_btf(MapType type) {
  static constexpr MapType kWithout[] = {MapType::perf_event_array,
                                         MapType::cgroup_array,
                                         MapType::stack_trace,
                                         MapType::array_of_maps,
                                         MapType::hash_of_maps,
                                         MapType::devmap,
                                         MapType::devmap_hash,
                                         MapType::cpumap,
                                         MapType::xskmap,
                                         MapType::sockmap,
                                         MapType::sockhash,
                                         MapType::queue,
                                         MapType::stack,
                                         MapType::ringbuf,
                                         MapType::user_ringbuf,
                                         MapType::arena,
                                         MapType::reuseport_sockarray};
  return std::ranges::find(kWithout, type) == std::end(kWithout);
}

bool is_ring(MapType type) {
  return type == MapType::ringbuf || type == MapType::user_ringbuf;
}

// A ring buffer's size must be a page times a power of two.
u32 ring_size(u32 wanted, u32 page_size) {
  if (wanted >= kLargestRing) return wanted;  // let the kernel answer
  return std::max(std::bit_ceil(wanted), page_size);
}

// Sizes that user space usually fills in; without them the kernel answers a bare EINVAL.
void fill_sizes(Planner& planner, const MapSpec& map, bpf::MapCreate& request) {
  const std::string name = escape_terminal(map.name);
  if (request.type == MapType::perf_event_array && request.max_entries == 0)
    request.max_entries = planner.profile.possible_cpus;
  if (is_ring(request.type)) {
    request.key_size = request.value_size =
        0;  // a declared value type is for readers, not for the kernel
    if (request.max_entries == 0) {
      request.max_entries = kDefaultRingBytes;
      planner.note("map {}: no size given, using {} bytes", name, request.max_entries);
    }
    request.max_entries = ring_size(request.max_entries, planner.profile.page_size);
  }
  if (request.type == MapType::stack_trace && request.value_size == 0) {
    request.value_size = kDefaultStackDepth * sizeof(u64);
    planner.note("map {}: no value_size given, using {} ({} frames)", name, request.value_size,
                 kDefaultStackDepth);
  }
  const bool sized =
      request.type == MapType::sk_storage || request.type == MapType::inode_storage ||
      request.type == MapType::task_storage || request.type == MapType::cgrp_storage ||
      request.type == MapType::cgroup_storage || request.type == MapType::percpu_cgroup_storage;
  if (request.max_entries == 0 && !sized) {
    request.max_entries = request.type == MapType::stack_trace ? kDefaultStacks : kDefaultEntries;
    planner.note("map {}: no max_entries given, using {}", name, request.max_entries);
  }
}

// The request for `map`, which is planner.spec.maps[index] or the template of what that one holds.
bpf::MapCreate creation(Planner& planner, const MapSpec& map, u32 index) {
  bpf::MapCreate request;
  request.type = map.type;
  request.name = map.kernel_name;
  request.key_size = map.key_size;
  request.value_size = map.value_size;
  request.max_entries = map.max_entries;
  request.flags = map.flags;
  request.numa_node = map.numa_node;
  request.map_extra = map.map_extra;
  fill_sizes(planner, map, request);
  if (planner.plan.btf_slot && describes_types(map) &&
      !planner.options.maps_without_btf.contains(index)) {
    request.btf = Fd::slot(*planner.plan.btf_slot);
    request.btf_key_type_id = map.btf_key_type;
    request.btf_value_type_id = map.btf_value_type;
  }
  return request;
}

// The kernel learns from a map what the elements of a map of maps are like, and keeps no reference
// to it.
u32 create_template(Planner& planner, u32 index) {
  const MapSpec& inner = planner.spec.maps[index].inner.front();
  const u32 slot = planner.new_slot();
  planner.plan.templates.emplace(slot, index);
  planner.add(map_label(inner), creation(planner, inner, index), slot);
  return slot;
}

// Its elements are pages. Programs that use it are refused before user space has mapped it once.
bpf::ArenaSetUp arena_set_up(const Planner& planner, const MapSpec& map, u32 pages, u32 slot) {
  return {.map = Fd::slot(slot),
          .address = map.map_extra,
          .size = u64{pages} * planner.profile.page_size,
          .contents = map.contents};
}

Status check_arena(const Planner& planner, const MapSpec& map) {
  const u64 size = u64{map.max_entries} * planner.profile.page_size;
  if (map.type != MapType::arena || map.contents.size() <= size) return {};
  return with_context(
      Status(fail(Code::malformed, "its variables take {} bytes, and its {} pages have {}",
                  map.contents.size(), map.max_entries, size)),
      [&] { return map_label(map); });
}

void create_map(Planner& planner, u32 index) {
  const MapSpec& map = planner.spec.maps[index];
  bpf::MapCreate request = creation(planner, map, index);
  std::optional<u32> inner;
  if (!map.inner.empty()) inner = create_template(planner, index);
  if (inner) request.inner_map = Fd::slot(*inner);
  if (map.pin_by_name)
    planner.note("map {}: asks to be pinned by name; it is not", escape_terminal(map.name));
  const u32 slot = planner.new_slot();
  planner.plan.map_slots.push_back(slot);
  const u32 entries = request.max_entries;
  planner.add(map_label(map), std::move(request), slot);
  planner.plan.load.back().closes = inner;
  const std::vector<std::byte>& contents =
      map.source == MapSource::kconfig ? planner.linked.externs.kconfig : map.contents;
  if (map.type == MapType::arena) {
    planner.add(map_label(map), arena_set_up(planner, map, entries, slot));
  } else if (!contents.empty()) {
    bpf::MapUpdate update;
    update.map = Fd::slot(slot);
    update.key.assign(sizeof(u32), std::byte{0});
    update.value = contents;
    planner.plan.load.push_back({map_label(map), std::move(update), std::nullopt, false});
  }
  if (map.freeze)
    planner.plan.load.push_back(
        {map_label(map), bpf::MapFreeze{Fd::slot(slot)}, std::nullopt, false});
}

void fill_slot(Planner& planner, u32 index, const MapSlot& slot, u32 value) {
  const MapSpec& map = planner.spec.maps[index];
  bpf::MapUpdate update;
  update.map = Fd::slot(planner.plan.map_slots[index]);
  const Bytes key = bytes_of(slot.key);
  update.key.assign(key.begin(), key.end());
  update.value_fd = Fd::slot(value);
  planner.add(format("{}: slot {}", map_label(map), slot.key), std::move(update));
}

}  // namespace

// map_check_btf in kernel/bpf/syscall.c: only the array of a data section, and maps without keys,
// have no key type.
bool describes_types(const MapSpec& map) {
  if (!takes_btf(map.type) || map.btf_value_type == 0) return false;
  return map.btf_key_type != 0 || map.source != MapSource::declared ||
         map.type == MapType::bloom_filter;
}

Status plan_maps(Planner& planner) {
  for (u32 i = 0; i < planner.spec.maps.size(); i++) {
    const MapSpec& map = planner.spec.maps[i];
    TRY(check_arena(planner, map));
    if (map.struct_ops)
      TRY(create_struct_ops(planner, i));
    else
      create_map(planner, i);
  }
  for (u32 i = 0; i < planner.spec.maps.size(); i++)
    for (const MapSlot& slot : planner.spec.maps[i].slots)
      if (!slot.is_program) fill_slot(planner, i, slot, planner.plan.map_slots[slot.index]);
  return {};
}

Status plan_slots(Planner& planner) {
  for (u32 i = 0; i < planner.spec.maps.size(); i++) {
    const MapSpec& map = planner.spec.maps[i];
    for (const MapSlot& slot : map.slots) {
      if (!slot.is_program) continue;
      if (const std::optional<u32> program = planner.plan.program_slots[slot.index])
        fill_slot(planner, i, slot, *program);
      else
        planner.note("map {}: slot {} stays empty, its program \"{}\" is not loaded",
                     escape_terminal(map.name), slot.key,
                     escape_terminal(planner.spec.programs[slot.index].name));
    }
  }
  return {};
}

}  // namespace bpfld::loader
