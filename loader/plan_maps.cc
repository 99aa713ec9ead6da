// SPDX-License-Identifier: Apache-2.0
// From MapSpec to BPF_MAP_CREATE: the sizes that an object leaves open, what the kernel is told of
// the map's types, first values, freezing. See plan_parts.h.
#include <algorithm>
#include <bit>

#include "base/escape.h"
#include "bpf/tables.h"
#include "loader/pin.h"
#include "loader/plan_parts.h"

namespace bpfld::loader {
namespace {

using bpf::Fd;
using bpf::MapType;

constexpr u32 kMapInfoBytes = 88;        // up to map_extra; a kernel gives what it knows
constexpr u32 kBuildIdBytes = 32;        // struct bpf_stack_build_id
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

bool has_no_size(MapType type) {
  return type == MapType::sk_storage || type == MapType::inode_storage ||
         type == MapType::task_storage || type == MapType::cgrp_storage ||
         type == MapType::cgroup_storage || type == MapType::percpu_cgroup_storage;
}

// With strict sizes, whoever wrote the object says them all. The number of CPUs is not a choice.
Status check_sizes(const Planner& planner, const MapSpec& map) {
  if (!planner.options.strict_sizes || map.struct_ops) return {};
  if (map.type == MapType::stack_trace && map.value_size == 0)
    return fail(Code::malformed, "no value_size given");
  if (map.max_entries == 0 && map.type != MapType::perf_event_array && !has_no_size(map.type))
    return fail(Code::malformed, "no max_entries given");
  if (is_ring(map.type) && ring_size(map.max_entries, planner.profile.page_size) != map.max_entries)
    return fail(Code::malformed, "{} bytes are no page ({} bytes) times a power of two",
                map.max_entries, planner.profile.page_size);
  return {};
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
    const u32 size = ring_size(request.max_entries, planner.profile.page_size);
    if (size != request.max_entries)
      planner.note("map {}: {} bytes are rounded up to {}", name, request.max_entries, size);
    request.max_entries = size;
  }
  if (request.type == MapType::stack_trace && request.value_size == 0) {
    const bool build_ids = (request.flags & bpf::kMapStackBuildId) != 0;
    request.value_size = kDefaultStackDepth * (build_ids ? kBuildIdBytes : u32{sizeof(u64)});
    planner.note("map {}: no value_size given, using {} ({} frames)", name, request.value_size,
                 kDefaultStackDepth);
  }
  if (request.max_entries == 0 && !has_no_size(request.type)) {
    // A cpumap with more than the kernel could have CPUs is refused (kernel/bpf/cpumap.c).
    request.max_entries = request.type == MapType::stack_trace ? kDefaultStacks
                          : request.type == MapType::cpumap    ? planner.profile.possible_cpus
                                                               : kDefaultEntries;
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

// The path where the map is pinned already, or may be.
std::string pinned_path(const Planner& planner, u32 index) {
  const MapSpec& map = planner.spec.maps[index];
  const PlanOptions& options = planner.options;
  if (!map.reuse.empty()) return map.reuse;
  if (!map.pin_by_name || options.by_name_folder.empty()) return {};
  return options.not_pinned_yet.contains(index) ? "" : options.by_name_folder + "/" + map.name;
}

// Takes the map that is pinned at `path`, if it is like the one that the object asks for. What it
// holds stays.
void reuse_map(Planner& planner, u32 index, const std::string& path) {
  const MapSpec& map = planner.spec.maps[index];
  const u32 slot = planner.new_slot();
  planner.plan.map_slots.push_back(slot);
  planner.add(map_label(map), bpf::ObjGet{path}, slot);
  planner.add(map_label(map), bpf::ObjectInfo{Fd::slot(slot), kMapInfoBytes, 0});
  planner.plan.load.back().like = creation(planner, map, index);
  planner.note("map {}: the one that is pinned at {}", escape_terminal(map.name),
               escape_terminal(path));
}

// The same of a map that another session of this process holds.
void share_map(Planner& planner, u32 index) {
  const MapSpec& map = planner.spec.maps[index];
  const u32 slot = planner.new_slot();
  planner.plan.map_slots.push_back(slot);
  planner.add(map_label(map), bpf::ObjectById{bpf::ObjectKind::map, map.reuse_id}, slot);
}

void add_update(Planner& planner, u32 index, Bytes key, Bytes value) {
  bpf::MapUpdate update;
  update.map = Fd::slot(planner.plan.map_slots[index]);
  update.key.assign(key.begin(), key.end());
  update.value.assign(value.begin(), value.end());
  planner.add(map_label(planner.spec.maps[index]), std::move(update));
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
  if (map.pin_by_name && planner.options.by_name_folder.empty())
    planner.note("map {}: asks to be pinned by name, which takes --pin or --pin-root",
                 escape_terminal(map.name));
  const u32 slot = planner.new_slot();
  planner.plan.map_slots.push_back(slot);
  const u32 entries = request.max_entries;
  planner.add(map_label(map), std::move(request), slot);
  planner.plan.load.back().closes = inner;
  constexpr u32 kOnlyKey = 0;
  const std::vector<std::byte>& contents =
      map.source == MapSource::kconfig ? planner.linked.externs.kconfig : map.contents;
  if (map.type == MapType::arena)
    planner.add(map_label(map), arena_set_up(planner, map, entries, slot));
  else if (!contents.empty())
    add_update(planner, index, bytes_of(kOnlyKey), contents);
  if (map.freeze) planner.add(map_label(map), bpf::MapFreeze{Fd::slot(slot)});
}

// A value of a per-CPU map is as many values as there can be CPUs, each in 8 bytes or a multiple.
std::vector<std::byte> element_value(const Planner& planner, const MapSpec& map,
                                     const MapElement& element) {
  if (!bpf::is_per_cpu(map.type)) return element.value;
  const std::size_t each = (element.value.size() + 7) / 8 * 8;
  std::vector<std::byte> out(each * planner.profile.possible_cpus);
  for (std::size_t at = 0; at < out.size(); at += each)
    std::ranges::copy(element.value, out.begin() + static_cast<std::ptrdiff_t>(at));
  return out;
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
  const std::vector<MapSpec>& maps = planner.spec.maps;
  for (u32 i = 0; i < maps.size(); i++)
    TRY(with_context(check_sizes(planner, maps[i]), [&] { return map_label(maps[i]); }));
  for (u32 i = 0; i < maps.size(); i++) {
    TRY(check_arena(planner, maps[i]));
    if (maps[i].reuse_id != 0)
      share_map(planner, i);
    else if (const std::string path = pinned_path(planner, i); !path.empty())
      reuse_map(planner, i, path);
    else if (maps[i].struct_ops)
      TRY(create_struct_ops(planner, i));
    else
      create_map(planner, i);
    for (const MapElement& element : maps[i].elements)
      add_update(planner, i, element.key, element_value(planner, maps[i], element));
  }
  for (u32 i = 0; i < planner.spec.maps.size(); i++)
    for (const MapSlot& slot : planner.spec.maps[i].slots)
      if (!slot.is_program) fill_slot(planner, i, slot, planner.plan.map_slots[slot.index]);
  return {};
}

// When everything else has worked: who loads the same object at the same time finds maps that are
// complete, and a load that fails leaves none.
Status plan_pins_by_name(Planner& planner) {
  const PlanOptions& options = planner.options;
  for (u32 i = 0; i < planner.spec.maps.size(); i++) {
    const MapSpec& map = planner.spec.maps[i];
    if (!map.pin_by_name || !map.reuse.empty() || options.by_name_folder.empty()) continue;
    TRY(with_context(check_pin_name(map.name), [&] { return map_label(map); }));
    if (options.pin_by_name && options.not_pinned_yet.contains(i)) {
      bpf::ObjPin pin{Fd::slot(planner.plan.map_slots[i]), options.by_name_folder + "/" + map.name};
      planner.add(map_label(map), std::move(pin));
    }
  }
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
