// SPDX-License-Identifier: Apache-2.0
// The order: memlock (old kernels), BTF, maps with their contents, programs. See plan.h.
#include "loader/plan.h"

#include <algorithm>
#include <bit>

#include "base/escape.h"
#include "bpf/tables.h"
#include "btf/sanitize.h"

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

// Whether the kernel is told the map's types. It wants both or neither (map_check_btf in
// kernel/bpf/syscall.c); only the array of a data section, and maps without keys, have no key type.
bool describes_types(const MapSpec& map) {
  if (!takes_btf(map.type) || map.btf_value_type == 0) return false;
  return map.btf_key_type != 0 || map.source != MapSource::declared ||
         map.type == MapType::bloom_filter;
}

bool is_ring(MapType type) {
  return type == MapType::ringbuf || type == MapType::user_ringbuf;
}

// A ring buffer's size must be a page times a power of two.
u32 ring_size(u32 wanted, u32 page_size) {
  if (wanted >= kLargestRing) return wanted;  // let the kernel answer
  return std::max(std::bit_ceil(wanted), page_size);
}

// What the kernel's BTF verifier knows; what was not asked counts as known.
btf::KindSupport kind_support(const KernelProfile& profile) {
  btf::KindSupport support;
  support.func = !profile.lacks(Feature::btf_func);
  support.func_global = !profile.lacks(Feature::btf_func_global);
  support.datasec = !profile.lacks(Feature::btf_datasec);
  support.float_ = !profile.lacks(Feature::btf_float);
  support.decl_tag = !profile.lacks(Feature::btf_decl_tag);
  support.type_tag = !profile.lacks(Feature::btf_type_tag);
  support.enum64 = !profile.lacks(Feature::btf_enum64);
  return support;
}

class Planner {
 public:
  Planner(const ObjectSpec& spec, const Linked& linked, const KernelProfile& profile,
          const PlanOptions& options)
      : spec_(spec), linked_(linked), profile_(profile), options_(options) {}

  Result<Plan> run() {
    if (options_.raise_memlock)
      plan_.load.push_back({"the memory limit", bpf::RaiseMemlock{}, std::nullopt, true});
    TRY(load_btf());
    for (u32 i = 0; i < spec_.maps.size(); i++)
      create_map(i);
    plan_.program_slots.resize(spec_.programs.size());
    for (const LinkedProgram& program : linked_.programs)
      TRY(load_program(program));
    for (const LinkedProgram& program : linked_.programs)
      plan_.attach.push_back(plan_attach(
          spec_, program.program, *plan_.program_slots[program.program], profile_, plan_.slots));
    return std::move(plan_);
  }

 private:
  u32 new_slot() { return plan_.slots++; }

  template <typename... Args>
  void note(FormatString<std::type_identity_t<Args>...> text, const Args&... args) {
    std::string out;
    const std::array<FormatArg, sizeof...(Args)> list{FormatArg(args)...};
    format_to(out, text.text, list);
    plan_.notes.push_back(std::move(out));
  }

  bool wants_btf() const {
    if (spec_.btf.empty() || options_.without_btf) return false;
    return std::ranges::any_of(spec_.maps, describes_types) ||
           std::ranges::any_of(linked_.programs,
                               [](const LinkedProgram& p) { return !p.func_info.empty(); });
  }

  Status load_btf() {
    if (!wants_btf()) return {};
    const btf::KindSupport support = kind_support(profile_);
    bpf::BtfLoad request;
    request.blob = spec_.btf;
    if (support != btf::KindSupport{}) request.blob = TRY(btf::sanitize(spec_.btf, support));
    plan_.btf_slot = new_slot();
    plan_.load.push_back({"the object's BTF", std::move(request), plan_.btf_slot, false});
    return {};
  }

  // Sizes that user space usually fills in; without them the kernel answers a bare EINVAL.
  void fill_sizes(const MapSpec& map, bpf::MapCreate& request) {
    const std::string name = escape_terminal(map.name);
    if (request.type == MapType::perf_event_array && request.max_entries == 0)
      request.max_entries = profile_.possible_cpus;
    if (is_ring(request.type)) {
      request.key_size = request.value_size =
          0;  // a declared value type is for readers, not for the kernel
      if (request.max_entries == 0) {
        request.max_entries = kDefaultRingBytes;
        note("map {}: no size given, using {} bytes", name, request.max_entries);
      }
      request.max_entries = ring_size(request.max_entries, profile_.page_size);
    }
    if (request.type == MapType::stack_trace && request.value_size == 0) {
      request.value_size = kDefaultStackDepth * sizeof(u64);
      note("map {}: no value_size given, using {} ({} frames)", name, request.value_size,
           kDefaultStackDepth);
    }
    const bool sized =
        request.type == MapType::sk_storage || request.type == MapType::inode_storage ||
        request.type == MapType::task_storage || request.type == MapType::cgrp_storage ||
        request.type == MapType::cgroup_storage || request.type == MapType::percpu_cgroup_storage;
    if (request.max_entries == 0 && !sized) {
      request.max_entries = request.type == MapType::stack_trace ? kDefaultStacks : kDefaultEntries;
      note("map {}: no max_entries given, using {}", name, request.max_entries);
    }
  }

  void create_map(u32 index) {
    const MapSpec& map = spec_.maps[index];
    bpf::MapCreate request;
    request.type = map.type;
    request.name = map.kernel_name;
    request.key_size = map.key_size;
    request.value_size = map.value_size;
    request.max_entries = map.max_entries;
    request.flags = map.flags;
    request.numa_node = map.numa_node;
    request.map_extra = map.map_extra;
    fill_sizes(map, request);
    if (plan_.btf_slot && describes_types(map) && !options_.maps_without_btf.contains(index)) {
      request.btf = Fd::slot(*plan_.btf_slot);
      request.btf_key_type_id = map.btf_key_type;
      request.btf_value_type_id = map.btf_value_type;
    }
    if (map.pin_by_name)
      note("map {}: asks to be pinned by name; it is not", escape_terminal(map.name));
    const u32 slot = new_slot();
    plan_.map_slots.push_back(slot);
    plan_.load.push_back({map_label(map), std::move(request), slot, false});
    if (!map.contents.empty()) {
      bpf::MapUpdate update;
      update.map = Fd::slot(slot);
      update.key.assign(sizeof(u32), std::byte{0});
      update.value = map.contents;
      plan_.load.push_back({map_label(map), std::move(update), std::nullopt, false});
    }
    if (map.freeze)
      plan_.load.push_back({map_label(map), bpf::MapFreeze{Fd::slot(slot)}, std::nullopt, false});
  }

  static void append(std::vector<std::byte>& out, u32 word) {
    const Bytes bytes = bytes_of(word);
    out.insert(out.end(), bytes.begin(), bytes.end());
  }

  // struct bpf_func_info and struct bpf_line_info of include/uapi/linux/bpf.h.
  void add_info(const LinkedProgram& program, bpf::ProgLoad& request) const {
    if (!plan_.btf_slot || program.func_info.empty() || profile_.lacks(Feature::btf_func)) return;
    request.btf = Fd::slot(*plan_.btf_slot);
    request.func_info.record_size = 2 * sizeof(u32);
    request.func_info.count = static_cast<u32>(program.func_info.size());
    for (const FunctionInfo& info : program.func_info) {
      append(request.func_info.bytes, static_cast<u32>(info.at.value));
      append(request.func_info.bytes, info.type);
    }
    if (program.line_info.empty()) return;
    request.line_info.record_size = 4 * sizeof(u32);
    request.line_info.count = static_cast<u32>(program.line_info.size());
    for (const LineInfo& line : program.line_info) {
      append(request.line_info.bytes, static_cast<u32>(line.at.value));
      append(request.line_info.bytes, line.file_name);
      append(request.line_info.bytes, line.line_text);
      append(request.line_info.bytes, line.line_column);
    }
  }

  Status load_program(const LinkedProgram& linked) {
    const ProgramSpec& program = spec_.programs[linked.program];
    const std::string subject = format("program \"{}\"", escape_terminal(program.name));
    if (program.row == nullptr) {
      std::unexpected<Error> failure =
          fail(Code::unsupported, "unknown section \"{}\"", escape_terminal(program.section));
      failure.error().context = subject;
      for (std::string_view near : similar_sections(program.section, 3))
        failure.error().detail +=
            format("{}{}", failure.error().detail.empty() ? "did you mean: " : ", ", near);
      return failure;
    }
    bpf::ProgLoad request;
    request.type = program.row->type;
    request.expected_attach_type = program.row->attach_type;
    request.name = program.name;
    request.license = spec_.license;
    request.insns = linked.insns;
    for (const Reference& reference : linked.map_references)
      request.map_references.push_back({reference.at, Fd::slot(plan_.map_slots[reference.index])});
    request.kernel_version = spec_.kernel_version.value_or(profile_.version_code);
    if ((program.row->flags & kSleepable) != 0) request.flags |= bpf::kProgSleepable;
    if ((program.row->flags & kFrags) != 0) request.flags |= bpf::kProgXdpHasFrags;
    add_info(linked, request);
    const u32 slot = new_slot();
    plan_.program_slots[linked.program] = slot;
    plan_.load.push_back({subject, std::move(request), slot, false});
    return {};
  }

  const ObjectSpec& spec_;
  const Linked& linked_;
  const KernelProfile& profile_;
  const PlanOptions& options_;
  Plan plan_;
};

}  // namespace

Result<Plan> make_plan(const ObjectSpec& spec, const Linked& linked, const KernelProfile& profile,
                       const PlanOptions& options) {
  if (spec.order != kHostOrder)
    return fail(Code::unsupported, "the object is {}-endian, this machine is {}-endian",
                spec.order == ByteOrder::big ? "big" : "little",
                kHostOrder == ByteOrder::big ? "big" : "little");
  return Planner(spec, linked, profile, options).run();
}

}  // namespace bpfld::loader
